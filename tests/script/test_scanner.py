"""The scanner's refusals, its COPY and its variables; what it cuts is in test_psql."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.errors import SourceError
from carecli.script import Statement, parse_script, quote_identifier, quote_literal
from carecli.script.scanner import scan
from carecli.script.source import Source

PATH = Path("x.sql")


def statements(text: str, **variables: str) -> list[Statement]:
    return list(scan(Source(PATH, text), variables))


def texts(text: str, **variables: str) -> list[str]:
    return [item.sql for item in statements(text, **variables)]


def refused(text: str, **variables: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        statements(text, **variables)
    return caught.value


@pytest.mark.parametrize(
    ("opener", "message"),
    [
        ("'x;", "a string is never closed"),
        ("E'x\\';", "a string is never closed"),
        ('"x;', "a quoted identifier is never closed"),
        ('U&"x;', "a quoted identifier is never closed"),
        ("B'1;", "a bit string is never closed"),
        ("$$x;$y$", "a string quoted with $$ is never closed"),
        ("$x$;$X$ $$", "a string quoted with $x$ is never closed"),
        ("/* /* */ ;", "a comment is never closed"),
        ("((a);", "a parenthesis is never closed"),
    ],
)
def test_what_is_never_closed(opener: str, message: str) -> None:
    """A quote, comment or parenthesis without an end is refused where it begins."""
    error = refused(f"select 1;\nselect {opener}\nselect 2;")
    assert (error.line, error.column) == (2, 8)
    assert message in error.message


def test_body_without_end() -> None:
    """A routine's body that never ends is refused at its BEGIN."""
    error = refused("create procedure p()\n  begin atomic\n select 1;\nselect 2;")
    assert (error.line, error.column) == (2, 3)


def test_comment_that_is_never_closed_before_all() -> None:
    """The same holds where no statement has begun."""
    assert refused("\n  /* x").line == 2


@pytest.mark.parametrize(
    "copy",
    [
        "copy t from stdin;",
        "COPY t (a, b) FROM STDIN WITH CSV;",
        "copy t from stdin with (format csv, delimiter ';');",
        'copy binary "from" (a) from /* x */ stdin;',
        "copy t from stdout;",
    ],
)
def test_copy_from_the_client(copy: str) -> None:
    """Inline data goes from the next line to the line that is a backslash and a dot."""
    found = statements(f"{copy}\n1;\t'\n\\.x\n\\.\nselect 1;")
    assert [(item.kind, item.copy_data) for item in found] == [
        ("copy_in", "1;\t'\n\\.x\n"),
        ("sql", None),
    ]
    assert found[1].line == 5


@pytest.mark.parametrize(
    ("copy", "kind"),
    [
        ("copy t to stdout", "copy_out"),
        ("copy (select a from stdin) to stdout", "copy_out"),
        ("copy t from '/stdin'", "sql"),
        ("copy t to program 'stdout'", "sql"),
        ("copy t from program 'x' with (format csv)", "sql"),
        ("select 'copy t from stdin'", "sql"),
    ],
)
def test_other_copies(copy: str, kind: str) -> None:
    """A COPY to the client is marked; one of files on the server is an ordinary statement."""
    assert [item.kind for item in statements(f"{copy};\nselect 1;")] == [kind, "sql"]


def test_copy_data_without_end() -> None:
    """Without a terminator the data goes on to the end of the script."""
    assert statements("copy t from stdin;\n1\n2")[0].copy_data == "1\n2"
    assert statements("copy t from stdin")[0].copy_data == ""


def test_code_behind_copy_in_its_line() -> None:
    """Code behind a COPY FROM STDIN in its line is refused, since its data come first."""
    error = refused("copy t from stdin; select 1;\n1\n\\.\n")
    assert (error.line, error.column) == (1, 20)


def test_copy_in_a_variable() -> None:
    """A COPY FROM STDIN in a variable's value is refused at the variable."""
    error = refused("select 1;\n :x\n", x="copy t from stdin;")
    assert (error.line, error.column) == (2, 2)


def test_metacommands_are_refused_all_at_once() -> None:
    """Every meta-command is named with its place, before anything is run."""
    error = refused("\\i a.sql\nselect 1;\n  \\echo 'x\nselect '\\q' \\gexec\n")
    assert (error.line, error.column) == (1, 1)
    for part in (
        "\\i in line 1, column 1",
        "\\echo in line 3, column 3",
        "\\gexec in line 4, column 13",
    ):
        assert part in error.message
    assert "\\q" not in error.message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("\\set x `date`", "a shell command in backticks"),
        ("\\set", "it only lists the variables"),
        ("\\set a-b 1", "a-b is no name of a variable"),
        ("\\set x 'a", "a ' is never closed"),
        ('\\set x "a', 'a " is never closed'),
        ("\\set AUTOCOMMIT off", "AUTOCOMMIT cannot be off"),
        ("\\set ON_ERROR_STOP 0", "ON_ERROR_STOP cannot be 0"),
        ("\\set ON_ERROR_ROLLBACK on", "ON_ERROR_ROLLBACK cannot be on"),
        ("\\unset ON_ERROR_STOP", "ON_ERROR_STOP cannot be unset"),
        ("\\unset", "the name is missing"),
        ("\\set x '\\0'", "an escape that is not a character"),
        ("\\.", "\\. is not supported"),
        ("\\", "\\ is not supported"),
    ],
)
def test_metacommand_that_is_not_run(line: str, reason: str) -> None:
    """A meta-command that cannot be run as psql would is refused with the reason."""
    assert reason in refused(f"select 1;\n{line}\n").message


@pytest.mark.parametrize("line", ["ON_ERROR_STOP on", "ON_ERROR_STOP", "QUIET 1", "AUTOCOMMIT on"])
def test_settings_that_change_nothing(line: str) -> None:
    """The settings that scripts use to be safe are taken."""
    assert texts(f"\\set {line}\nselect 1;") == ["select 1;"]


def test_dump_guards() -> None:
    """The guards that pg_dump writes around its output are taken."""
    assert texts("\\restrict aB1\nselect 1;\n\\unrestrict aB1\n") == ["select 1;"]
    assert "the key is missing" in refused("\\restrict\n").message


def test_set_does_not_reach_the_caller() -> None:
    """A script's own variables are its own."""
    variables = {"x": "1"}
    parse_script("\\set x 2\nselect :x;", path=PATH, variables=variables)
    assert variables == {"x": "1"}


def test_metacommand_in_a_variable() -> None:
    """A backslash that comes out of a variable is refused at the variable."""
    error = refused("select 1 :x\n;", x="\\g")
    assert (error.line, error.column) == (1, 10)
    assert "in a variable's value" in error.message


@pytest.mark.parametrize("part", ["commit", "begin", "copy t from stdin", "vacuum"])
def test_joined_statements_that_have_to_stand_alone(part: str) -> None:
    r"""`\;` cannot hide a statement from its transaction."""
    error = refused(f"select 0;\nselect 1\\; {part};")
    assert error.line == 2
    assert part.split()[0].upper() in error.message


@pytest.mark.parametrize(
    ("value", "literal"),
    [("a", "'a'"), ("it's", "'it''s'"), ("a\\b'", " E'a\\\\b'''"), ("", "''"), ('"', "'\"'")],
)
def test_literal(value: str, literal: str) -> None:
    """A literal is quoted as libpq quotes it."""
    assert quote_literal(value) == literal
    assert texts("select:'x';", x=value) == [f"select{literal};"]


def test_identifier() -> None:
    """An identifier is quoted as libpq quotes it."""
    assert quote_identifier('a"b\\') == '"a""b\\"'
    assert texts('select :"x";', x='a"b') == ['select "a""b";']


def test_unknown_variable_stays() -> None:
    """A variable without a value stays as it is written."""
    assert texts("select :x, :'x', :\"x\", :{?x};") == ["select :x, :'x', :\"x\", FALSE;"]


def test_variables_in_quotes_stay() -> None:
    """Quotes, dollar bodies and comments are not looked into."""
    text = "select ':x', \":x\", $$:x$$, E':x' /* :x */ -- :x\n;"
    assert texts(text, x="1") == [text]


FRAGMENTS = st.sampled_from(
    [
        "'a;'''",
        "E'\\';'",
        '";"',
        "$$;$$",
        "$a$;$$$a$",
        "/* ; */",
        "--;\n",
        "(;)",
        "x$1",
        "a::b",
        "1",
    ]
)


@given(st.lists(st.lists(FRAGMENTS, min_size=1, max_size=6), max_size=8))
def test_statements_are_where_they_say(parts: list[list[str]]) -> None:
    """Statements are cut at each outer semicolon, stand where they say, and lose nothing."""
    text = "".join(f"select {' '.join(part)};\n" for part in parts)
    found = statements(text)
    assert "".join(f"{item.sql}\n" for item in found) == text
    for item in found:
        assert text.startswith(item.sql, item.offset)
        assert item.line == text.count("\n", 0, item.offset) + 1
