"""A project's settings, its paths and its scripts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from carecli.errors import InvalidUsage
from carecli.project import Project
from carecli.resources import data_directory
from tests.plugins.sqitch_project import SqitchProject

ORIGIN = "2026-01-31T12:00:00Z Ann <ann@example.com>"


@pytest.fixture(autouse=True)
def no_user_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own configuration out."""
    for name in ("SQITCH_CONFIG", "SQITCH_TARGET"):
        monkeypatch.delenv(name, raising=False)
    for name in ("SQITCH_USER_CONFIG", "SQITCH_SYSTEM_CONFIG"):
        monkeypatch.setenv(name, "/nonexistent")


def project(tmp_path: Path, configuration: str = "", target: str | None = None) -> Project:
    """Return a project with this sqitch.conf."""
    (tmp_path / "sqitch.conf").write_text(configuration)
    return Project.load(tmp_path, target=target)


def test_defaults(tmp_path: Path) -> None:
    """Without a configuration everything is where sqitch has it."""
    found = Project.load(tmp_path)
    assert found.plan_file == tmp_path / "sqitch.plan"
    assert found.deploy_dir == found.reworked_deploy_dir == tmp_path / "deploy"
    assert (found.extension, found.registry, found.target_uri) == ("sql", "sqitch", None)
    assert found.variables == {}


def test_current_folder_is_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a plan or configuration is the project where none is named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sqitch.plan").write_text("%project=here\n\n")
    assert Project.load().plan.project == "here"


def test_own_migrations_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anywhere else it is the migrations that come with carecli."""
    monkeypatch.chdir(tmp_path)
    assert Project.load().directory == data_directory("migrations")


def test_named_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that is named is read, and the current folder is its project."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.plan").write_text("%project=other\n\n")
    found = Project.load(plan_file=Path("other.plan"))
    assert found.plan.project == "other"
    assert found.deploy_dir == Path("deploy")


def test_directories_of_the_configuration(tmp_path: Path) -> None:
    """Every directory can be set, and the others follow top_dir and reworked_dir."""
    found = project(
        tmp_path,
        "[core]\ntop_dir = sql\nverify_dir = checks\nreworked_dir = old\nextension = ddl\n",
    )
    assert found.plan_file == tmp_path / "sql/sqitch.plan"
    assert found.deploy_dir == tmp_path / "sql/deploy"
    assert found.verify_dir == tmp_path / "checks"
    assert found.reworked_deploy_dir == tmp_path / "old/deploy"
    assert found.reworked_verify_dir == tmp_path / "old/verify"
    assert found.extension == "ddl"


def test_target_wins_over_engine_over_core(tmp_path: Path) -> None:
    """A setting is taken from the target, else the engine, else the core."""
    text = (
        "[core]\nregistry = c\nplan_file = c.plan\nextension = c\n"
        '[engine "pg"]\nregistry = e\nplan_file = e.plan\n'
        '[target "prod"]\nuri = db:pg://db/prod\nregistry = t\n'
    )
    found = project(tmp_path, text, "prod")
    assert (found.registry, found.plan_file.name, found.extension) == ("t", "e.plan", "c")
    assert found.target_uri == "db:pg://db/prod"


@pytest.mark.parametrize(
    ("text", "target", "uri"),
    [
        ("[core]\nengine = pg\n", None, None),
        ('[core]\nengine = pg\n[engine "pg"]\ntarget = db:pg:shop\n', None, "db:pg:shop"),
        (
            '[engine "pg"]\ntarget = prod\n[target "prod"]\nuri = db:pg://h/prod\n',
            None,
            "db:pg://h/prod",
        ),
        ("[core]\ntarget = db:postgresql://h/x\n", None, "db:postgresql://h/x"),
        ('[engine "pg"]\ntarget = db:pg:shop\n', "pg", "db:pg:shop"),
        ("", "pg", "db:pg:"),
        ('[core]\nengine = sqlite\n[target "p"]\nuri = db:pg:x\n', "p", "db:pg:x"),
        ("", "postgresql://u:secret@h/x", "postgresql://u:secret@h/x"),
    ],
)
def test_target_uri(tmp_path: Path, text: str, target: str | None, uri: str | None) -> None:
    """The database is that of the target, engine, or configured default."""
    assert project(tmp_path, text, target).target_uri == uri


def test_target_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQITCH_TARGET names the target where the command line does not."""
    monkeypatch.setenv("SQITCH_TARGET", "prod")
    assert project(tmp_path, '[target "prod"]\nuri = db:pg:p\n').target_uri == "db:pg:p"


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ('[target "prod"]\nuri = db:pg:x\n', "prd", 'no target "prd"'),
        ('[target "prod"]\nregistry = x\n', "prod", 'target "prod" has no uri'),
        ('[target "lite"]\nuri = db:sqlite:x\n', "lite", "PostgreSQL projects only"),
        ("[core]\nengine = mysql\n", None, "core.engine is mysql"),
    ],
)
def test_unusable_targets(tmp_path: Path, text: str, target: str | None, message: str) -> None:
    """A target that is not there, or not PostgreSQL, is refused with what there is."""
    with pytest.raises(InvalidUsage, match=message) as caught:
        project(tmp_path, text, target)
    assert caught.value.hint


def test_password_stays_out_of_the_name(tmp_path: Path) -> None:
    """A target given as a URI is named without its password."""
    found = project(tmp_path, target="db:pg://ann:secret@db/shop")
    assert found.target_name == "db:pg://ann@db/shop"


def test_variables_by_precedence(tmp_path: Path) -> None:
    """The target's variables win, then the engine's, the action's, deploy's, core's."""
    names = ["core", "deploy", "revert", "verify", "engine.pg", "target.prod"]
    text = '[target "prod"]\nuri = db:pg:x\n'
    for level, name in enumerate(names):
        head, _, rest = f"{name}.variables".partition(".")
        text += f'[{head} "{rest}"]\n'
        text += "".join(f"v{number} = {name}\n" for number in range(level, len(names)))
    found = project(tmp_path, text, "prod")
    assert found.variables == {
        "v0": "core", "v1": "deploy", "v2": "deploy", "v3": "deploy", "v4": "engine.pg",
        "v5": "target.prod",
    }  # fmt: skip
    assert found.variables_for("revert")["v3"] == "revert"
    assert found.variables_for("verify")["v2"] == "deploy"
    assert found.variables_for("verify")["v3"] == "verify"


def reworked(tmp_path: Path) -> Project:
    """Return a project whose change app/users was tagged twice and reworked."""
    lines = ["app/users", "@v1", "@v2", "app/users [app/users@v1]"]
    body = "".join(f"{line} {ORIGIN}\n" for line in lines)
    (tmp_path / "sqitch.plan").write_text(f"%project=shop\n\n{body}")
    return project(tmp_path)


def test_script_files(tmp_path: Path) -> None:
    """A change's name gives folder and file; a reworked one's has the first tag."""
    found = reworked(tmp_path)
    old, new = found.plan.changes
    assert found.deploy_file(new) == tmp_path / "deploy/app/users.sql"
    assert found.verify_file(old) == tmp_path / "verify/app/users@v1.sql"


def test_reworked_script_is_looked_up_among_the_tags(tmp_path: Path) -> None:
    """The first tag for which there is a deploy script names all three."""
    found = reworked(tmp_path)
    (tmp_path / "deploy/app").mkdir(parents=True)
    (tmp_path / "deploy/app/users@v2.sql").write_text("")
    assert found.revert_file(found.plan.changes[0]) == tmp_path / "revert/app/users@v2.sql"


def test_script_hash(tmp_path: Path) -> None:
    """The hash is the SHA-1 of the file's bytes, and there is none without a file."""
    found = reworked(tmp_path)
    (tmp_path / "deploy/app").mkdir(parents=True)
    (tmp_path / "deploy/app/users.sql").write_bytes(b"select 1;\r\n")
    old, new = found.plan.changes
    assert found.script_hash(new) == hashlib.sha1(b"select 1;\r\n").hexdigest()  # noqa: S324
    assert found.script_hash(old) is None


@pytest.mark.peer("sqitch")
def test_settings_as_sqitch_shows_them(
    sqitch_project: SqitchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stock sqitch shows the same directories, registry and extension for a target."""
    sqitch_project.write(
        "sqitch.conf",
        "[core]\nengine = pg\ntop_dir = sql\nreworked_dir = old\n"
        '[engine "pg"]\nregistry = reg\nverify_dir = "my checks"\n'
        '[target "prod"]\nuri = db:pg://db/prod\nextension = ddl\nplan_file = prod.plan\n',
    )
    shown = sqitch_project.sqitch("target", "show", "prod")
    values = dict(line.strip().split(":", 1) for line in shown.splitlines() if ": " in line)
    values = {name.strip(" *"): value.strip() for name, value in values.items()}
    monkeypatch.chdir(sqitch_project.directory)
    found = Project.load(target="prod")
    assert values["URI"] == found.target_uri
    assert values["Registry"] == found.registry
    assert values["Top Directory"] == str(found.top_dir)
    assert values["Plan File"] == str(found.plan_file)
    assert values["Extension"] == found.extension
    expected = [found.deploy_dir, found.revert_dir, found.verify_dir]
    reworked_dirs = [
        found.reworked_deploy_dir, found.reworked_revert_dir, found.reworked_verify_dir,
    ]  # fmt: skip
    listed = [line.split(": ", 1) for line in shown.splitlines() if ": " in line]
    found_dirs = [
        value.strip() for name, value in listed if name.strip() in ("Deploy", "Revert", "Verify")
    ]
    assert found_dirs == [str(path) for path in (*expected, *reworked_dirs)]
