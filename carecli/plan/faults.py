"""The error for a place in a plan, and how a plan names it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from carecli.errors import SourceError

__all__ = ["NAME_RULE", "PlanError", "Place"]

NAME_RULE = (
    'a name does not begin with punctuation, has no "@", ":", "#", "\\" or blank in it, '
    'and ends neither in punctuation nor in one of "~/=%^" followed by digits'
)


class PlanError(SourceError):
    """A plan that sqitch would not accept either."""


class Place(NamedTuple):
    """A line of a plan, from which an error at one of its columns is made.

    Arguments:
        path: the plan.
        number: line number, from 1.
        source: the text of the line.
    """

    path: Path
    number: int
    source: str

    def error(self, message: str, *, column: int = 1, hint: str | None = None) -> PlanError:
        """Return the error; the column counts characters from 1."""
        return PlanError(
            message,
            path=self.path,
            line=self.number,
            column=column,
            source_line=self.source,
            hint=hint,
        )
