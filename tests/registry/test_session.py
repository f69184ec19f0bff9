"""A session that can be left in any state and still ends its transaction."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from carecli.registry.session import LiveSession, ScriptError, Transcript
from carecli.script import parse_script
from tests.plugins.databases import TestDatabase


@pytest.fixture
def session(empty_database: TestDatabase) -> LiveSession:
    """Give a session on a database of its own."""
    return LiveSession(empty_database.connect())


def test_deferred_statements_do_not_move_the_place_of_a_fault(session: LiveSession) -> None:
    """Housekeeping that is sent along with a script counts neither lines nor statements."""
    script = parse_script("select 1;\nselect 'é', nope;\n", path=Path("x.sql"))
    session.defer("begin;", "set local lock_timeout = '1s';")
    with pytest.raises(ScriptError) as caught:
        session.run_batch(script.batches()[0])
    location = caught.value.location
    assert location is not None
    assert (location.line, location.column) == (2, 13)


def test_fault_in_a_deferred_statement_is_not_the_scripts(session: LiveSession) -> None:
    """An error in the housekeeping itself has no place in the script."""
    script = parse_script("select 1;\n", path=Path("x.sql"))
    session.defer("begin;", "lock table nosuch;")
    with pytest.raises(psycopg.Error) as caught:
        session.run_batch(script.batches()[0])
    assert not isinstance(caught.value, ScriptError)


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        ("select 1;\nselect nope;", "select 2;", ("first.sql", 2, 8)),
        ("select 1;", "select 2;\nselect nope;", ("second.sql", 2, 8)),
        ("select 1;\nselect 1/0;", "select 2;", ("first.sql", 2, 1)),
        ("select 1;\nselect 2", "select 3;\n\nselect 1/0", ("second.sql", 3, 1)),
        ("select 1 -- one;", "select 1/0; -- two;", ("second.sql", 1, 1)),
        ("select 1", "selec 2", ("second.sql", 1, 1)),
        ("select 1;", "select 2 as", ("second.sql", 1, 12)),
    ],
)
def test_fault_is_found_in_the_script_that_has_it(
    session: LiveSession, first: str, second: str, place: tuple[str, int, int]
) -> None:
    """Scripts that go out together, with housekeeping between them, keep their own places."""
    session.defer("begin;")
    for name, text in (("first.sql", first), ("second.sql", second)):
        for batch in parse_script(text, path=Path(name)).batches():
            session.defer_batch(batch)
        session.defer("savepoint here;", "select pg_advisory_unlock_all();")
    with pytest.raises(ScriptError) as caught:
        session.run("select 3;")
    location = caught.value.location
    assert location is not None
    assert (str(location.path), location.line, location.column) == place


def test_fault_behind_two_scripts_is_neithers(session: LiveSession) -> None:
    """An error in what is sent after them has no place in either."""
    for name in ("first.sql", "second.sql"):
        (batch,) = parse_script("select 1;\nselect 2", path=Path(name)).batches()
        session.defer_batch(batch)
    with pytest.raises(psycopg.Error) as caught:
        session.run("lock table nosuch;")
    assert not isinstance(caught.value, ScriptError)


def test_roll_back_forgets_what_was_put_off(session: LiveSession) -> None:
    """A transaction that was begun but not sent is not begun by its end."""
    session.defer("begin;", "create table t ();")
    assert session.roll_back()
    assert session.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    session.run("select 1;")
    assert session.connection.execute("select to_regclass('t')").fetchone() == (None,)


def test_roll_back_of_a_failed_transaction(session: LiveSession) -> None:
    """After an error the session is fit for the next transaction."""
    session.run("begin;")
    with pytest.raises(psycopg.Error):
        session.run("select nope;")
    assert session.roll_back()
    session.run("begin;", "commit;")


def test_roll_back_in_mid_question_gives_the_session_up(
    session: LiveSession, empty_database: TestDatabase
) -> None:
    """A question without its answer is cancelled, and the session ended: nothing goes on."""
    session.run("begin;", "create table t ();")
    session.connection.pgconn.send_query(b"select pg_sleep(60)")
    assert not session.roll_back()
    assert session.connection.closed
    assert empty_database.execute("select to_regclass('t')") == [(None,)]
    assert not session.roll_back()


def test_rows_of_a_copy_to_the_client_are_read_past(session: LiveSession) -> None:
    """COPY TO STDOUT, whose rows psql would print, leaves the session ready."""
    script = parse_script(
        "copy (select generate_series(1, 5000)) to stdout;\ncreate table t ();\n",
        path=Path("x.sql"),
    )
    for batch in script.batches():
        session.run_batch(batch)
    assert session.connection.execute("select to_regclass('t') is not null").fetchone() == (True,)


def test_transcript_keeps_statements_apart(session: LiveSession) -> None:
    """A last statement without its semicolon, or behind a comment, is ended all the same."""
    transcript = Transcript(session.connection)
    script = parse_script("select 1; select 2 -- two", path=Path("x.sql"))
    for batch in script.batches():
        transcript.run_batch(batch)
    transcript.run("commit;")
    assert transcript.text.endswith("\n;\ncommit;\n")
