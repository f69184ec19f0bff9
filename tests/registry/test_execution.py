"""What one script sets is gone when the next statement runs, in and out of transactions."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from carecli.registry.execution import ScriptRunner
from carecli.registry.session import LiveSession, ScriptError
from carecli.script import Script, parse_script
from tests.plugins.databases import TestDatabase

# Each leaves something in the session; the query shows it, and gives an empty list in a new one.
LEFTOVERS = {
    "a role": ("set role postgres;", "select 1 where current_setting('role') <> 'none'"),
    "a local role": (
        "set local role postgres;",
        "select 1 where current_setting('role') <> 'none'",
    ),
    "a path": (
        "set search_path = '';",
        "select 1 where current_setting('search_path') = '\"\"'",
    ),
    "a local path": (
        "set local search_path = '';",
        "select 1 where current_setting('search_path') = '\"\"'",
    ),
    "a timeout": (
        "set statement_timeout = '1h';",
        "select 1 where current_setting('statement_timeout') <> '0'",
    ),
    "a setting of its own": (
        "select set_config('app.x', 'y', false);",
        "select 1 where current_setting('app.x', true) <> ''",
    ),
    "a temporary table": (
        "create temp table t ();",
        "select 1 from pg_class where relname = 't' and relpersistence = 't'",
    ),
    "a prepared statement": ("prepare p as select 1;", "select 1 from pg_prepared_statements"),
    "a cursor": (
        "declare c cursor with hold for select 1;",
        "select 1 from pg_cursors where name = 'c'",
    ),
    "a channel": ("listen somebody;", "select 1 from pg_listening_channels()"),
    "an advisory lock": (
        "select pg_advisory_lock(7);",
        "select 1 from pg_locks where locktype = 'advisory' and objid = 7",
    ),
    "an encoding": (
        "set client_encoding = 'latin1';",
        "select 1 where current_setting('client_encoding') <> 'UTF8'",
    ),
    "a default": (
        "set default_transaction_read_only = on;",
        "select 1 where current_setting('default_transaction_read_only') = 'on'",
    ),
    "bodies left unchecked": (
        "set check_function_bodies = off;",
        "select 1 where current_setting('check_function_bodies') = 'off'",
    ),
    "put off constraints": ("set constraints all deferred;", "select 1 where false"),
}


@pytest.fixture
def session(empty_database: TestDatabase) -> LiveSession:
    """Give a session as a migration has it."""
    return LiveSession(empty_database.connect(client_encoding="UTF8"))


@pytest.fixture
def runner(session: LiveSession) -> ScriptRunner:
    """Give a runner on that session."""
    return ScriptRunner(session, lock_timeout=1234)


def script(text: str) -> Script:
    """Return the script of that text."""
    return parse_script(text, path=Path("x.sql"))


@pytest.mark.parametrize("name", LEFTOVERS)
def test_nothing_leaks_within_a_transaction(
    session: LiveSession, runner: ScriptRunner, name: str
) -> None:
    """The statement after a script, in the same transaction, finds the session as new."""
    setting, shown = LEFTOVERS[name]
    assert session.connection.execute(shown).fetchall() == []
    session.run("begin;", *runner.settings(local=True))
    runner.run(script(setting))
    session.run("")
    assert session.connection.execute(shown).fetchall() == []
    waiting = session.connection.execute("show lock_timeout").fetchone()
    assert waiting == ("1234ms",)
    session.run("commit;")
    assert session.connection.execute(shown).fetchall() == []


@pytest.mark.parametrize("name", LEFTOVERS)
@pytest.mark.parametrize("ending", ["", "select nope;"])
def test_nothing_leaks_out_of_autocommit(
    session: LiveSession, runner: ScriptRunner, name: str, ending: str
) -> None:
    """After a script without a transaction, sound or not, the session is as new."""
    setting, shown = LEFTOVERS[name]
    text = f"-- transactional: false\n{setting}\n{ending}\n"
    if ending:
        with pytest.raises(ScriptError):
            runner.run_autocommitted(script(text))
    else:
        runner.run_autocommitted(script(text))
    assert session.connection.execute(shown).fetchall() == []
    assert session.connection.execute("show lock_timeout").fetchone() == ("0",)


@pytest.mark.parametrize("name", LEFTOVERS)
@pytest.mark.parametrize("ending", ["", "select nope;"])
def test_nothing_leaks_out_of_a_verification(
    session: LiveSession, runner: ScriptRunner, name: str, ending: str
) -> None:
    """After a script that was rolled back, sound or not, the session is as new and idle."""
    setting, shown = LEFTOVERS[name]
    if ending:
        with pytest.raises(ScriptError):
            runner.run_and_roll_back(script(f"{setting}\n{ending}"))
    else:
        runner.run_and_roll_back(script(setting))
    status = session.connection.info.transaction_status
    assert status == psycopg.pq.TransactionStatus.IDLE
    assert session.connection.execute(shown).fetchall() == []


def test_savepoint_takes_back_what_verify_did(session: LiveSession, runner: ScriptRunner) -> None:
    """A verify script inside the change's transaction leaves neither rows nor settings."""
    session.run("begin;", "create table t (id int);")
    runner.run_in_savepoint(script("insert into t values (1); set local role postgres;"))
    session.run("commit;")
    assert session.connection.execute("select id from t").fetchall() == []
    assert session.connection.execute("show role").fetchone() == ("none",)


@pytest.mark.parametrize(
    "setting",
    [
        "set standard_conforming_strings = off;",
        "set client_encoding = 'latin1'; copy x from stdin;",
    ],
)
def test_verify_is_read_as_it_is_written(
    session: LiveSession, runner: ScriptRunner, setting: str
) -> None:
    """How a script has the server read its text is over when the next text is read."""
    session.run("create table x (id int);")
    session.defer("begin;", *runner.settings(local=True))
    runner.run(script(setting + "\n\\.\n" * ("copy" in setting)))
    runner.run_in_savepoint(script(r"select 1 / (length('\\é') = 3)::int;"))
    session.run("commit;")


def test_rows_are_read_as_they_were_composed(session: LiveSession, runner: ScriptRunner) -> None:
    """What was composed before a script is read right behind it, whatever it set."""
    session.run("create table x (id int);", "create table seen (note text);")
    row = session.compose(b"insert into seen values (%(note)s);", {"note": r"é \ '"})
    session.defer("begin;", *runner.settings(local=True))
    runner.run(script("set client_encoding = 'latin1'; copy x from stdin;\n\\.\n"))
    session.defer_write(row)
    session.run("commit;")
    assert session.connection.execute("select note from seen").fetchall() == [(r"é \ '",)]


def test_isolation_that_a_script_asks_for(session: LiveSession, runner: ScriptRunner) -> None:
    """`begin isolation level ...` of a script is honoured, though the transaction is ours."""
    session.defer("begin;", *runner.settings(local=True))
    runner.run(
        script(
            "begin isolation level serializable;\n"
            "create table seen as select current_setting('transaction_isolation') as level;\n"
            "commit;\n"
        )
    )
    session.run("commit;")
    rows = session.connection.execute("select level from seen").fetchall()
    assert rows == [("serializable",)]


def test_lock_timeout_spares_concurrent_statements_alone(empty_database: TestDatabase) -> None:
    """Without a transaction a plain ALTER gives up in time, `create index concurrently` waits."""
    # It fails where it would hang.
    session = LiveSession(empty_database.connect(options="-c statement_timeout=10s"))
    runner = ScriptRunner(session, lock_timeout=100)
    empty_database.execute("create table busy (id int)")
    holder = empty_database.connect()
    holder.execute("begin; lock table busy in access share mode")
    alter = script("-- transactional: false\nalter table busy add column x int;\n")
    with pytest.raises(ScriptError) as caught:
        runner.run_autocommitted(alter)
    assert caught.value.cause.sqlstate == "55P03"
    index = script("-- transactional: false\nselect 1;\ncreate index concurrently on busy (id);\n")
    runner.run_autocommitted(index)
    invalid = "select count(*) from pg_index where not indisvalid"
    assert empty_database.execute(invalid) == [(0,)]
