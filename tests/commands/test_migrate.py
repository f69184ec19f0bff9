"""The options of `carecli migrate`, on real databases."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.plugins.chaos import Here, ProjectMaker, Start, Step
from tests.plugins.databases import TestDatabase
from tests.plugins.terminal import OpenTerminal

THREE = [
    Step(
        name,
        f"create table {name} (id int);\ncopy {name} from stdin;\n1\n\\.\n"
        f"create function f_{name}() returns text language sql as $$ select 'a;b -- :x' $$;\n",
        f"drop function f_{name}();\ndrop table {name};\n",
        f"select id from {name};\n",
    )
    for name in ("one", "two", "three")
]
LAST = """
with registry as (
    select 'change' as kind, to_jsonb(c) - 'committed_at' as row from sqitch.changes as c
    union all
    select 'event', to_jsonb(e) - 'committed_at' from sqitch.events as e
    union all
    select 'project', to_jsonb(p) - 'created_at' from sqitch.projects as p
    union all
    select 'dependency', to_jsonb(d) from sqitch.dependencies as d
),
catalogue as (
    select oid::regclass::text || relkind::text as name from pg_class
     where relnamespace in ('public'::regnamespace, 'sqitch'::regnamespace)
    union all
    select oid::regprocedure::text || prosrc from pg_proc
     where pronamespace = 'public'::regnamespace
)
select (select array_agg(row::text order by kind, row::text) from registry),
       (select array_agg(name order by name) from catalogue)
"""


@pytest.fixture
def three(make_project: ProjectMaker) -> Path:
    """Give a project of three changes."""
    return make_project(*THREE, name="three")


def names(database: TestDatabase) -> list[str]:
    """Return the deployed changes, in order."""
    if database.execute("select to_regclass('sqitch.changes')") == [(None,)]:
        return []
    rows = database.execute("select change from sqitch.changes order by committed_at")
    return [name for (name,) in rows]


def test_atomic_is_all_or_nothing(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """With --atomic a fault in the last change undoes the first ones."""
    project = make_project(*THREE, Step("bad", "select nope;"))
    place = ("-C", project, "-d", empty_database.url)
    said = run_here("migrate", "-y", "--atomic", *place, check=1).stderr
    assert "State: nothing is deployed, 4 pending" in said
    assert names(empty_database) == []
    assert empty_database.execute("select to_regclass('one')") == [(None,)]
    run_here("migrate", "-y", "--atomic", "--to", "three", *place, check=0)
    assert names(empty_database) == ["one", "two", "three"]


def test_atomic_refuses_by_name_what_cannot_be(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """A change outside of transactions is named, and nothing is deployed."""
    project = make_project(*THREE, Step("alone", "-- transactional: false\nvacuum;\n"))
    said = run_here(
        "migrate", "-y", "--atomic", "-C", project, "-d", empty_database.url, check=5
    ).stderr
    assert "alone cannot run in a transaction" in said
    assert names(empty_database) == []


@pytest.mark.peer("psql")
@pytest.mark.parametrize(
    "options", [(), ("--atomic",), ("--log-only", "--no-verify"), ("--no-verify",)]
)
def test_dry_run_is_what_would_run(
    empty_database: TestDatabase,
    three: Path,
    run_here: Here,
    peer: Callable[[str], Path],
    options: tuple[str, ...],
) -> None:
    """A dry run changes nothing; its output through psql does what the live run does."""
    place = (*options, "-C", three, "-d", empty_database.url)
    script = run_here("migrate", "--dry-run", *place, check=0).stdout
    assert empty_database.execute("select count(*) from pg_class where oid >= 16384") == [(0,)]
    run_psql(peer("psql"), empty_database.url, script)
    by_psql = empty_database.execute(LAST)
    undo = run_here("rollback", "--dry-run", "-C", three, "-d", empty_database.url, check=0).stdout
    assert names(empty_database) == ["one", "two", "three"]
    if "--log-only" not in options:
        run_psql(peer("psql"), empty_database.url, undo)
        assert names(empty_database) == []
    empty_database.execute("drop schema sqitch cascade")
    run_here("migrate", "-y", *place, check=0)
    assert empty_database.execute(LAST) == by_psql


def run_psql(psql: Path, url: str, script: str) -> None:
    """Run a script as an administrator would."""
    subprocess.run(
        [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url],
        input=script,
        text=True,
        check=True,
        capture_output=True,
    )


def test_log_only_runs_no_script(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """With --log-only the changes are recorded and nothing else happens."""
    project = make_project(Step("one", "create table one ();", "drop table one;"))
    place = ("-C", project, "-d", empty_database.url)
    run_here("migrate", "-y", "--log-only", *place, check=0)
    assert names(empty_database) == ["one"]
    assert empty_database.execute("select to_regclass('one')") == [(None,)]
    run_here("rollback", "-y", "--log-only", *place, check=0)
    assert names(empty_database) == []


def test_to_and_count(empty_database: TestDatabase, three: Path, run_here: Here) -> None:
    """--to stops after a change, going up and going down; --count goes down so many."""
    place = ("-C", three, "-d", empty_database.url)
    run_here("migrate", "-y", "--to", "two", *place, check=0)
    assert names(empty_database) == ["one", "two"]
    run_here("migrate", "-y", *place, check=0)
    run_here("rollback", "-y", "--count", "2", *place, check=0)
    assert names(empty_database) == ["one"]
    run_here("migrate", "-y", *place, check=0)
    run_here("rollback", "-y", "--to", "two", *place, check=0)
    assert names(empty_database) == ["one", "two"]
    run_here("migrate", "-y", "--to", "nosuch", *place, check=2)


def test_json(empty_database: TestDatabase, three: Path, run_here: Here) -> None:
    """`--format json` is one object with stable names on stdout, whatever was done."""
    place = ("--format", "json", "-C", three, "-d", empty_database.url)
    first = json.loads(run_here("migrate", "-y", "--to", "one", *place, check=0).stdout)
    assert first["at"] == "one"
    assert [item["change"] for item in first["deployed"]] == ["one"]
    assert first["pending"] == ["two", "three"]
    dry = json.loads(run_here("migrate", "--dry-run", *place, check=0).stdout)
    assert dry["dry_run"] is True
    assert "create table two" in dry["sql"]
    down = json.loads(run_here("rollback", "-y", *place, check=0).stdout)
    assert [item.pop("change") for item in down["reverted"]] == ["one"]
    assert [list(item) for item in down.pop("reverted")] == [["change_id"]]
    assert down == {"dry_run": False, "at": None}


def test_quiet_and_plain(empty_database: TestDatabase, three: Path, run_here: Here) -> None:
    """-q leaves stderr empty; without a terminal there is no colour and no bar."""
    place = ("-C", three, "-d", empty_database.url)
    loud = run_here("migrate", "-y", "--to", "two", *place, check=0)
    assert "\x1b" not in loud.stdout + loud.stderr
    quiet = run_here("-q", "migrate", "-y", *place, check=0)
    assert quiet.stderr == ""
    assert quiet.stdout == "Deployed 1 change; the database is at three.\n"


@pytest.mark.parametrize(("extra", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_on_a_terminal(
    empty_database: TestDatabase,
    three: Path,
    carecli_terminal: OpenTerminal,
    extra: dict[str, str | None],
    coloured: bool,
) -> None:
    """A terminal gets colours, unless NO_COLOR is set."""
    terminal = carecli_terminal("migrate", "-y", "-C", three, "-d", empty_database.url, env=extra)
    assert terminal.finish() == 0
    assert ("\x1b[32m" in terminal.output) == coloured
    assert "ok" in terminal.text


@pytest.mark.parametrize(
    ("keys", "code"),
    [(b"y\n", 0), (b"Yes \n", 0), (b"perhaps\ny\n", 0), (b"n\n", 5), (b"\n", 5), (b"\x04", 5)],
)
def test_answer_on_a_terminal(
    empty_database: TestDatabase,
    three: Path,
    carecli_terminal: OpenTerminal,
    keys: bytes,
    code: int,
) -> None:
    """Nothing but yes is agreement: neither an empty line nor the end of the input."""
    empty_database.execute("create table kept as select 1 as id")
    terminal = carecli_terminal("migrate", "-C", three, "-d", empty_database.url)
    terminal.wait_until("the question", lambda: "[y/N]" in terminal.text)
    terminal.press(keys)
    assert terminal.finish() == code
    assert terminal.text.count("[y/N]") == 1 + (b"perhaps" in keys)
    assert ("not confirmed; nothing was done" in terminal.text) == (code == 5)
    assert names(empty_database) == (["one", "two", "three"] if code == 0 else [])


def test_asks_before_a_database_that_holds_rows(
    empty_database: TestDatabase, three: Path, run_here: Here
) -> None:
    """Where nobody can be asked it is refused with 5; --yes agrees beforehand."""
    place = ("-C", three, "-d", empty_database.url)
    empty_database.execute("create table kept as select 1 as id")
    said = run_here("migrate", *place, check=5).stderr
    assert "the database holds rows (in kept)" in said
    assert "--yes" in said
    assert names(empty_database) == []
    run_here("migrate", "--yes", *place, check=0)
    assert run_here("rollback", *place, check=5).stderr.count("--yes") == 1
    assert names(empty_database) == ["one", "two", "three"]


def test_empty_database_needs_no_agreement(
    empty_database: TestDatabase, three: Path, run_here: Here
) -> None:
    """A database without rows is migrated without a question."""
    run_here("migrate", "-C", three, "-d", empty_database.url, check=0)


def test_nothing_is_left_open(empty_database: TestDatabase, three: Path, run_here: Here) -> None:
    """No session, transaction or advisory lock stays, after success and after failure."""
    place = ("-C", three, "-d", empty_database.url)
    run_here("migrate", "-y", *place, check=0)
    (three / "revert" / "three.sql").write_text("select nope;")
    run_here("rollback", "-y", *place, check=1)
    left = (
        "select application_name from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid()"
    )
    limit = time.monotonic() + 5
    while (found := empty_database.execute(left)) and time.monotonic() < limit:
        pass
    assert found == []


def test_backup_can_be_restored(
    empty_database: TestDatabase, three: Path, run_here: Here, tmp_path: Path
) -> None:
    """--backup leaves a dump from before the migration that only its owner can read."""
    from carecli.database import client_program

    empty_database.execute("create table kept as select 1 as id")
    folder = tmp_path / "new" / "folder"
    place = ("-C", three, "-d", empty_database.url)
    run_here("migrate", "-y", "--backup", folder, *place, check=0)
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    program = client_program("pg_restore", server_version=empty_database.server.version)
    assert program is not None
    listing = subprocess.run([program, "-f", "-", file], capture_output=True, text=True, check=True)
    assert "CREATE TABLE public.kept" in listing.stdout
    assert "CREATE TABLE public.one" not in listing.stdout
    run_here("migrate", "-y", "--backup", folder, *place, check=0)
    assert len(list(folder.iterdir())) == 1  # nothing was pending


def test_failed_backup_prevents_the_migration(
    empty_database: TestDatabase, three: Path, run_here: Here, tmp_path: Path
) -> None:
    """Where the dump fails nothing is deployed, and no half a file is left."""
    place = ("-C", three, "-d", empty_database.url)
    (tmp_path / "file").write_text("")
    said = run_here("migrate", "-y", "--backup", tmp_path / "file" / "x", *place, check=1).stderr
    assert "nothing was migrated" in said
    with empty_database.connect(superuser=True) as other:
        other.execute("create table secret (id int); revoke all on secret from public")
    said = run_here("migrate", "-y", "--backup", tmp_path / "dumps", *place, check=1).stderr
    assert "permission denied for table secret" in said
    assert names(empty_database) == []
    assert list((tmp_path / "dumps").iterdir()) == []


def test_password_is_in_no_list_of_processes(
    empty_database: TestDatabase, three: Path, carecli_start: Start, tmp_path: Path
) -> None:
    """While pg_dump runs, nothing that carecli starts has the password in its arguments."""
    url = with_password(empty_database.url, "s3cr3t")
    holder = empty_database.connect()
    holder.execute("create table kept (); begin; lock table kept")
    command = carecli_start(
        "migrate", "-y", "--backup", tmp_path, "-C", three, env={"CARECLI_DATABASE_URL": url}
    )
    seen = ""
    limit = time.monotonic() + 30
    while "--dbname" not in seen and time.monotonic() < limit:
        seen = "\n".join(arguments(command.process.pid))
    assert "--dbname" in seen
    assert "s3cr3t" not in seen
    holder.execute("rollback")
    ended = command.finish()
    assert ended.returncode == 0, ended.stderr
    assert "s3cr3t" not in ended.stdout + ended.stderr


def arguments(pid: int) -> list[str]:
    """Return the command lines of a process and of its children."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(folder.name) == pid or int(status[1]) == pid:
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it has ended meanwhile
            continue
    return found


def with_password(url: str, password: str) -> str:
    """Return the URL with a password in it, which a server that trusts us never asks for."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return psycopg.conninfo.make_conninfo("", **{**parts, "password": password})


def test_late_tag_is_recorded_and_shown_beforehand(
    empty_database: TestDatabase, three: Path, run_here: Here, peer: Callable[[str], Path]
) -> None:
    """A tag that a deployed change is given later is in the dry run, recorded, and named."""
    place = ("-C", three, "-d", empty_database.url)
    run_here("migrate", "-y", *place, check=0)
    with (three / "sqitch.plan").open("a") as plan:
        plan.write("@late 2026-02-01T00:00:00Z Ann <ann@example.com> # too late\n")
    script = run_here("migrate", "--dry-run", *place, check=0).stdout
    recorded = "select tag from sqitch.tags where tag = '@late'"
    assert empty_database.execute(recorded) == []
    assert "three @late" in run_here("migrate", "-y", *place, check=0).stdout
    assert empty_database.execute(recorded) == [("@late",)]
    empty_database.execute("delete from sqitch.tags where tag = '@late'")
    run_psql(peer("psql"), empty_database.url, script)
    assert empty_database.execute(recorded) == [("@late",)]


def test_nothing_is_loaded_that_is_not_needed(
    empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """A deployment starts without what yoyo loads for its own tables and splitter."""
    project = make_project(*THREE)
    arguments = ["carecli", "migrate", "-y", "-C", str(project), "-d", empty_database.url]
    code = (
        "import os, sys; os._exit = lambda code: print(code, *sys.modules, file=sys.stderr);"
        f" sys.argv = {arguments!r}; from carecli.__main__ import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = done.stderr.splitlines()[-1].split()
    assert loaded[0] == "0"
    assert {"yoyo", "psycopg"} <= set(loaded)
    assert not {"sqlparse.engine", "importlib_metadata._meta", "importlib.metadata"} & set(loaded)
    assert names(empty_database) == ["one", "two", "three"]
