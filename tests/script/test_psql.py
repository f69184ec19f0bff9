"""The scanner cuts scripts as the real psql does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from carecli.errors import SourceError
from carecli.script.scanner import scan
from carecli.script.source import Source
from carecli.script.statements import Statement

RunPsql = Callable[[str, Mapping[str, str]], Any]

VARIABLES = {
    "v": "1",
    "none_": "",
    "two": "1; select 2",
    "quote": "it's",
    "name": 'a "b" c',
    "back": "a\\b'c",
    "again": "2 :again :v",
    "dash": "3 -- x",
    "body": "$$;$$ || 'it''s;'",
    "half": "'it; ",
    "block": "/* ; ",
    "é": "4",
}

ATOMS = (
    *("'a''b'", "'b\\s'", r" E'it\'s;'", r"e'\\'", r"U&'d\0061;'", 'U&"x;y"', "B'10'", "x'1F'"),
    *("N'n;'", "''", "'--'", "'/*'", '"q;""q"', '"\'"', "'\n;\n'", "'\n\n'", "e'\n'"),
    *(
        "$$a;b$$",
        "$tag$ $$ ; $tag$",
        "$é$;$é$",
        "$a$ $b$a$",
        "$_1$'$_1$",
        "a$b$c",
        "x$$",
        "$1 ",
    ),
    *("(;)", "(';')", "(case)", "(begin)", "( ( ; ) ;)", ")", "[", "]", "1.5e3 ", "1..2 ", ","),
    *(":v", ":'v'", ':"v"', ":{?v}", ":{?nothing}", ":nothing", ":'nothing'", ":'no name'", ":{?"),
    *("::v", ":=v", ":::v", "[1:2]", "\\:v", ":two", ":'quote'", ':"name"', ":'back'", ":again"),
    *(":dash", ":body", ":none_", ":'é'", ":é", "\\;", ":", "::"),
    *("-- ;'\n", "--\n", "/* ; */", "/* /* ' */ ; */", "/*/ */", "/***/", "*/", "+/*x*/", "+--\n"),
    *(
        ";",
        ";;",
        "\n",
        "\n\n",
        "\r\n",
        "\t",
        " ",
        "\f",
        "-",
        "+",
        "<->",
        "@-",
        "|/",
        "?",
        "%",
        "#",
    ),
    *("select", "create", "or", "replace", "function", "procedure", "atomic", "begin", "case"),
    *("end", "BEGIN", "End", "e", "u", "n", "é", "_", "beginning", "x1"),
)

NASTY = {
    "line comment at the end": "select 1 -- no line end",
    "block comment only": "/* nothing */",
    "no semicolon": "select 1;\nselect 2",
    "empty": "",
    "blank": " \n\t\n",
    "semicolons": ";;;\n;",
    "byte order mark": "\ufeffselect 1;",
    "carriage returns": "select 1;\r\n\r\n-- x\r\nselect '\r\n';\r\n",
    "old mac": "select 1; -- a\rselect 2;\rselect 3;",
    "atomic body": "create function f(a int) returns int begin atomic select 1; select 2; end;\nx;",
    "atomic case": "create or replace procedure p() begin atomic "
    "select case when a then case b when 1 then 2 end end; select 1; end; select 3;",
    "atomic parentheses": "create function f() returns int begin atomic select (case 1 end; 2); "
    "end; select 1;",
    "not a routine": "create or replace view v as select 1 as begin; select 2;",
    "create or function": "create or function f() begin; x; end; y;",
    "quoted routine": 'create "or" function f() begin; x; end; y;',
    "plpgsql": "create function f() returns void language plpgsql as $$ begin; end $$; select 1;",
    "rule": "create rule r as on insert to t do also (insert into a values (1); delete from b);",
    "variable with the end": "select :two; select 3;",
    "variable opens a string": "select :half select'; select 2;",
    "variable opens a comment": "select 1 :block ; */ ; select 2;",
    "variable before all": ":two; select 3",
    "variable is a comment": "select :dash , 1; select 2;",
    "casts": "select 1::v, a[1:v], a[1:2], a[:v::v], b:=:v, x:::v, \\:v, : v, :-:v;",
    "backslash before a quote": "select 'back\\';\nselect E'it\\'s;', aE'b\\', e'\\\\';",
    "joined": "select 1\\; select 2; select 3;",
    "joined routine": "select 1\\; create function f() begin atomic a; end; b;",
    "set": "\\set x 1\nselect :x;\n\\set x 'a b' c ':v' :v\n select :x, :'x';",
    "set twice in a line": "\\set x 1 \\set y 2 \\\\ select :x, :y;",
    "set in a statement": "select :nothing\n\\set nothing 5\n + :nothing;",
    "set and quotes": "\\set x 'it''s' \"a b\" '\\n\\x41\\101\\q'\nselect :'x';",
    "set from variables": "\\set x :'quote' :\"name\" :{?v} a:v:none_\nselect :'x';",
    "set and the end of the line": "\\set x 1;\n;\\set y\nselect :x :'y'\n;",
    "unset": "\\unset v\nselect :v, :{?v};",
    "old strings": "set standard_conforming_strings = off;\nselect 'it\\'s;';\n"
    "set standard_conforming_strings to on; select 'a\\';",
    "copy": "create temp table t (a text, b text);\ncopy t from stdin;\n1\t;\n'\t\\\\.\n\\.\n"
    'select 1;\ncopy t (a) from stdin with (format csv);\n"x\n;"\n\\.\n\nselect 2;',
    "copy of nothing": "create temp table t (a text);\ncopy t from stdin;\n\\.\nselect 1;",
    "copy with a comment": "create temp table t (a text);\ncopy t from stdin; -- a ; b\nx\n\\.\n",
    "copy without an end": "create temp table t (a text);\ncopy t from stdin;\nx\ny\n",
    "copy of carriage returns": "create temp table t (a text);\r\n"
    "copy t from stdin;\r\nx\r\n\\.\r\n",
    "copy to": "create temp table t (a text);\ncopy t to stdout;\nselect 1;",
}


def squeeze(query: str) -> str:
    """Return a query without the comments that psql sends before it, and without blanks."""
    query = re.sub(r"\A(?:[\s;]|--.*|/\*(?:/\*.*?\*/|.)*?\*/)+", "", query)
    return without_blanks(query)


def without_blanks(text: str) -> str:
    return re.sub(r"[ \t\n\r\f\v]+", "", text)


def read(text: str) -> tuple[tuple[Statement, ...], str | None]:
    """Return the statements, and where a quote is never closed the text from it on."""
    try:
        return scan(Source(Path("script.sql"), text), VARIABLES), None
    except SourceError as error:
        # Atoms that stand side by side can make what is refused, which is another test's matter.
        assume("never closed" in error.message)
        rest = "\n".join(text.split("\n")[error.line - 1 :])
        return (), rest[(error.column or 1) - 1 :]


def compare(text: str, run_psql: RunPsql) -> None:
    """Assert that scanner and psql see the same statements and COPY data."""
    sent = run_psql(text, VARIABLES)
    text = text.removeprefix("\ufeff")
    found, unclosed = read(text)
    if unclosed is not None:
        assert without_blanks(sent.queries[-1]).endswith(without_blanks(unclosed))
        return
    expected = [squeezed for query in sent.queries if (squeezed := squeeze(query))]
    assert [squeeze(statement.sql) for statement in found] == expected
    # Before version 18 psql sends the closing line with the data; the server drops it.
    data = [re.sub(r"^\\\.\r?\n\Z", "", item, flags=re.MULTILINE) for item in sent.copied]
    copied = [item.copy_data for item in found if item.kind == "copy_in"]
    assert copied == data


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_nasty_scripts(text: str, run_psql: RunPsql) -> None:
    """A script that is hard to cut is cut as psql cuts it."""
    compare(text, run_psql)


@settings(
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(atoms=st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(("", " "))), max_size=60))
def test_any_script(atoms: list[tuple[str, str]], run_psql: RunPsql) -> None:
    """A script put together from whatever psql's scanner knows is cut as psql cuts it."""
    # Each begin and case may wait for an end, at worst in a comment's line.
    waiting = sum(atom.lower() in ("begin", "case") for atom, _ in atoms)
    text = "".join(atom + gap for atom, gap in atoms) + "\n;" + " end ;" * waiting
    compare(text, run_psql)
