"""Statements, the batches that they are sent in, and the script that holds them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from carecli.script.source import Location, Source

if TYPE_CHECKING:
    from carecli.script.transactions import TransactionModes

__all__ = ["Batch", "Piece", "Script", "Statement", "StatementKind"]

StatementKind = Literal["sql", "copy_in", "copy_out", "lexical_setting"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a statement's text and where it comes from.

    Arguments:
        start: where it begins in the statement's text, from 0.
        offset: where it begins in the source, from 0.
        substituted: whether it is a variable's value, all of which maps to `offset`.
    """

    start: int
    offset: int
    substituted: bool


@dataclass(frozen=True, slots=True)
class Statement:
    r"""One statement as psql would send it, but for the comments before it.

    Arguments:
        sql: its text after variable substitution, with its `;` where it has one.
        line: line, from 1, of its first character that is neither space nor comment.
        offset: place of that character in the script's text, from 0.
        autocommit_reason: the command that the server refuses in a transaction block, such as
            `create index concurrently`, or None.
        kind: `copy_in` for COPY FROM STDIN, `copy_out` for COPY TO STDOUT (its rows come to the
            client, which has to read them; psql prints them), `lexical_setting` for a SET of
            standard_conforming_strings, else `sql`.
        copy_data: the inline data of a COPY FROM STDIN, without the closing `\.`; else None.
        pieces: where the text comes from.
    """

    sql: str
    line: int
    offset: int = 0
    autocommit_reason: str | None = None
    kind: StatementKind = "sql"
    copy_data: str | None = field(default=None, repr=False)
    pieces: tuple[Piece, ...] = field(default=(), repr=False, compare=False)

    @property
    def needs_autocommit(self) -> bool:
        """Whether the server refuses the statement in a transaction block."""
        return self.autocommit_reason is not None

    def source_offset(self, index: int) -> int:
        """Return where in the source a character of `sql` comes from; both count from 0."""
        if not self.pieces:
            return self.offset + index
        place = bisect_right(self.pieces, index, key=lambda piece: piece.start) - 1
        piece = self.pieces[max(0, place)]
        return piece.offset if piece.substituted else piece.offset + index - piece.start


@dataclass(frozen=True, slots=True)
class Batch:
    """Statements that can be sent to the server as one simple query.

    Arguments:
        sql: what to send.
        statements: the statements in it.
        copy_data: what to send as COPY data, or None; the batch then is that COPY alone.
        source: the script's text, for places in it.
    """

    sql: str
    statements: tuple[Statement, ...]
    copy_data: str | None
    source: Source = field(repr=False)

    @classmethod
    def join(cls, statements: tuple[Statement, ...], source: Source) -> Batch:
        """Return the batch of these statements of that source."""
        copy_data = statements[0].copy_data if len(statements) == 1 else None
        return cls("\n".join(item.sql for item in statements), statements, copy_data, source)

    @property
    def terminated(self) -> str:
        """What to send, so that another statement can follow it."""
        body = self.sql.rstrip()
        # A semicolon at the end of a comment ends nothing.
        ended = body.endswith(";") and "--" not in body.rpartition("\n")[2]
        return body if ended else f"{body}\n;"

    def locate(self, statement_index: int, position: int | None = None) -> Location:
        """Return the place in the script that a server's error speaks of.

        Arguments:
            statement_index: index, from 0, of the statement that failed: as many as have
                given a result. Used where the server names no position.
            position: the server's position in `sql`, in characters from 1, or None.
        """
        if position is None:
            index = max(0, min(statement_index, len(self.statements) - 1))
            return self.source.locate(self.statements[index].offset)
        left = max(0, position - 1)
        for statement in self.statements[:-1]:
            if left <= len(statement.sql):
                return self.source.locate(statement.source_offset(left))
            left -= len(statement.sql) + 1
        statement = self.statements[-1]
        return self.source.locate(statement.source_offset(min(left, len(statement.sql))))


@dataclass(frozen=True, slots=True)
class Script:
    """A script, read as psql would read it.

    Arguments:
        path: the file.
        text: its text, without a byte order mark.
        statements: what is to run, in order, without the outer BEGIN and COMMIT.
        transactional: whether it runs in one transaction; if not, each statement alone.
        opening: its own outer BEGIN or START TRANSACTION, or None.
        closing: its own outer COMMIT or END (ROLLBACK in a verify script), or None.
        modes: the transaction modes that the opening asks for.
    """

    path: Path
    text: str = field(repr=False)
    statements: tuple[Statement, ...]
    transactional: bool
    opening: Statement | None
    closing: Statement | None
    modes: TransactionModes

    @property
    def source(self) -> Source:
        """The text with its path, for places in it."""
        return Source(self.path, self.text)

    def batches(self) -> tuple[Batch, ...]:
        """Return the statements joined into what one simple query each can carry.

        A COPY from or to the client stands alone, since it has a protocol of its own, and so
        does a setting that changes how the server reads the quotes behind it. In a script that
        is not transactional every statement stands alone, because the server runs the
        statements of one simple query in one transaction.
        """
        source = self.source
        if not self.transactional:
            return tuple(Batch.join((item,), source) for item in self.statements)
        batches: list[Batch] = []
        for plain, group in groupby(self.statements, key=lambda item: item.kind == "sql"):
            members = tuple(group)
            parts = [members] if plain else [(item,) for item in members]
            batches.extend(Batch.join(part, source) for part in parts)
        return tuple(batches)
