"""The backend's transactions, whatever happens to a commit."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from carecli.errors import CannotConnect
from carecli.migrator.target import Target, open_target
from carecli.registry.backend import SqitchBackend
from carecli.registry.session import LiveSession
from carecli.settings import Settings
from tests.plugins.chaos import Here, ProjectMaker, Step
from tests.plugins.databases import TestDatabase


def backend_on(target: Target) -> SqitchBackend:
    """Return a backend whose registry is made."""
    session = LiveSession(target.connection)
    backend = SqitchBackend(session, target.registry(session), lock_timeout=1000)
    backend.prepare()
    return backend


def fail_in_transaction(backend: SqitchBackend) -> None:
    """Run two statements in a transaction, the second of which fails."""
    with backend.transaction():
        backend.session.run("create table half ();")
        backend.session.run("select nope;")


@pytest.fixture
def settings(empty_database: TestDatabase, make_project: ProjectMaker) -> Settings:
    """Give the settings for a project of one change and its database."""
    project: Path = make_project(Step("one", "create table one ();"))
    return Settings(directory=project, database_url=empty_database.url, verbosity=-1)


def test_failed_commit_leaves_no_transaction(settings: Settings) -> None:
    """After a commit that the server refused, the next transaction is a real one."""
    with open_target(settings) as target:
        backend = backend_on(target)
        target.connection.execute(
            "create table p (id int primary key);"
            "create table c (p int references p deferrable initially deferred)"
        )
        with pytest.raises(psycopg.errors.ForeignKeyViolation), backend.transaction():
            backend.session.run("insert into c values (1);")
        with pytest.raises(psycopg.errors.UndefinedColumn):
            fail_in_transaction(backend)
        found = target.connection.execute("select to_regclass('half')").fetchone()
        assert found == (None,)


def test_lost_lock_rolls_back(settings: Settings) -> None:
    """What may not be committed is rolled back at once, not when the session ends."""

    def lost() -> None:
        raise CannotConnect("gone")

    with open_target(settings) as target:
        backend_on(target)
        session = LiveSession(target.connection)
        backend = SqitchBackend(
            session, target.registry(session), lock_timeout=1000, before_commit=lost
        )
        with pytest.raises(CannotConnect), backend.transaction():
            session.run("create table half ();")
        status = target.connection.info.transaction_status
        assert status == psycopg.pq.TransactionStatus.IDLE
        assert target.connection.execute("select to_regclass('half')").fetchone() == (None,)


def test_transaction_keeps_other_migrators_out(
    settings: Settings, empty_database: TestDatabase
) -> None:
    """A change's transaction holds the lock on the registry that every sqitch waits for."""
    with open_target(settings) as target:
        backend = backend_on(target)
        with backend.transaction():
            backend.session.run("select 1;")
            held = empty_database.execute(
                "select mode from pg_locks where relation = 'sqitch.changes'::regclass"
            )
            assert held == [("ExclusiveLock",)]


def test_change_is_one_query(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """A change's scripts reach the server together: each trip costs as much as a statement."""
    project = make_project(
        Step(
            "one",
            "create table seen as select statement_timestamp() as at;",
            verify="select 1 / (at = statement_timestamp())::int from seen;",
        )
    )
    run_here("migrate", "-y", "-C", project, "-d", empty_database.url, check=0)
    assert empty_database.execute("select count(*) from seen") == [(1,)]
