"""One query of several parts, our statements and scripts, and where in it a fault is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from carecli.script import Batch, Location

__all__ = ["MARK", "Part", "Query"]

MARK = f"carecli_{os.urandom(8).hex()}"
"""Column of the row that follows a script's results: no script can know its name."""


class Part(NamedTuple):
    """A part of a query: a statement of our own, or a batch of a script.

    Arguments:
        text: with its `;`.
        batch: whose text it is; None: it is our own.
    """

    text: str
    batch: Batch | None = None


class Query(NamedTuple):
    r"""Parts that are sent as one simple query; the server reads all, then runs each in turn.

    How many results a script gives is not known beforehand (rules add some, and psql's `\;` makes
    one statement of two), so a mark follows each script that is not the last part. One of our own
    gives one.

    Arguments:
        parts: in the order of their running; at least one.
    """

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """What is sent."""
        return "\n".join(self._texts())

    def locate(self, done: Sequence[bool], position: int) -> Location | None:
        """Return the place in a script that a server's error speaks of; None: in none.

        Arguments:
            done: for each result before the error, whether it was a mark.
            position: the server's position in `text`, in characters from 1; 0: it gave none.
        """
        if position and not done:
            # Nothing was run: the server was still reading.
            return self._at(position)
        start = offset = 0
        for part, text in zip(self.parts, self._texts(), strict=True):
            if part.batch is None:
                if start == len(done):
                    return None
                start += 1
            elif True in done[start:]:
                start = done.index(True, start) + 1
            else:
                left = position - offset
                # A position elsewhere, as that of a statement prepared there, is none in it.
                inside = left if 0 < left <= len(part.text) else None
                return part.batch.locate(len(done) - start, inside)
            offset += len(text) + 1
        return None

    def find(self, character: str) -> Location | None:
        """Return the first place of a character of the text; None: it is in none of the scripts."""
        return self._at(self.text.index(character) + 1)

    def _at(self, position: int) -> Location | None:
        for part, text in zip(self.parts, self._texts(), strict=True):
            if position <= len(text) + 1:
                return None if part.batch is None else part.batch.locate(0, position)
            position -= len(text) + 1
        return None

    def _texts(self) -> list[str]:
        *before, last = self.parts
        marked = (
            part.text if part.batch is None else f"{part.text}\nselect 0 as {MARK};"
            for part in before
        )
        return [*marked, last.text]
