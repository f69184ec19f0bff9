"""Each check of the doctor: nothing found, then the fault, then nothing once it is mended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from carecli.doctor import DoctorOptions
from carecli.doctor.statements import load_statements, run_statement
from carecli.migrator.target import open_target
from carecli.settings import Settings
from tests.plugins.chaos import Here, ProjectMaker, Step
from tests.plugins.databases import TestDatabase
from tests.plugins.postgres import uri

Found = tuple[str, str, str]
Ask = Callable[..., list[Found]]
NEWCOMER = "carecli_newcomer"


@pytest.fixture
def ask(run_here: Here) -> Ask:
    """Give a function that returns check, level and object of what the doctor finds."""

    def doctor(url: str, *options: str | Path) -> list[Found]:
        done = run_here("doctor", "-d", url, "--format", "json", *options)
        answer = json.loads(done.stdout)
        findings = [item for part in answer["parts"] for item in part["findings"]]
        assert all(item["detail"] and item["remediation"] for item in findings)
        assert done.returncode == any(item["level"] != "info" for item in findings)
        return [
            (item["check"], item["level"], item["object"])
            for item in findings
            if (item["check"], item["level"]) != ("disk", "info")
        ]

    return doctor


@pytest.fixture
def newcomer(database: TestDatabase) -> Iterator[str]:
    """Give the URL of a role that has nothing but the right to log in."""
    server = database.server
    with server.administration(database.name) as connection:
        name = Identifier(NEWCOMER)
        connection.execute(SQL("create role {} login password 'x'").format(name))
        try:
            yield uri({**server.migrator, "user": NEWCOMER, "password": "x"}, database.name)
        finally:
            connection.execute(SQL("drop owned by {}").format(name))
            connection.execute(SQL("drop role {}").format(name))


def test_sound_database(database: TestDatabase, ask: Ask) -> None:
    """Where all is well there is nothing to mend."""
    assert ask(database.url) == []


def test_doctor_never_writes(
    database: TestDatabase, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every check can be made in a session that is not allowed to write."""
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    assert [check for check, _, _ in ask(database.url)] == ["read_only"]


def test_foreign_project(
    empty_database: TestDatabase, ask: Ask, make_project: ProjectMaker
) -> None:
    """What messaging needs is asked for where messaging is to be deployed, and nowhere else."""
    project = make_project(Step("prerequisites", "do $$ begin raise exception 'no'; end $$;"))
    assert ask(empty_database.url, "-C", project) == []
    assert "prerequisites" in {check for check, _, _ in ask(empty_database.url)}


def test_no_server(run_here: Here, tmp_path: Path) -> None:
    """Without a connection the exit code is 3."""
    run_here("doctor", "-d", f"postgresql:///app?host={tmp_path}", check=3)


def test_blocking_transaction(database: TestDatabase, ask: Ask) -> None:
    """A transaction with locks on a table, open for longer than a migration waits, is named."""
    with database.connect(autocommit=False) as other:
        other.execute("select from public.help_requests")
        expected = f"session {other.info.backend_pid} of {other.info.user}"
        assert ask(database.url, "--lock-timeout", "0ms") == [
            ("blocking_transactions", "warning", expected)
        ]
        assert ask(database.url, "--lock-timeout", "1h") == []
        other.rollback()
        assert ask(database.url, "--lock-timeout", "0ms") == []


def test_transaction_that_the_role_may_not_see(database: TestDatabase, ask: Ask) -> None:
    """A transaction whose age is hidden is told, and does not count."""
    with database.connect(superuser=True, autocommit=False) as other:
        other.execute("select from public.help_requests")
        [(check, level, _)] = ask(database.url)
        assert (check, level) == ("blocking_transactions", "info")


def test_clock(database: TestDatabase) -> None:
    """A clock that is a minute off is a finding that says in which direction."""
    [path] = [path for path in load_statements() if path.stem == "clock"]
    with open_target(Settings(database_url=database.url, verbosity=-1)) as target:

        def found(difference: int) -> list[str]:
            moment = datetime.now(UTC) + timedelta(seconds=difference)
            rows = run_statement(target, path, DoctorOptions(), client_time=moment)
            return [row.detail for row in rows]

        assert found(0) == []
        assert found(60) == ["it is 60 s behind that of this machine"]
        assert found(-60) == ["it is 60 s ahead of that of this machine"]


def test_connections(database: TestDatabase, ask: Ask) -> None:
    """Few places left in the database are a warning, none an error."""
    name = Identifier(database.name)
    limit = SQL("alter database {} connection limit {}")
    # From outside, because a session that was closed here would take a place for a while.
    with database.server.administration() as administrator:
        for count, level in ((1, "error"), (4, "warning")):
            administrator.execute(limit.format(name, count))
            assert ask(database.url) == [
                ("connections", level, f"connections of database {database.name}")
            ]
        administrator.execute(limit.format(name, -1))
    assert ask(database.url) == []


def test_invalid_index(database: TestDatabase, ask: Ask) -> None:
    """What a failed `create index concurrently` left behind is named."""
    database.execute("create table public.things as select 1 as id from generate_series(1, 2)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute("create unique index concurrently things_idx on public.things (id)")
    assert ask(database.url) == [("invalid_indexes", "warning", "index things_idx")]
    database.execute("drop index public.things_idx")
    assert ask(database.url) == []


def test_read_only_database(database: TestDatabase, ask: Ask) -> None:
    """A database whose transactions are read-only is an error."""
    name = Identifier(database.name)
    switch = SQL("alter database {} set default_transaction_read_only = {}")
    database.execute(switch.format(name, SQL("on")).as_string())
    assert ask(database.url) == [
        ("read_only", "error", "setting default_transaction_read_only")
    ]  # fmt: skip
    database.execute(switch.format(name, SQL("off")).as_string())
    assert ask(database.url) == []


def test_registry_that_cannot_be_written(migrated: TestDatabase, ask: Ask) -> None:
    """A registry that belongs to somebody else is an error for each of its tables."""
    owner = Identifier(migrated.server.migrating_role)
    with migrated.server.administration(migrated.name) as connection:
        connection.execute(SQL("revoke insert on sqitch.events from {}").format(owner))
        assert ask(migrated.url) == [("registry", "error", "table sqitch.events")]
        connection.execute(SQL("grant insert on sqitch.events to {}").format(owner))
        strange = Identifier(migrated.server.administrator["user"])
        connection.execute(SQL("alter schema sqitch owner to {}").format(strange))
        connection.execute(SQL("revoke all on schema sqitch from {}").format(owner))
    assert ask(migrated.url) == [("registry", "error", "schema sqitch")]
    with migrated.server.administration(migrated.name) as connection:
        connection.execute(SQL("alter schema sqitch owner to {}").format(owner))
    assert ask(migrated.url) == []


def test_registry_that_cannot_be_made(database: TestDatabase, newcomer: str, ask: Ask) -> None:
    """Who may not create a schema is told, whichever project it is."""
    assert ("registry", "error", f"database {database.name}") in ask(newcomer)
    with database.server.administration() as connection:
        grant = SQL("grant create on database {} to {}")
        connection.execute(grant.format(Identifier(database.name), Identifier(NEWCOMER)))
    assert "registry" not in {check for check, _, _ in ask(newcomer)}


def test_roles_that_cannot_be_set(database: TestDatabase, newcomer: str, ask: Ask) -> None:
    """Who cannot stand where the application does is told for each of its roles."""
    roles = ("anon", "authenticated", "service_role")

    def found() -> list[Found]:
        return [item for item in ask(newcomer) if item[0] == "roles"]

    assert found() == [("roles", "warning", f"role {role}") for role in roles]
    with database.server.administration() as connection:
        names = SQL(", ").join(map(Identifier, roles))
        connection.execute(SQL("grant {} to {}").format(names, Identifier(NEWCOMER)))
    assert found() == []


def test_prerequisites(database: TestDatabase, ask: Ask) -> None:
    """What the plan's own change misses is a finding a thing, with its remedy."""
    database.execute("alter table public.help_requests rename column urgency to hurry")
    missing = "column public.help_requests.urgency (text or enum)"
    assert ask(database.url) == [("prerequisites", "error", missing)]
    database.execute("alter table public.help_requests rename column hurry to urgency")
    assert ask(database.url) == []


def test_optional_objects(database: TestDatabase, ask: Ask) -> None:
    """What messaging can do without is told, and does not count."""
    database.execute("alter table public.user_restrictions rename to restrictions")
    assert ask(database.url) == [("prerequisites", "info", "optional objects")]


def test_migration_lock(database: TestDatabase, ask: Ask) -> None:
    """Who holds the lock of carecli and sqitch is named."""
    with database.connect() as other:
        other.execute("select pg_advisory_lock(75474063)")
        assert ask(database.url) == [("migration_lock", "warning", "migration lock")]
        other.execute("select pg_advisory_unlock_all()")
        assert ask(database.url) == []


def test_disk(database: TestDatabase, run_here: Here) -> None:
    """Too little room is a warning to who may see the folder; others are told of the doubt."""

    def level(url: str, room: str) -> list[str]:
        done = run_here("doctor", "-d", url, "--room", room, "--format", "json")
        found = [item for part in json.loads(done.stdout)["parts"] for item in part["findings"]]
        return [item["level"] for item in found if item["check"] == "disk"]

    assert level(database.superuser_url, "1kB") == []
    assert level(database.superuser_url, "1000TB") == ["warning"]
    assert level(database.url, "1000TB") == ["info"]


def test_check_that_cannot_be_made(database: TestDatabase, ask: Ask) -> None:
    """A check that the server refuses is a finding; the others are made."""
    with database.connect() as other:
        other.execute("select pg_advisory_lock(75474063)")
        with database.server.administration(database.name) as connection:
            connection.execute("revoke select on pg_catalog.pg_prepared_xacts from public")
        assert ask(database.url) == [
            ("prepared_transactions", "warning", "check prepared_transactions"),
            ("migration_lock", "warning", "migration lock"),
        ]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem)
        for path in (*load_statements(), *load_statements("care_collective_messaging"))
    ],
)
def test_statement_says_what_and_why(path: Path) -> None:
    """The head of each statement tells what it looks at and why that matters."""
    head = [line for line in path.read_text().splitlines() if line.startswith("--")]
    assert head[0].startswith("-- What: ")
    assert any(line.startswith("-- Why: ") for line in head)
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    assert f'"{path.stem}"' in tests


def test_folders_are_names_of_projects() -> None:
    """A project's name chooses its own folder; none leads out of it."""
    assert load_statements("../doctor") == load_statements("doctor") == []
    assert {path.stem for path in load_statements("care_collective_messaging")} == {
        "publication", "roles",
    }  # fmt: skip
