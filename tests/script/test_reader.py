"""Scripts: transactions, batches, directives and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from carecli.errors import CarecliError, SourceError
from carecli.script import Purpose, Script, TransactionModes, parse_script, read_script

PATH = Path("deploy/change.sql")


def parse(text: str, purpose: Purpose = "deploy", **variables: str) -> Script:
    return parse_script(text, path=PATH, variables=variables, purpose=purpose)


def refused(text: str, **arguments: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        parse(text, **arguments)
    return caught.value


def test_statements_have_their_text_and_line() -> None:
    """A statement begins at its first token, comments before it left out."""
    script = parse("-- head\n\n/* a\nb */ select 1; -- tail\n  select\n2;")
    assert [(item.sql, item.line) for item in script.statements] == [
        ("select 1;", 4),
        ("select\n2;", 5),
    ]


@pytest.mark.parametrize("text", ["", "\n", "-- nothing\n", "/* nothing */", ";", "begin; commit;"])
def test_script_without_statements(text: str) -> None:
    """A script in which there is nothing to run gives no batches."""
    assert parse(text).batches() == ()


@pytest.mark.parametrize(
    "opening", ["begin", "BEGIN WORK", "begin transaction", "start transaction", "Begin /* */"]
)
@pytest.mark.parametrize(
    "closing",
    ["commit", "COMMIT WORK", "end", "end transaction;", "commit and no chain;", "commit; -- x"],
)
def test_outer_transaction_is_taken_off(opening: str, closing: str) -> None:
    """The script's own BEGIN and COMMIT are found and are no statements of it."""
    script = parse(f"{opening};\nselect 1;\n{closing}")
    assert [item.sql for item in script.statements] == ["select 1;"]
    assert script.opening is not None
    assert script.closing is not None
    assert script.closing.line == 3
    assert script.transactional


def test_script_without_transaction() -> None:
    """A script without BEGIN is transactional all the same."""
    script = parse("select 1; select 2")
    assert (script.opening, script.closing, script.transactional) == (None, None, True)


def test_statements_around_the_transaction_belong_to_it() -> None:
    """What stands before BEGIN and behind COMMIT is run with the rest."""
    script = parse("set client_min_messages = 'warning';\nbegin;\nselect 1;\ncommit;\nselect 2;")
    assert [item.line for item in script.statements] == [1, 3, 5]


def test_transaction_modes_are_kept() -> None:
    """The modes of the opening are data for the caller."""
    modes = parse("begin isolation level repeatable read, read only, not deferrable; end;").modes
    assert modes == TransactionModes("repeatable read", True, False)
    modes = parse("start transaction read write isolation level serializable deferrable; end").modes
    assert modes == TransactionModes("serializable", False, True)
    assert parse("begin; commit").modes == TransactionModes()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("begin;\nselect 1;\ncommit;\nbegin;\ncommit;", 4, "BEGIN where the script has already"),
        ("begin;\nbegin;\ncommit;", 2, "BEGIN where the script has already begun"),
        ("begin;\ncommit;\ncommit;", 3, "COMMIT would commit in the middle"),
        ("select 1;\ncommit;\nselect 2;", 2, "COMMIT without a BEGIN"),
        ("begin;\nrollback;\n", 2, "ROLLBACK would undo"),
        ("begin;\nabort;\ncommit;", 2, "ABORT would undo"),
        ("rollback;", 1, "ROLLBACK would undo"),
        ("begin;\ncommit and chain;\ncommit;", 2, "COMMIT AND CHAIN cannot be used"),
        ("begin;\nrollback and chain;\ncommit;", 2, "ROLLBACK AND CHAIN cannot be used"),
        ("begin;\nprepare transaction 'x';", 2, "PREPARE TRANSACTION 'X' cannot be used"),
        ("select 1;\ncommit prepared 'x';", 2, "COMMIT PREPARED 'X' cannot be used"),
        ("rollback prepared 'x';", 1, "ROLLBACK PREPARED 'X' cannot be used"),
        ("\nbegin;\nselect 1;", 2, "the transaction that begins here is never committed"),
    ],
)
def test_transaction_control_in_the_middle(text: str, line: int, message: str) -> None:
    """A script that would commit or undo anything by itself is refused by its line."""
    error = refused(text)
    assert (error.line, error.column) == (line, 1)
    assert message in error.message
    assert error.hint


def test_savepoints_are_statements() -> None:
    """Savepoints, and rolling back to them, are run as they are."""
    text = "begin; savepoint a; rollback to a; rollback work to savepoint a; release a; commit;"
    assert len(parse(text).statements) == 4


@pytest.mark.parametrize(
    "body",
    [
        "do $$ begin commit; end $$;",
        "create function f() returns int begin atomic select 1; end;",
        'select 1 as "begin", 2 as begin;',
        "prepare begin as select 1;",
        "select 'commit;';",
        "-- commit;\nselect 1;",
        "select begin, commit from start;",
    ],
)
def test_words_that_are_no_transaction_control(body: str) -> None:
    """BEGIN and COMMIT in bodies, quotes, comments and as names do not count."""
    assert len(parse(f"begin;\n{body}\ncommit;").statements) == 1


@pytest.mark.parametrize("closing", ["rollback;", "commit;", "", "abort", "rollback; reset role;"])
def test_verify_script_may_roll_back(closing: str) -> None:
    """A verify script may end its transaction with ROLLBACK, or not at all."""
    script = parse(f"begin;\nselect 1;\n{closing}", "verify")
    assert script.statements[0].sql == "select 1;"


@pytest.mark.parametrize(
    "text", ["begin;\nrollback;\nselect 1;", "select 1;\nrollback;", "begin;rollback;begin;\nend;"]
)
def test_verify_script_rolls_back_only_at_its_end(text: str) -> None:
    """A ROLLBACK whose undoing the rest of a verify script would miss is refused."""
    assert refused(text, purpose="verify").hint


def test_commit_without_begin_at_the_end() -> None:
    """psql only warns of a last COMMIT without BEGIN, so it is taken off."""
    script = parse("select 1;\ncommit;")
    assert len(script.statements) == 1
    assert script.closing is not None


NEEDING = [
    "create index concurrently on t (a);",
    "create unique index /* x */ concurrently i on t (a)",
    "CREATE INDEX -- x\n CONCURRENTLY if not exists i on t (a)",
    "drop index concurrently i",
    "reindex table concurrently t",
    "reindex (verbose, concurrently) index i",
    "reindex (concurrently true) index i",
    "reindex schema s",
    "reindex database d",
    "reindex system",
    "create database d",
    "drop database if exists d",
    "create tablespace s location '/x'",
    "drop tablespace s",
    "alter system set a = 1",
    "alter database d set tablespace s",
    "alter table a.b detach partition c concurrently",
    "vacuum",
    "vacuum (analyze) t",
    "cluster",
    "cluster verbose",
    "cluster (verbose);",
    "create subscription s connection '' publication p",
    "create subscription s connection '' publication p with (copy_data = false)",
    "drop subscription s",
    "alter subscription s refresh publication",
    "alter subscription s set publication p with (copy_data = true)",
    "alter subscription s set (failover = true)",
    "discard all",
]
NOT_NEEDING = [
    "create index on t (concurrently)",
    "create table index (concurrently int)",
    "drop index i",
    "reindex (verbose) table t",
    "reindex (concurrently off) table t",
    "reindex table t",
    "alter database d set work_mem = '1MB'",
    "alter database d set search_path = tablespace",
    "alter table a.b detach partition c",
    "alter table a.b detach partition c finalize",
    "alter table a.b detach partition concurrently finalize",
    "alter table t add concurrently int",
    "analyze t",
    "cluster t using i",
    "cluster (verbose) t using i",
    "refresh materialized view concurrently v",
    "create subscription s connection '' publication p with (create_slot = false, enabled = off)",
    "create subscription s connection '' publication p with (connect = false)",
    "alter subscription s set publication p with (refresh = false)",
    "alter subscription s disable",
    "alter type t add value 'x'",
    "discard temp",
    "comment on table t is 'create index concurrently'",
    "create function f() returns void language sql as 'vacuum'",
]


@pytest.mark.parametrize("statement", NEEDING)
def test_statement_that_cannot_run_in_a_transaction(statement: str) -> None:
    """One that the server refuses in a transaction block makes a bare script run without one."""
    script = parse(f"select 1;\n{statement}")
    assert [item.needs_autocommit for item in script.statements] == [False, True]
    assert not script.transactional


@pytest.mark.parametrize("statement", NOT_NEEDING)
def test_statement_that_can_run_in_a_transaction(statement: str) -> None:
    """One that only looks like it does not."""
    assert parse(statement).transactional


@pytest.mark.parametrize("text", ["begin;\nvacuum;\ncommit;", "-- transactional: true\nvacuum;"])
def test_statement_that_cannot_run_in_the_transaction_asked_for(text: str) -> None:
    """It is refused by its line in a script that asks for a transaction."""
    error = refused(text)
    assert error.line == 2
    assert "vacuum cannot run in a transaction" in error.message


@pytest.mark.parametrize(
    "head",
    [
        "-- transactional: false\n",
        "-- Deploy it\n\n--transactional:false  \n",
        "  --  transactional :  False\r\n",
        "\ufeff-- transactional: false\n",
    ],
)
def test_directive(head: str) -> None:
    """A comment at the script's head says that it is not transactional, as for yoyo."""
    script = parse(head + "select 1;\nselect 2;")
    assert not script.transactional
    assert [batch.sql for batch in script.batches()] == ["select 1;", "select 2;"]


@pytest.mark.parametrize(
    "text",
    [
        "select 1;\n-- transactional: false\n",
        "/* x */\n-- transactional: false\nselect 1;",
        "-- not transactional: false\nselect 1;",
    ],
)
def test_no_directive(text: str) -> None:
    """The same words anywhere else are an ordinary comment."""
    assert parse(text).transactional


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("-- transactional: no\n", 1, 19),
        ("--\n-- transactional:\n", 2, 18),
        ("-- transactional: false\n-- transactional: false\n", 2, 19),
    ],
)
def test_wrong_directive(text: str, line: int, column: int) -> None:
    """A directive that says neither true nor false, or one too many, is refused."""
    error = refused(text)
    assert (error.line, error.column) == (line, column)


@pytest.mark.parametrize("control", ["begin", "commit", "rollback"])
def test_no_transaction_control_without_transaction(control: str) -> None:
    """A script that says it is not transactional cannot have BEGIN and COMMIT."""
    error = refused(f"-- transactional: false\nselect 1;\n{control};")
    assert error.line == 3
    assert control.upper() in error.message


def test_batches_join_what_one_query_can_carry() -> None:
    """COPY from and to the client stands alone, what is between is joined."""
    script = parse(
        "select 1; select 2;\ncopy t from stdin;\n1\n\\.\n"
        "copy t from stdin csv;\n2\n\\.\nselect 3; copy t to stdout; select 4"
    )
    assert [(batch.sql, batch.copy_data) for batch in script.batches()] == [
        ("select 1;\nselect 2;", None),
        ("copy t from stdin;", "1\n"),
        ("copy t from stdin csv;", "2\n"),
        ("select 3;", None),
        ("copy t to stdout;", None),
        ("select 4", None),
    ]


def test_setting_of_strings_stands_alone() -> None:
    """The server reads a whole query by one setting, so the SET is sent before the rest."""
    script = parse("set standard_conforming_strings = off; select 'it\\'s;'; select 2;")
    assert [batch.sql for batch in script.batches()] == [
        "set standard_conforming_strings = off;",
        "select 'it\\'s;';\nselect 2;",
    ]


def test_file_is_read_as_it_is(tmp_path: Path) -> None:
    """A file keeps its line ends; its byte order mark is dropped."""
    path = tmp_path / "x.sql"
    path.write_bytes(b"\xef\xbb\xbfselect '\r\n\xc3\xa9';\r\n")
    assert read_script(path).statements[0].sql == "select '\r\n\u00e9';"


def test_file_that_is_not_utf8(tmp_path: Path) -> None:
    """A byte that is not UTF-8 is named with its place."""
    path = tmp_path / "x.sql"
    path.write_bytes(b"-- \xc3\xa9\nselect '\xe9';")
    with pytest.raises(SourceError, match="0xe9 is not UTF-8") as caught:
        read_script(path)
    assert (caught.value.line, caught.value.column) == (2, 9)


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing script is an expected fault."""
    with pytest.raises(CarecliError, match="cannot read"):
        read_script(tmp_path / "x.sql")


def test_zero_character() -> None:
    """A character of code zero, which no query can carry, is refused with its place."""
    error = refused("select 1;\n \0")
    assert (error.line, error.column) == (2, 2)
