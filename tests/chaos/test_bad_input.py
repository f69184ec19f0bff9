"""Whatever is thrown at the command: an exit code of the contract, and never a traceback."""

from __future__ import annotations

import random
import subprocess
import sys
import traceback
from pathlib import Path

import click
import pytest

from carecli.cli import cli
from tests.plugins.chaos import Here, ProjectMaker, Step
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase

CODES = {0, 1, 2, 3, 4, 5}
SECRET = "hush-hush"

URLS = [
    "",
    " ",
    "nonsense",
    "postgresql://",
    f"postgresql://user:{SECRET}@/x?nosuch=1",
    f"postgresql://user:{SECRET}@nosuch.invalid/x",
    f"postgresql://user:{SECRET}@127.0.0.1:1/x",
    f"postgresql://user:{SECRET}@127.0.0.1:99999/x",
    f"postgresql://user:{SECRET}@127.0.0.1:port/x",
    f"postgresql://user:{SECRET}@127.0.0.1:1/x?connect_timeout=soon",
    f"postgresql://user:{SECRET}@{'a' * 300}/x",
    f"postgresql://user:{SECRET}@[::1/x",
    f"postgresql://user:%zz{SECRET}@h/x",
    f"host=127.0.0.1 port=1 password={SECRET} nosuch=2",
    f"host=127.0.0.1 port=1 password='{SECRET}",
    f"password={SECRET} host",
    f"db:pg://user:{SECRET}@127.0.0.1:1/x",
    f"db:mysql://user:{SECRET}@h/x",
    f"mysql://user:{SECRET}@h/x",
    "db:",
    "http://example.org/",
    "postgresql:///x?host=/nonexistent&sslkey=hush-hush",
    "postgresql://ü:ß@127.0.0.1:1/ö",
    "postgresql:///x?service=nosuch",
    "postgresql://127.0.0.1:1,127.0.0.1:2/x",
]


@pytest.mark.parametrize("command", [("migrate", "-y"), ("status",)])
@pytest.mark.parametrize("url", URLS)
def test_bad_urls(
    make_project: ProjectMaker, run_here: Here, url: str, command: tuple[str, ...]
) -> None:
    """A URL that leads nowhere is exit 2 or 3, in words, without its password."""
    project = make_project(Step("one", "select 1;"))
    options = ("--no-embedded",) if not url.strip() else ()
    ended = run_here(*command, *options, "-C", project, "-d", url)
    assert ended.returncode in (2, 3), ended.stderr
    assert "Error:" in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr


SCRIPTS: dict[str, bytes] = {
    "empty": b"",
    "one zero": b"\0",
    "a zero within": b"select 1;\0select 2;",
    "an archive": b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(range(256)) * 8,
    "latin-1": "select 'größe';".encode("latin-1"),
    "utf-16": "select 1;".encode("utf-16"),
    "a mark alone": b"\xef\xbb\xbf",
    "a mark": b"\xef\xbb\xbfselect 1;",
    "an open string": b"select 'abc",
    "an open comment": b"/* /* */ select 1;",
    "an open body": b"do $$ begin",
    "an open bracket": b"select (1;",
    "a huge line": b"select '" + b"x" * 3_000_000 + b"';",
    "a huge wrong line": b"select " + b"1 + " * 20_000 + b"nope;",
    "ten thousand semicolons": b";" * 10_000,
    "deep brackets": b"select " + b"(" * 20_000 + b"1" + b")" * 20_000 + b";",
    "an unknown meta-command": b"\\nosuch\nselect 1;",
    "a lone backslash": b"\\",
    "a copy without data": b"create table c (); copy c from stdin;",
    "a copy without its end": b"create table c (a int); copy c from stdin;\n1\n2",
    "a commit in the middle": b"select 1; commit; select 2;",
    "a rollback": b"rollback;",
    "an undefined variable": b"select :nosuch;",
    "carriage returns": b"select 1;\rselect 2;\r\nselect nope;\r",
    "a procedure that commits": b"do $$ begin commit; end $$;",
    "a database": b"create database x; select 1;",
    "a session that ends itself": b"select pg_terminate_backend(pg_backend_pid());",
    "another encoding": b"set client_encoding = 'latin1'; select nope;",
    "no time": b"set statement_timeout = 1; select pg_sleep(1);",
    "a prepared transaction": b"begin; prepare transaction 'x';",
    "a copy to nowhere": b"copy (select generate_series(1, 1000)) to stdout;",
    "a notice of any length": b"do $$ begin raise notice '%', repeat('x', 100000); end $$;",
    "a wrong name": b"select \xff;",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_bad_scripts(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here, name: str
) -> None:
    """A script of any bytes ends with a code of the contract, and is whole or not there at all."""
    project = make_project(Step("one", b"create table witness ();\n" + SCRIPTS[name], b""))
    ended = run_here("migrate", "-y", "-C", project, "-d", empty_database.url)
    assert ended.returncode in CODES
    assert "Traceback" not in ended.stderr
    there = empty_database.execute("select to_regclass('public.witness') is not null")
    assert there == [(ended.returncode == 0,)]
    if ended.returncode:
        assert "Error:" in ended.stderr


PLANS: dict[str, bytes] = {
    "empty": b"",
    "zeros": b"\0" * 100,
    "binary": bytes(range(256)) * 10,
    "utf-16": "%project=x\n".encode("utf-16"),
    "no project": b"%syntax-version=1.0.0\n",
    "rubbish": b"%project=x\n\n@@@@ [[[ ]]] ### <<<>>>\n",
    "a huge line": b"%project=x\n\n" + b"x" * 1_000_000 + b"\n",
    "a bad date": b"%project=x\n\none 2026-99-99T99:99:99Z A <a@b.c> # n\n",
}


@pytest.mark.parametrize("command", ["migrate", "rollback", "status", "verify", "log"])
@pytest.mark.parametrize("name", PLANS)
def test_bad_plans(
    empty_database: TestDatabase,
    make_project: ProjectMaker,
    run_here: Here,
    name: str,
    command: str,
) -> None:
    """A plan of any bytes is refused in words."""
    project = make_project(Step("one", "select 1;"))
    (project / "sqitch.plan").write_bytes(PLANS[name])
    ended = run_here(command, "-C", project, "-d", empty_database.url)
    assert ended.returncode in CODES
    if ended.returncode:
        assert "Error:" in ended.stderr


@pytest.mark.parametrize("file", ["sqitch.plan", "deploy/one.sql"])
def test_folders_in_the_place_of_files(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here, file: str
) -> None:
    """A folder where a file should be is a fault like any other."""
    project = make_project(Step("one", "select 1;"))
    (project / file).unlink()
    (project / file).mkdir()
    ended = run_here("migrate", "-y", "-C", project, "-d", empty_database.url)
    assert ended.returncode in (1, 2)
    assert "Error:" in ended.stderr


@pytest.mark.parametrize("content", [b"[core\n", b"\xff\xfe\0", b"= 3\n", b"[core]\n\tengine\n"])
def test_bad_configuration(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here, content: bytes
) -> None:
    """A configuration of any bytes has no traceback."""
    project = make_project(Step("one", "select 1;"))
    (project / "sqitch.conf").write_bytes(content)
    ended = run_here("migrate", "-y", "-C", project, "-d", empty_database.url)
    assert ended.returncode in CODES


@pytest.mark.parametrize("content", [b"\xff\xfe\0", b"A\0=b\n", b"DATABASE_URL\n", b"====\n'"])
def test_bad_env_file(
    make_project: ProjectMaker, run_here: Here, tmp_path: Path, content: bytes
) -> None:
    """An --env-file of any bytes has no traceback, and no database is made up."""
    file = tmp_path / "env"
    file.write_bytes(content)
    project = make_project(Step("one", "select 1;"))
    run_here("status", "--no-embedded", "--env-file", file, "-C", project, check=2)


WORDS = [
    *("migrate", "rollback", "status", "verify", "log", "plan", "check", "nosuch", "--nosuch"),
    *("--to", "--count", "--lock-timeout", "--lock-wait", "--set", "-q", "-v", "-vv", "--dry-run"),
    *("--atomic", "--format", "json", "text", "yaml", "5s", "-1", "0", "1e9", "x=y", "=", "@HEAD"),
    *("@ROOT", "HEAD^^^", "one~99", "", " ", "\n", "ü", "--", "-", "--registry", "no such schema"),
    *('"', "';--", "%s", "{}", "{registry}", "/etc", "--yes", "--log-only", "--no-verify", "-h"),
]


def test_random_command_lines(
    empty_database: TestDatabase, make_project: ProjectMaker, chance: random.Random
) -> None:
    """Command lines of random words end with a code of the contract."""
    project = make_project(Step("one", "select 1;"))
    for _ in range(150):
        words = chance.choices(WORDS, k=chance.randrange(1, 6))
        if words[0] not in WORDS[:5]:
            words.insert(0, chance.choice(WORDS[:5]))
        line = [*words, "-C", str(project), "-d", empty_database.url]
        assert code_of(line) in CODES, line


def code_of(line: list[str]) -> int:
    """Return the exit code of a command line; -1 for what would be a traceback."""
    from carecli.cli import main

    try:
        return main(line)
    except BaseException:
        print(line, traceback.format_exc())
    return -1


@pytest.mark.parametrize("name", ["no such schema", 'quo"te', "{braces}", "ünïcode"])
def test_registry_of_any_name(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here, name: str
) -> None:
    """A schema of any name can be the registry, in every command."""
    project = make_project(Step("one", "create table one ();", "drop table one;"))
    place = ("--registry", name, "-C", project, "-d", empty_database.url)
    run_here("migrate", "-y", *place, check=0)
    assert "Deployed: 1" in run_here("status", *place, check=0).stdout
    run_here("rollback", "-y", *place, check=0)


def test_every_command_has_an_example() -> None:
    """Each command's help shows how it is called."""
    with click.Context(cli) as context:
        for name in cli.list_commands(context):
            command = cli.get_command(context, name)
            assert command is not None
            assert "Example" in (command.help or ""), name


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_closed_stream(
    empty_database: TestDatabase, make_project: ProjectMaker, descriptor: int
) -> None:
    """A standard stream that the caller has closed is no fault."""
    carecli = Path(sys.executable).parent / "carecli"
    project = make_project(Step("one", "select 1;"))
    command = f'exec "$0" "$@" {descriptor}>&-'
    place = ["-C", str(project), "-d", empty_database.url]
    line = ["sh", "-c", command, str(carecli), "status", *place]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_full_disk(empty_database: TestDatabase, make_project: ProjectMaker) -> None:
    """An answer that cannot be written is a failure, in one line."""
    carecli = Path(sys.executable).parent / "carecli"
    project = make_project(Step("one", "select 1;"))
    line = [str(carecli), "status", "-C", str(project), "-d", empty_database.url]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "could not be written: No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "environment"),
    [(["-d", ""], {}), ([], {"DATABASE_URL": ""}), ([], {"CARECLI_DATABASE_URL": " "})],
)
def test_empty_name_is_no_name(
    carecli_run: Run, option: list[str], environment: dict[str, str]
) -> None:
    """An empty URL does not lead to some other database."""
    said = carecli_run("status", *option, env=environment, check=2).stderr
    assert "names no database" in said
