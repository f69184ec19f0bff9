"""The scanner: a script's text cut into statements as psql cuts it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from carecli.script import lexical, metacommands
from carecli.script.classify import autocommit_reason, copy_direction, first_words
from carecli.script.lexical import SPACE, Words
from carecli.script.source import Source
from carecli.script.statements import Piece, Statement, StatementKind
from carecli.script.variables import expand_quoted

__all__ = ["scan"]

_COPY_END = re.compile(r"^\\\.\r?(?:\n|\Z)", re.MULTILINE)
_STRINGS = re.compile(
    r"set\s+(?:session\s+|local\s+)?standard_conforming_strings\s*(?:=|\bto\b)\s*'?(\w+)", re.I
)
_OFF = frozenset(("off", "false", "no", "0"))
# What psql looks for at the start of a statement: `create [or replace] function|procedure`.
_HEADS = frozenset(("cf", "cp", "corf", "corp"))
_HEAD_STARTS = frozenset(("c", "co", "cor"))
_HEAD_WORDS = frozenset(("create", "or", "replace", "function", "procedure"))
# What may not hide behind a `\;`, where only the server would see it.
_ALONE = frozenset(("begin", "start", "commit", "end", "rollback", "abort", "prepare", "copy"))

_OPEN = {
    "'": ("a string is never closed", "close it with '"),
    "e": ("a string is never closed", "close it with ' (a backslash escapes a quote here)"),
    "b": ("a bit string is never closed", "close it with '"),
    '"': ("a quoted identifier is never closed", 'close it with "'),
    "*": ("a comment is never closed", "close it with */ (comments nest)"),
}


def scan(source: Source, variables: Mapping[str, str]) -> tuple[Statement, ...]:
    r"""Cut a script into statements.

    Arguments:
        source: the script.
        variables: psql variables at its start; `\set` changes a copy.

    Raises:
        SourceError: for a quote, comment or parenthesis that is never closed, for inline COPY
            data that cannot be told from statements, and for psql meta-commands.
    """
    scanner = _Scanner(source, dict(variables))
    scanner.feed(source.text, None)
    return scanner.finish()


@dataclass(slots=True)
class _Open:
    """A quote or comment that is open at the end of a text."""

    kind: str
    offset: int
    delimiter: str = ""
    depth: int = 0


class _Scanner:
    """The state of psql's scanner between two tokens, and what it has found so far."""

    def __init__(self, source: Source, variables: dict[str, str]) -> None:
        self.source = source
        self.variables = variables
        self.found: list[Statement] = []
        self.refused: list[metacommands.Refusal] = []
        self.standard_strings = True
        self.expanding: list[str] = []
        self.open: _Open | None = None
        self.counted = (0, 1)  # an offset and its line, so that every line is counted once
        self.reset()

    def reset(self) -> None:
        """Begin a new statement."""
        self.started: int | None = None
        self.parts: list[str] = []
        self.pieces: list[Piece] = []
        self.length = 0
        self.parentheses: list[int] = []
        self.blocks: list[int] = []
        self.stop_at(Words.ALL)
        self.head = ""
        self.first_words: list[str] = []
        self.joints: list[int] = []

    def stop_at(self, words: str) -> None:
        """Choose which words the scanner has to look at."""
        self.words = words
        self.skipped = lexical.skipped(words, self.standard_strings)

    def feed(self, text: str, anchor: int | None) -> None:
        """Scan a text: the script, or a variable's value.

        Arguments:
            text: what to scan.
            anchor: offset of the variable whose value the text is, or None for the script.
        """
        position = mark = 0
        end = len(text)
        while True:
            if self.open is not None and position < end:
                position = self.resume(text, position)
            if self.started is None:
                position = mark = self.lead(text, position, anchor)
            jump = self.skipped.match(text, position)
            position = position if jump is None else jump.end()
            if position >= end:
                break
            char = text[position]
            if char == "(":
                self.parentheses.append(position if anchor is None else anchor)
                position += 1
            elif char == ")":
                if self.parentheses:
                    self.parentheses.pop()
                position += 1
            elif char == ";":
                position += 1
                if not self.parentheses and not self.blocks:
                    self.emit(text, mark, position, anchor)
                    position = mark = self.finish_statement(position, anchor)
            elif char == ":":
                position, mark = self.colon(text, position, mark, anchor)
            elif char == "\\":
                self.emit(text, mark, position, anchor)
                position, mark = self.backslash(text, position, anchor)
            else:
                position = self.token(text, position, position if anchor is None else anchor)
        self.emit(text, mark, end, anchor)

    def emit(self, text: str, mark: int, position: int, anchor: int | None) -> None:
        """Add text from mark to position to the statement."""
        if self.started is None or position <= mark:
            return
        self.pieces.append(
            Piece(self.length, mark if anchor is None else anchor, anchor is not None)
        )
        self.parts.append(text[mark:position])
        self.length += position - mark

    def lead(self, text: str, position: int, anchor: int | None) -> int:
        """Go over blanks, comments, empty statements and meta-commands to a statement's start."""
        end = len(text)
        while True:
            position = lexical.blank_end(text, position)
            if position >= end:
                return end
            here = position if anchor is None else anchor
            if text.startswith("/*", position):
                position = self.comment(text, position + 2, here, 1)
            elif text[position] == ";" or text.startswith("\\;", position):
                position += 1 if text[position] == ";" else 2
            elif text[position] == "\\" and not text.startswith("\\:", position):
                position, _ = self.backslash(text, position, anchor)
            else:
                self.started = here
                return position

    def token(self, text: str, position: int, here: int) -> int:
        """Go over one token that is neither a variable nor the end of a statement."""
        char = text[position]
        if char == "'":
            kind = "'" if self.standard_strings else "e"
            return self.quoted(text, position + 1, here, kind)
        if char == '"':
            return self.quoted(text, position + 1, here, '"')
        if char == "$":
            match = lexical.DOLLAR_QUOTE.match(text, position)
            if match is None:
                return position + 1
            return self.dollar(text, match.end(), here, match.group())
        if char == "-":
            return lexical.blank_end(text, position)
        if char == "/":
            return self.comment(text, position + 2, here, 1)
        prefix = lexical.PREFIX.match(text, position)
        if prefix is not None:
            kind = lexical.quote_kind(prefix.group(), self.standard_strings)
            return self.quoted(text, prefix.end(), here, kind)
        return self.word(text, position, here)

    def word(self, text: str, position: int, here: int) -> int:
        """Go over one word; count it where psql counts it."""
        match = lexical.WORD.match(text, position)
        assert match is not None, "only a word can stop the scanner here"
        word = match.group().lower()
        if self.words == Words.ALL:
            self.first_words.append(word)
            self.head += word[0] if word in _HEAD_WORDS else "-"
            if self.head in _HEADS:
                self.stop_at(Words.BLOCKS)
            elif self.head not in _HEAD_STARTS:
                self.stop_at(Words.NONE)
        elif not self.parentheses:
            if word == "begin" or (word == "case" and self.blocks):
                self.blocks.append(here)
            elif word == "end" and self.blocks:
                self.blocks.pop()
        return match.end()

    def quoted(self, text: str, position: int, here: int, kind: str) -> int:
        """Go over the rest of a string or quoted identifier; leave it open if it has no end."""
        match = lexical.QUOTE_END[kind].match(text, position)
        self.open = None if match else _Open(kind, here)
        return match.end() if match else len(text)

    def dollar(self, text: str, position: int, here: int, delimiter: str) -> int:
        """Go over the rest of a dollar-quoted string; leave it open if it has no end."""
        end = text.find(delimiter, position)
        self.open = None if end >= 0 else _Open("$", here, delimiter)
        return end + len(delimiter) if end >= 0 else len(text)

    def comment(self, text: str, position: int, here: int, depth: int) -> int:
        """Go over the rest of a block comment; leave it open if it has no end."""
        end, depth = lexical.comment_end(text, position, depth)
        self.open = _Open("*", here, depth=depth) if depth else None
        return end

    def resume(self, text: str, position: int) -> int:
        """Go on in a quote or comment that was open at the end of another text."""
        assert self.open is not None, "there is something to resume"
        opened = self.open
        if opened.kind == "*":
            return self.comment(text, position, opened.offset, opened.depth)
        if opened.kind == "$":
            return self.dollar(text, position, opened.offset, opened.delimiter)
        return self.quoted(text, position, opened.offset, opened.kind)

    def colon(self, text: str, position: int, mark: int, anchor: int | None) -> tuple[int, int]:
        """Put in the value of a variable; return the new position and mark."""
        match = lexical.VARIABLE.match(text, position)
        if match is None:
            return position + 1, mark
        here = position if anchor is None else anchor
        name = match.group("plain")
        if name is None:
            value = expand_quoted(match.group(), self.variables)
        else:
            value = None if name in self.expanding else self.variables.get(name)
        if value is None:  # psql leaves an unknown or recursive one as it is
            return match.end(), mark
        self.emit(text, mark, position, anchor)
        if name is None:
            self.emit(value, 0, len(value), here)
        else:
            # psql scans a plain value as if it were part of the script.
            self.expanding.append(name)
            self.feed(value, here)
            self.expanding.pop()
        return match.end(), match.end()

    def backslash(self, text: str, position: int, anchor: int | None) -> tuple[int, int]:
        """Go over a backslash outside of quotes; return the new position and mark."""
        if text.startswith(("\\;", "\\:"), position):
            if text[position + 1] == ";":
                self.joints.append(self.length)
                self.stop_at(Words.ALL)
                self.head = ""
            return position + 2, position + 1
        here = position if anchor is None else anchor
        if anchor is not None:
            position = len(text)
            self.refused.append(metacommands.Refusal("\\", here, "in a variable's value"))
            return position, position
        position, refusal = metacommands.run(text, position, self.variables)
        if refusal is not None:
            self.refused.append(refusal)
            if refusal.sends_query:
                self.reset()
        return position, position

    def finish_statement(self, position: int, anchor: int | None) -> int:
        """Keep the statement that ends here; return where scanning goes on."""
        assert self.started is not None, "only a started statement ends"
        sql = "".join(self.parts).rstrip(SPACE)
        started, pieces, words, joints = self.started, self.pieces, self.first_words, self.joints
        first = words[0] if words else ""
        self.reset()
        if not sql.strip(SPACE + ";"):
            return position
        if joints:
            self.check_joined(sql, joints, started)
        kind: StatementKind = copy_direction(sql) if first == "copy" else "sql"
        data = None
        if kind == "copy_in":
            data, position = self.copy_data(position, started, anchor)
        elif first == "set" and (match := _STRINGS.match(sql)):
            kind = "lexical_setting"
            self.standard_strings = match.group(1).lower() not in _OFF
            self.stop_at(self.words)
        counted, line = self.counted
        line += self.source.text.count("\n", counted, started)
        self.counted = (started, line)
        reason = autocommit_reason(sql, words)
        self.found.append(Statement(sql, line, started, reason, kind, data, tuple(pieces)))
        return position

    def copy_data(self, position: int, started: int, anchor: int | None) -> tuple[str, int]:
        """Return the inline data behind a COPY FROM STDIN and the position behind it."""
        text = self.source.text
        if anchor is not None:
            raise self.source.error(
                "COPY FROM STDIN stands in a variable's value, so its data cannot be found",
                started,
                "write the COPY into the script, its data from the next line on",
            )
        newline = text.find("\n", position)
        end = len(text) if newline < 0 else newline
        code = lexical.blank_end(text, position, end)
        if code < end:
            raise self.source.error(
                "a line goes on behind COPY ... FROM STDIN;",
                code,
                "put this behind the data, which begins on the next line and ends with \\.",
            )
        start = min(end + 1, len(text))
        closing = _COPY_END.search(text, start)
        if closing is None:
            return text[start:], len(text)
        return text[start : closing.start()], closing.end()

    def check_joined(self, sql: str, joints: list[int], started: int) -> None:
        r"""Refuse statements joined by `\;` of which one has to stand alone."""
        for start, end in zip([0, *joints], [*joints, len(sql)], strict=True):
            part = sql[start:end].lstrip(SPACE + ";")
            words = first_words(part, 2)
            if _ALONE.intersection(words[:1]) or autocommit_reason(part, words):
                raise self.source.error(
                    f"{words[0].upper()} is joined to another statement by \\;",
                    started,
                    "end it with ; alone, so that it stands by itself",
                )

    def finish(self) -> tuple[Statement, ...]:
        """Take the end of the script; return its statements, or raise what is wrong with it."""
        if self.refused:
            raise metacommands.refuse(self.source, self.refused)
        if self.open is not None:
            opened = self.open
            quote = opened.delimiter
            message, hint = _OPEN.get(
                opened.kind,
                (f"a string quoted with {quote} is never closed", f"close it with {quote}"),
            )
            raise self.source.error(message, opened.offset, hint)
        if self.parentheses:
            raise self.source.error(
                "a parenthesis is never closed", self.parentheses[-1], "close it with )"
            )
        if self.blocks:
            raise self.source.error(
                "a routine's body has no END for this",
                self.blocks[-1],
                "end BEGIN ATOMIC with END; and CASE with END",
            )
        if self.started is not None:
            self.finish_statement(len(self.source.text), None)
        return tuple(self.found)
