"""A fault in a query of several parts is blamed on the statement that has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from carecli.registry.session import LiveSession, ScriptError
from carecli.script import Batch, parse_script
from tests.plugins.databases import TestDatabase, drop
from tests.plugins.postgres import TestServer

# Each is wrong in a way of its own, and at its fourth line; the column is the server's, where it
# gives a position, or else that of the statement.
FAULTS = {
    "syntax": ("select 'é', nope nope nope;", 23),
    "analysis": ("select 'é', nope;", 13),
    "execution": ("select 'é' || 1 / length('');", 1),
    "in a function": ("do $$ begin perform nope; end $$;", 1),
    "prepared elsewhere": ("execute elsewhere(0);", 1),
    "prepared before": ("execute before;", 1),
    "raised": ("do $$ begin raise 'no'; end $$;", 1),
}
SOUND = "select 1;\nselect 'ü'; -- two; three\n\n{};\nselect 4 -- no semicolon"
SCRIPTS = ("deploy.sql", "verify.sql", "third.sql")


# Each gives more or fewer results than it has statements.
UNEVEN = {
    "two statements in one": "select 1\\; select 2\\; select 3;",
    "a rule that adds some": "create rule r as on insert to t do also (table t; table t);"
    " insert into t default values;",
    "a rule instead of it": "create rule r as on insert to t do instead nothing;"
    " insert into t default values;",
    "variables with nothing": ":nothing; :nothing; :nothing; :nothing;",
}


def batch_of(name: str, statement: str = "select 3") -> Batch:
    """Return the only batch of a script of four statements, the third of which is given."""
    text = SOUND.format(statement.removesuffix(";"))
    return parse_script(text, path=Path(name)).batches()[0]


def waiting(session: LiveSession, faulty: str, statement: str) -> None:
    """Put three scripts off, one of them faulty, with statements of our own around each."""
    session.defer("begin;", "prepare elsewhere(int) as select 1 / $1;", "savepoint ours;")
    for name in SCRIPTS:
        session.defer_batch(batch_of(name, statement) if name == faulty else batch_of(name))
        session.defer("set local lock_timeout = '1s';", "select 'ours; and yours';")


@pytest.fixture
def session(empty_database: TestDatabase) -> LiveSession:
    """Give a session on a database of its own, with a statement that can no longer be run."""
    session = LiveSession(empty_database.connect(client_encoding="UTF8"))
    session.run("create table t (a int);", "prepare before as select a from t;")
    session.run("alter table t drop column a;")
    return session


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("faulty", SCRIPTS)
def test_fault_has_its_script_and_line(session: LiveSession, faulty: str, kind: str) -> None:
    """Whatever the server says of a position, the statement is found, in whichever script."""
    statement, column = FAULTS[kind]
    waiting(session, faulty, statement)
    with pytest.raises(ScriptError) as caught:
        session.run()
    place = caught.value.location
    assert place is not None
    assert (str(place.path), place.line, place.column) == (faulty, 4, column)


@pytest.mark.parametrize("index", range(6))
@pytest.mark.parametrize("fault", ["select nope;", "select 1 / 0;", "selct;"])
def test_fault_of_our_own_is_no_scripts(session: LiveSession, index: int, fault: str) -> None:
    """A statement of ours that fails, wherever it stands, is blamed on no script."""
    texts = ["select 1;"] * 6
    texts[index] = fault
    session.defer("begin;")
    for place, text in enumerate(texts):
        session.defer(text)
        if place in {1, 3}:
            session.defer_batch(batch_of("x.sql"))
    with pytest.raises(psycopg.Error) as caught:
        session.run()
    assert not isinstance(caught.value, ScriptError)


@pytest.mark.parametrize(
    "fault", ["select nope;", "select 1 / 0;", "do $$ begin raise 'no'; end $$;"]
)
@pytest.mark.parametrize("faulty", ["deploy.sql", "verify.sql", None])
@pytest.mark.parametrize("kind", UNEVEN)
def test_number_of_results_moves_no_fault(
    session: LiveSession, kind: str, faulty: str | None, fault: str
) -> None:
    """A script that gives another number of results than expected shifts no blame to another."""
    session.defer("begin;")
    for name in ("deploy.sql", "verify.sql"):
        session.defer("savepoint ours;")
        text = f"{UNEVEN[kind]}\n{fault if name == faulty else 'select 1;'}\n"
        script = parse_script(text, path=Path(name), variables={"nothing": "/* nothing */"})
        session.defer_batch(script.batches()[0])
        session.defer("rollback to ours;")
    session.defer("select 1;" if faulty else fault)
    with pytest.raises(psycopg.Error) as caught:
        session.run()
    if faulty is None:
        assert not isinstance(caught.value, ScriptError)
    else:
        assert isinstance(caught.value, ScriptError)
        assert caught.value.location is not None
        assert str(caught.value.location.path) == faulty
        assert "nope" not in fault or caught.value.location.line == 2


def test_scripts_are_one_round_trip(session: LiveSession, empty_database: TestDatabase) -> None:
    """What was put off goes out as one query, which the server took up at one moment."""
    empty_database.execute("create table seen (at timestamptz default statement_timestamp())")
    session.defer("begin;")
    for name in SCRIPTS:
        session.defer_batch(batch_of(name, "insert into seen default values"))
    session.run("commit;")
    assert empty_database.execute("select count(*), count(distinct at) from seen") == [(3, 1)]


@pytest.fixture
def latin_session(server: TestServer, new_name: Callable[[], str]) -> Iterator[LiveSession]:
    """Give a session on a database that cannot hold every character."""
    name = new_name()
    with server.administration() as connection:
        connection.execute(
            SQL("create database {} template template0 encoding latin1 locale 'C'").format(
                Identifier(name)
            )
        )
    database = TestDatabase(server, name)
    try:
        yield LiveSession(database.connect(client_encoding="UTF8"))
    finally:
        database.close()
        drop(server, name)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("faulty", [*SCRIPTS, None])
def test_character_that_the_database_lacks_has_its_place(
    latin_session: LiveSession, faulty: str | None, begun: bool
) -> None:
    """A query that the server cannot even read is blamed on the character's own place."""
    if begun:
        latin_session.run("begin;")
    waiting(latin_session, faulty or "none", "select '€'")
    latin_session.defer_write("select '€';")
    with pytest.raises(psycopg.Error) as caught:
        latin_session.run()
    place = caught.value.location if isinstance(caught.value, ScriptError) else None
    found = None if place is None else (str(place.path), place.line, place.column)
    assert "0xe2 0x82 0xac" in str(caught.value)
    assert found == (None if faulty is None else (faulty, 4, 9))


@pytest.mark.parametrize("ours", [["begin;"], []])
def test_translation_that_a_script_asks_for_is_its_own_fault(
    latin_session: LiveSession, ours: list[str]
) -> None:
    """The same error at run time is that of the statement, also where nothing was run before it."""
    text = "select convert_from('\\xe282ac', 'utf8');\nselect 2;\n"
    latin_session.defer(*ours)
    latin_session.defer_batch(parse_script(text, path=Path("x.sql")).batches()[0])
    latin_session.defer("select 1;")
    with pytest.raises(ScriptError) as caught:
        latin_session.run()
    assert caught.value.cause.sqlstate == "22P05"
    assert caught.value.location is not None
    assert (str(caught.value.location.path), caught.value.location.line) == ("x.sql", 1)
