"""What metrics without a window were, reading by reading, while somebody watched."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from carecli.monitoring import Line

if TYPE_CHECKING:
    from carecli.commands._overview import View

__all__ = ["Courses"]

Key = tuple[str, tuple[str, ...], str]


class Courses:
    """Keeps the newest values of each series that is there, and no more than a screen shows.

    Arguments:
        slots: how many values of a series.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._kept: dict[Key, deque[int | float | None]] = {}

    def __len__(self) -> int:
        """Return how many values are kept."""
        return sum(map(len, self._kept.values()))

    def complete(self, view: View) -> View:
        """Keep the values of a view, and return it with the courses that they make."""
        kept: dict[Key, deque[int | float | None]] = {}
        lines: dict[str, list[Line]] = {}
        for reading in view.readings:
            if reading.window is not None:
                continue
            name = reading.metric.name
            for sample in reading.samples:
                key = (name, tuple(map(str, sample.labels.values())), sample.measure)
                # A series that is gone is forgotten: only what is there now is taken over.
                values = self._kept.get(key) or deque(maxlen=self._slots)
                values.append(sample.value)
                kept[key] = values
                line = Line(sample.labels, sample.measure, tuple(values))
                lines.setdefault(name, []).append(line)
        self._kept = kept
        courses = (
            replace(course, lines=tuple(lines.get(course.metric.name, course.lines)))
            for course in view.courses
        )
        return replace(view, courses=tuple(courses))
