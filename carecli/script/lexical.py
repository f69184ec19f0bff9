r"""psql's lexical rules as regular expressions that jump over whole stretches of text.

Source of the rules: the flex scanner that psql shares with the server
(src/fe_utils/psqlscan.l of PostgreSQL). psql scans one line at a time, so no token but a quoted
one or a comment goes over a line end; `'a'` and `'b'` on two lines are two strings to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

__all__ = [
    "DOLLAR_QUOTE",
    "PREFIX",
    "QUOTE_END",
    "SPACE",
    "VARIABLE",
    "VARIABLE_CHARACTER",
    "WORD",
    "Words",
    "blank_end",
    "Token",
    "comment_end",
    "located_tokens",
    "quote_kind",
    "skipped",
    "tokens",
]

# Only single characters are repeated possessively (`*+`): up to 3.11.4 Python lost its place when
# a possessively repeated group failed half way (python/cpython#106052).

SPACE = " \t\n\r\f\v"
# Letters, `_` and all beyond ASCII; said by what they are not, because Python takes
# milliseconds to compile each range that goes beyond ASCII.
_START = r"[^\x00-@\[-\^`\{-\x7f]"
_CONTINUE = r"[^\x00-#%-/:-@\[-\^`\{-\x7f]"
VARIABLE_CHARACTER = r"[^\x00-/:-@\[-\^`\{-\x7f]"

# A one-letter word that belongs to the quote behind it: E'', B'', X'', N'', U&'', U&"".
_PREFIXED = "(?:[eEbBxXnN]'|[uU]&['\"])"

PREFIX = re.compile(_PREFIXED)
WORD = re.compile(f"{_START}{_CONTINUE}*+")
DOLLAR_QUOTE = re.compile(rf"\$(?:{_START}{VARIABLE_CHARACTER}*+)?\$")
_BLANK = re.compile(rf"(?:[{SPACE}]++|--[^\n\r]*+)*")
_COMMENT_MARK = re.compile(r"/\*|\*/")
VARIABLE = re.compile(
    rf":(?:(?P<plain>{VARIABLE_CHARACTER}++)"
    rf"|'{VARIABLE_CHARACTER}++'|\"{VARIABLE_CHARACTER}++\"|\{{\?{VARIABLE_CHARACTER}++\}})"
)

# What follows an opening quote, its closing quote included.
QUOTE_END = {
    "'": re.compile(r"[^']*+(?:''[^']*+)*'(?!')"),
    "e": re.compile(r"(?:[^'\\]++|\\.|'')*'(?!')", re.DOTALL),
    '"': re.compile(r'[^"]*+(?:""[^"]*+)*"(?!")'),
    # Bit strings have no doubled quote; two adjacent ones scan the same as one.
    "b": re.compile(r"[^']*+'"),
}


def quote_kind(prefix: str, standard_strings: bool) -> str:
    """Return which of `QUOTE_END` closes what a prefix such as `E'` opens."""
    letter = prefix[0].lower()
    if letter in "bxe":
        return "e" if letter == "e" else "b"
    if letter == "n" and not standard_strings:
        return "e"
    return prefix[-1]


_BORING = r"[\x00-!#%&*+,.0-9<-@\[\]\^`\{-\x7f]++"
_COLON = rf"::|:(?!{VARIABLE_CHARACTER}|['\"{{])"
_OPERATOR = rf"-(?!-)|/(?!\*)|{_COLON}"
_ANY_WORD = rf"(?!{_PREFIXED}){_START}{_CONTINUE}*+"
_NO_BLOCK_WORD = rf"(?!(?i:begin|case|end)(?!{_CONTINUE})){_ANY_WORD}"
_STRING = r"'[^']*+'(?!')"
_IDENTIFIER = r'"[^"]*+"(?!")'


class Words:
    """Which words stop the scanner: a name for each of its three modes."""

    ALL = "all"
    BLOCKS = "blocks"
    NONE = "none"


@cache
def skipped(words: str, standard_strings: bool) -> re.Pattern[str]:
    """Return what the scanner may jump over without a look; it matches the empty string too.

    Arguments:
        words: one of `Words`; `BLOCKS` stops at begin, case and end.
        standard_strings: whether a backslash in a plain string is an ordinary character.
    """
    strings = f"{_STRING}|{_IDENTIFIER}" if standard_strings else _IDENTIFIER
    plain = f"{_BORING}|{_OPERATOR}|{strings}"
    if words == Words.ALL:
        return re.compile(f"(?:{plain})*")
    # Flat parentheses, the most frequent kind; begin and end do not count inside any.
    parentheses = rf"\((?:{plain}|{_ANY_WORD})*\)"
    word = _NO_BLOCK_WORD if words == Words.BLOCKS else _ANY_WORD
    return re.compile(f"(?:{plain}|{word}|{parentheses})*")


def blank_end(text: str, position: int, end: int | None = None) -> int:
    """Return where the blanks and line comments from a position end."""
    match = _BLANK.match(text, position, len(text) if end is None else end)
    return position if match is None else match.end()


def comment_end(text: str, position: int, depth: int) -> tuple[int, int]:
    """Find the end of a nested block comment.

    Arguments:
        text: the text.
        position: where to look from, behind the opening mark.
        depth: how many comments are open there.

    Returns:
        The position behind the comment, or the end of the text, and the depth left there.
    """
    for mark in _COMMENT_MARK.finditer(text, position):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end(), 0
    return len(text), depth


_TOKEN = re.compile(
    rf"(?P<blank>[{SPACE}]++|--[^\n\r]*+)|(?P<comment>/\*)"
    rf"|(?P<string>(?:[nN]|[uU]&)?'[^']*+(?:''[^']*+)*'(?!')|[eE]'(?:[^'\\]++|\\.|'')*'(?!')"
    rf"|[bBxX]'[^']*+')"
    rf"|(?P<name>(?:[uU]&)?\"[^\"]*+(?:\"\"[^\"]*+)*\"(?!\"))"
    rf"|(?P<dollar>\$(?:{_START}{VARIABLE_CHARACTER}*+)?\$)"
    rf"|(?P<word>{_START}{_CONTINUE}*+)|(?P<number>[0-9]++)|(?P<other>.)",
    re.DOTALL,
)


def tokens(sql: str) -> Iterator[str]:
    """Yield the tokens of one statement lazily, without blanks and comments.

    Words come in lower case, quoted names and strings as they are written (a dollar quote
    whole), everything else character by character.
    """
    position = 0
    while match := _TOKEN.match(sql, position):
        position = match.end()
        kind = match.lastgroup
        if kind == "blank":
            continue
        if kind == "comment":
            position, _ = comment_end(sql, position, 1)
        elif kind == "dollar":
            end = sql.find(match.group(), position)
            end = len(sql) if end < 0 else end + len(match.group())
            yield sql[match.start() : end]
            position = end
        else:
            yield match.group().lower() if kind == "word" else match.group()


class Token(NamedTuple):
    """One token of a statement and where it is.

    Arguments:
        text: a word in lower case, anything else as it is written; a dollar quote is one token.
        offset: place of its first character, from 0.
        kind: `word`, `name` (a quoted identifier), `string`, `dollar`, `number` or `other`.
    """

    text: str
    offset: int
    kind: str


def located_tokens(sql: str, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """Yield the tokens of a stretch of SQL with their places, without blanks and comments.

    Arguments:
        sql: the text.
        start: where to begin, from 0.
        end: where to stop; default: the end of the text.
    """
    limit = len(sql) if end is None else end
    position = start
    while position < limit and (match := _TOKEN.match(sql, position, limit)):
        begun, position = position, match.end()
        kind = match.lastgroup or "other"
        if kind == "blank":
            continue
        if kind == "comment":
            position, _ = comment_end(sql, position, 1)
        elif kind == "dollar":
            close = sql.find(match.group(), position, limit)
            position = limit if close < 0 else close + len(match.group())
            yield Token(sql[begun:position], begun, kind)
        else:
            text = match.group()
            yield Token(text.lower() if kind == "word" else text, begun, kind)
