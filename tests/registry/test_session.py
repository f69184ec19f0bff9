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


def test_copy_to_the_client_that_fails_has_its_place(session: LiveSession) -> None:
    """Rows may have come before the fault; it is the statement's all the same."""
    script = parse_script(
        "select 1;\n\ncopy (select 1 / (3 - n) from generate_series(1, 5) as n) to stdout;\n",
        path=Path("x.sql"),
    )
    first, copy = script.batches()
    session.run_batch(first)
    with pytest.raises(ScriptError) as caught:
        session.run_batch(copy)
    assert caught.value.cause.sqlstate == "22012"
    assert caught.value.location is not None
    assert caught.value.location.line == 3


def test_semicolon_of_a_comment_ends_no_statement(session: LiveSession) -> None:
    """What is written behind such a script does not belong to its comment."""
    transcript = Transcript(session.connection)
    transcript.run_batch(parse_script("select 1 -- one;", path=Path("x.sql")).batches()[0])
    transcript.run("commit;")
    assert transcript.text == "select 1 -- one;\n;\ncommit;\n"


def test_transcript_keeps_statements_apart(session: LiveSession) -> None:
    """A last statement without its semicolon, or behind a comment, is ended all the same."""
    transcript = Transcript(session.connection)
    script = parse_script("select 1; select 2 -- two", path=Path("x.sql"))
    for batch in script.batches():
        transcript.run_batch(batch)
    transcript.run("commit;")
    assert transcript.text.endswith("\n;\ncommit;\n")
