"""What a plot shows, in figures and in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from carecli.reporting.figures import shown, sign

__all__ = ["MOST_LINES", "Limit", "Line", "Plot", "describe", "shows_limit"]

MOST_LINES = 6
"""So many series can be told apart in one plot."""


class Limit(NamedTuple):
    """A target: the values are to be on this side of it.

    Arguments:
        comparison: `<`, `<=`, `>`, `>=` or `=`.
        threshold: in the unit of the plot.
    """

    comparison: str
    threshold: float


class Line(NamedTuple):
    """One series.

    Arguments:
        name: empty where there is one only.
        values: one for each slot; None where there is no data.
    """

    name: str
    values: tuple[float | None, ...]

    @property
    def known(self) -> list[float]:
        """The values that there are."""
        return [value for value in self.values if value is not None]


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn.

    Arguments:
        name: identifier, unique on the page.
        title: what is shown, in a sentence.
        edges: where the slots begin, in order, and where the last one ends.
        lines: the series.
        unit: of the values, as for `figures.shown`.
        limit: the target.
        daily: the slots are days, and are drawn as bars.
    """

    name: str
    title: str
    edges: tuple[datetime, ...]
    lines: tuple[Line, ...]
    unit: str
    limit: Limit | None = None
    daily: bool = False

    @property
    def known(self) -> list[float]:
        """All values that there are."""
        return [value for line in self.lines for value in line.known]


def describe(plot: Plot) -> str:
    """Return in words what a plot shows, for who cannot see it."""
    parts = []
    for line in plot.lines:
        known = line.known
        if not known:
            continue
        what = "days" if plot.daily else "slots"
        text = (
            f"{len(known)} of {len(line.values)} {what} have data; "
            f"lowest {shown(min(known), plot.unit)}, highest {shown(max(known), plot.unit)}, "
            f"latest {shown(known[-1], plot.unit)}"
        )
        parts.append(f"{line.name}: {text}" if line.name else text)
    if plot.limit is not None:
        limit = shown(plot.limit.threshold, plot.unit)
        parts.append(f"target {sign(plot.limit.comparison)} {limit}")
    return ". ".join(parts) + "."


def shows_limit(plot: Plot) -> bool:
    """Tell whether the target is drawn: not where it would press the values into a line."""
    if plot.limit is None:
        return False
    highest = max(plot.known)
    return plot.limit.comparison[0] == ">" or highest <= 0 or plot.limit.threshold <= 4 * highest
