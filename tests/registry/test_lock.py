"""The migration lock is sqitch's, and its loss is noticed."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from carecli.errors import CannotConnect, LockNotAvailable
from carecli.registry.lock import MigrationLock
from carecli.resources import read_sql
from tests.plugins.databases import TestDatabase


@pytest.fixture
def lock(empty_database: TestDatabase) -> Iterator[MigrationLock]:
    """Give the lock of a database, not taken yet."""
    lock = MigrationLock(empty_database.url, worker=0, wait=0.1, say=lambda message: None)
    yield lock
    lock.release()


def test_is_the_lock_of_sqitch(empty_database: TestDatabase, lock: MigrationLock) -> None:
    """The number is the one in sqitch's source, in its one-argument form."""
    lock.acquire()
    assert empty_database.execute("select pg_try_advisory_lock(75474063)") == [(False,)]
    lock.check()
    lock.release()
    with empty_database.connect() as connection:
        connection.execute("select pg_advisory_lock(75474063)")


def test_second_one_is_told_who_holds_it(empty_database: TestDatabase, lock: MigrationLock) -> None:
    """The wait ends, and the holder's name and number are told."""
    holder = empty_database.connect(application_name="another tool")
    holder.execute("select pg_advisory_lock(75474063)")
    with pytest.raises(LockNotAvailable, match=f"another tool.*pid {holder.info.backend_pid}"):
        lock.acquire()


def test_holder_of_a_role_with_more_rights(empty_database: TestDatabase) -> None:
    """A role that may not see the session of another is told its name and number all the same."""
    stranger = f"stranger_{empty_database.name}"
    server = empty_database.server
    with server.administration(empty_database.name) as holder:
        holder.execute("select pg_advisory_lock(75474063)")
        holder.execute(f"create role {stranger} login")
        url = empty_database.url.replace("//postgres@", f"//{stranger}@")
        lock = MigrationLock(url, worker=0, wait=0, say=lambda message: None)
        try:
            pid, user = holder.info.backend_pid, holder.info.user
            with pytest.raises(LockNotAvailable, match=rf"of user {user} \(pid {pid}\)$"):
                lock.acquire()
        finally:
            lock.release()
            holder.execute(f"drop role {stranger}")


def test_holder_that_has_just_ended(empty_database: TestDatabase) -> None:
    """A lock whose session is not among the sessions any more is nobody's."""
    observer = empty_database.connect()
    # Within a transaction the sessions are those of the first look, the locks those of this moment.
    with observer.transaction():
        observer.execute("select count(*) from pg_stat_activity")
        holder = empty_database.connect()
        holder.execute("select pg_advisory_lock(75474063)")
        assert observer.execute(read_sql("queries/migration_lock_holder")).fetchall() == []
    ((pid, description),) = observer.execute(read_sql("queries/migration_lock_holder"))
    assert pid == holder.info.backend_pid
    assert description.startswith("sqitch or another client of user postgres from this machine")


def test_not_held(lock: MigrationLock) -> None:
    """What was never taken is not held."""
    with pytest.raises(CannotConnect):
        lock.check()


def test_notice_on_its_session_is_no_loss(
    empty_database: TestDatabase, lock: MigrationLock
) -> None:
    """A setting that the administrator changes is told to all sessions, and ends none."""
    lock.acquire()
    with psycopg.connect(empty_database.superuser_url, autocommit=True) as connection:
        name = psycopg.sql.Identifier(empty_database.name)
        connection.execute(psycopg.sql.SQL("alter database {} set work_mem = '5MB'").format(name))
        connection.execute("select pg_reload_conf()")
    for _ in range(20):
        lock.check()


def test_loss_is_noticed(empty_database: TestDatabase, lock: MigrationLock) -> None:
    """A session that has ended is an error from then on."""
    lock.acquire()
    with empty_database.server.administration() as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = %s and application_name = 'carecli migration lock'",
            (empty_database.name,),
        )
    for _ in range(2):
        with pytest.raises(CannotConnect, match="has ended"):
            lock.check()
