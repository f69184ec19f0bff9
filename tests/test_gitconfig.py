"""The syntax of git-config, with the readings that sqitch's own library gave."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecli.errors import SourceError
from carecli.gitconfig import parse_settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[core]\n\ttop_dir = sql\n", [("core", "top_dir", "sql")]),
        ("[Core]\nTop_Dir = sql\n", [("core", "Top_Dir", "sql")]),
        ('[engine "pg"]\ntarget=db:pg:x\n', [("engine.pg", "target", "db:pg:x")]),
        ('[target "A.b"]\nx=1\n', [("target.A.b", "x", "1")]),
        ("[engine.PG]\nx=1\n", [("engine.pg", "x", "1")]),
        ('[t "a\\"b\\\\c"]\nx=1\n', [('t.a"b\\c', "x", "1")]),
        ("[core]x=1\n", [("core", "x", "1")]),
        ("[core]\nflag\nother ; comment\n", [("core", "flag", None), ("core", "other", None)]),
        ("[core]\nx = a   b\t# comment\n", [("core", "x", "a b")]),
        ("[core]\nx = a;b#c\n", [("core", "x", "a;b#c")]),
        ('[core]\nx = "a  ; b "c\n', [("core", "x", "a  ; b c")]),
        ("[core]\nx = a\\\nb\\tc\\n\\\\\n", [("core", "x", "ab\tc\n\\")]),
        ('[core]\nx = "say \\"yes\\""\n', [("core", "x", 'say \\"yes\\"')]),
        ("# one\n; two\n\n[core]\r\nx = é\r\n", [("core", "x", "é")]),
        ("[core]\nx =\n", [("core", "x", "")]),
        ("", []),
    ],
)
def test_settings(text: str, expected: list[tuple[str, str, str | None]]) -> None:
    """Sections, names, values, quotes, escapes, continuations and comments are read."""
    found = parse_settings(text, Path("sqitch.conf"))
    assert [(setting.section, setting.name, setting.value) for setting in found] == expected


def test_settings_know_their_line() -> None:
    """A setting knows the line on which it begins."""
    [_, second] = parse_settings("[core]\nx = a\\\nb\n\ny = 2\n", Path("sqitch.conf"))
    assert second.line == 5


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("x = 1\n", 1, 1),
        ("[core]\n[unclosed\n", 2, 1),
        ("[core]\n= 1\n", 2, 1),
        ('[core]\nx = "open\n', 2, 5),
        ("[core]\n x = a\\q\n", 2, 7),
        ('[a "b\\c"]\n', 1, 5),
    ],
)
def test_errors_name_the_place(text: str, line: int, column: int) -> None:
    """What is no git-config is refused with line and column."""
    with pytest.raises(SourceError) as caught:
        list(parse_settings(text, Path("sqitch.conf")))
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"sqitch.conf:{line}:{column}: ")
