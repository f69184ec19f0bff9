"""One query of several parts, our statements and scripts, and where in it a fault is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from carecli.script import Batch, Location

__all__ = ["Part", "Query"]


class Part(NamedTuple):
    """A part of a query: a statement of our own, or a batch of a script.

    Arguments:
        text: with its `;`.
        batch: whose text it is; None: it is our own.
    """

    text: str
    batch: Batch | None = None

    @property
    def results(self) -> int:
        """How many results the server gives if all goes well: one for each statement."""
        return 1 if self.batch is None else len(self.batch.statements)


class Query(NamedTuple):
    """Parts that are sent as one simple query; the server reads all, then runs each in turn.

    Arguments:
        parts: in the order of their running.
    """

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """What is sent."""
        return "\n".join(part.text for part in self.parts)

    @property
    def by_script(self) -> list[Query]:
        """The same in pieces: each batch with our own statements before it, and what is left."""
        pieces, start = [], 0
        for end, part in enumerate(self.parts, 1):
            if part.batch is not None or end == len(self.parts):
                pieces.append(Query(self.parts[start:end]))
                start = end
        return pieces

    @property
    def beginning(self) -> Location | None:
        """The place where its only script begins, which it ends with; None: it has none."""
        batch = self.parts[-1].batch
        return None if batch is None else batch.locate(0)

    def locate(self, done: int, position: int) -> Location | None:
        """Return the place in a script that a server's error speaks of; None: in none.

        Arguments:
            done: how many statements had succeeded before. Where none had, the server may still
                have been reading, and its position alone tells which part it means.
            position: the server's position in `text`, in characters from 1; 0: it gave none.
        """
        left, by_position = position, position > 0 and not done
        for part, length in self._lengths():
            if left <= length if by_position else done < part.results:
                if part.batch is None:
                    return None
                # A position elsewhere, as that of a statement prepared there, is none in it.
                return part.batch.locate(done, left if 0 < left <= length else None)
            left -= length
            done -= 0 if by_position else part.results
        return None

    def _lengths(self) -> Iterator[tuple[Part, int]]:
        return ((part, len(part.text) + 1) for part in self.parts)
