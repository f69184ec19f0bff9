"""Several queries in one round trip."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from carecli.monitoring.batch import Answer, Statement, run_batch
from tests.plugins.databases import TestDatabase

SECOND = timedelta(seconds=1)


def run(connection: psycopg.Connection, *queries: str) -> list[Answer]:
    """Run queries without parameters."""
    return list(run_batch(connection, map(Statement, queries), timeout=SECOND))


def test_each_query_has_its_answer(empty_database: TestDatabase) -> None:
    """Columns and rows stand in the order of the queries; nothing is nothing."""
    connection = empty_database.connect()
    assert run(connection, "select 1 as a", "select where false", "select 2 as b, 'x' as c") == [
        Answer(("a",), ((1,),)),
        Answer((), ()),
        Answer(("b", "c"), ((2, "x"),)),
    ]
    assert run(connection) == []


@pytest.mark.parametrize("prepared", [None, 0, 1], ids=["unprepared", "prepared", "then prepared"])
@pytest.mark.parametrize("order", ["bad good", "good bad", "bad bad", "good bad good bad bad good"])
def test_query_that_fails_spoils_no_other(
    empty_database: TestDatabase, order: str, prepared: int | None
) -> None:
    """Wherever it stands, each has its own answer, whatever the connection prepares."""
    connection = empty_database.connect(prepare_threshold=prepared)
    queries = {"good": "select 1 as a", "bad": "select 1/0"}
    answers = run(connection, *(queries[name] for name in order.split()))
    assert [answer.problem for answer in answers] == [
        None if name == "good" else "division by zero" for name in order.split()
    ]
    assert [answer.rows for answer in answers] == [
        ((1,),) if name == "good" else () for name in order.split()
    ]
    assert connection.execute("select 1").fetchone() == (1,)


def test_all_see_the_same_moment(empty_database: TestDatabase) -> None:
    """One transaction has them all."""
    first, _, second = run(
        empty_database.connect(), "select now()", "select pg_sleep(0.01)", "select now()"
    )
    assert first.rows == second.rows


def test_all_are_sent_before_the_first_is_answered(
    empty_database: TestDatabase, tmp_path: Path
) -> None:
    """However far the server is, forty queries wait for one answer."""
    connection = empty_database.connect()
    log = tmp_path / "protocol"
    with log.open("wb") as file:
        connection.pgconn.trace(file.fileno())
        run(connection, *["select 1"] * 40)
        connection.pgconn.untrace()
    # Each line: time, F for what we say and B for the answers, length, name of the message.
    messages = re.findall(r"^[^\t\n]+\t([FB])\t\d+\t(\w+)", log.read_text(), re.MULTILINE)
    first_answer = next(at for at, (side, _) in enumerate(messages) if side == "B")
    assert messages[:first_answer].count(("F", "Execute")) == 42
    assert messages[:first_answer].count(("F", "Sync")) == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("transaction_read_only", "on"),
        ("row_security", "off"),
        ("search_path", ""),
        ("TimeZone", "UTC"),
        ("jit", "off"),
        ("lock_timeout", "1s"),
        ("statement_timeout", "1s"),
    ],
)
def test_settings_are_those_of_the_transaction(
    empty_database: TestDatabase, setting: str, value: str
) -> None:
    """Each query has them, the last one too, and the connection does not keep them."""
    connection = empty_database.connect(options="-c timezone=Asia/Tokyo -c jit=on")
    before = connection.execute(f"show {setting}").fetchone()
    answers = run(connection, "select 1/0", "select 1", f"select current_setting('{setting}')")
    assert answers[-1].rows == ((value,),)
    assert connection.execute(f"show {setting}").fetchone() == before


def test_query_cannot_write(migrated: TestDatabase) -> None:
    """Each query runs in a read-only transaction, as on a replica."""
    (answer,) = run(migrated.connect(), "delete from public.conversations_v2")
    assert "read-only transaction" in (answer.problem or "")


def test_each_query_has_the_time_limit(empty_database: TestDatabase) -> None:
    """One that takes too long is a problem of its own; several may take longer together."""
    connection = empty_database.connect()
    statements = [Statement("select pg_sleep(0.4)")] * 3 + [Statement("select pg_sleep(60)")]
    answers = run_batch(connection, statements, timeout=timedelta(seconds=1))
    assert [answer.problem is None for answer in answers] == [True, True, True, False]
    assert "statement timeout" in (answers[-1].problem or "")


def test_table_that_is_locked_costs_those_alone_that_read_it(migrated: TestDatabase) -> None:
    """They give up long before their time is up, and say why."""
    blocker = migrated.connect(autocommit=False)
    blocker.execute("lock table public.conversations_v2 in access exclusive mode")
    query = Statement("select count(*) from public.conversations_v2")
    answers = run_batch(
        migrated.connect(), [query, Statement("select 1")], timeout=timedelta(minutes=5)
    )
    assert "lock timeout" in (answers[0].problem or "")
    assert answers[1].rows == ((1,),)
    blocker.rollback()


def test_server_that_hangs_is_not_waited_for_with_every_query(
    empty_database: TestDatabase,
) -> None:
    """Those that it would have hung at too are said not to have been asked."""
    statements = [Statement("select pg_sleep(60)")] * 40
    answers = run_batch(empty_database.connect(), statements, timeout=timedelta(milliseconds=50))
    assert len(answers) == 40
    assert "statement timeout" in (answers[0].problem or "")
    assert "was not asked" in (answers[-1].problem or "")


@pytest.mark.parametrize("behind", [(), ("select 2",)], ids=["at the end", "between"])
def test_lost_connection_is_not_a_problem_of_a_query(
    empty_database: TestDatabase, behind: tuple[str, ...]
) -> None:
    """Nobody takes it for a metric that cannot be read."""
    connection = empty_database.connect()
    with pytest.raises(psycopg.OperationalError):
        run(connection, "select 1", "select pg_terminate_backend(pg_backend_pid())", *behind)


def test_connection_lost_before(empty_database: TestDatabase) -> None:
    """A server that hung up meanwhile is told as such."""
    connection = empty_database.connect()
    empty_database.execute("select pg_terminate_backend(%s)", connection.info.backend_pid)
    with pytest.raises(psycopg.OperationalError):
        run(connection, "select 1")
