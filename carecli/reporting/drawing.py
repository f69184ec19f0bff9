"""Plots as inline SVG: steps and lines over time, bars by day, gaps where there is no data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree.ElementTree import Element

from carecli.reporting.axes import Tick, time_ticks, value_ticks
from carecli.reporting.figures import day, shown
from carecli.reporting.markup import node
from carecli.reporting.plots import Line, Plot, describe, shows_limit

__all__ = ["draw", "share_bar"]

# Units of the drawing. On a telephone one is about a pixel, elsewhere a little more.
_WIDTH, _HEIGHT = 320.0, 168.0
_TOP, _RIGHT, _BOTTOM = 18.0, 10.0, 24.0
_TICK_CHAR = 7.0  # of the widest common font, at the size of style.css
_NOTE_CHAR = 6.6
_NOTE_HEIGHT = 12.0
_LEAST_SPAN = 1e-6  # what differs by less does not differ


class _Frame(NamedTuple):
    """The place of the drawing in which values are shown.

    Arguments:
        left: where it begins.
        start: time there, in seconds since 1970.
        end: time at its right end.
        low: value at its bottom.
        high: value at its top.
    """

    left: float
    start: float
    end: float
    low: float
    high: float

    def x(self, time: float) -> float:
        """Return where a time is."""
        width = _WIDTH - _RIGHT - self.left
        return self.left + width * (time - self.start) / (self.end - self.start)

    def y(self, value: float) -> float:
        """Return where a value is."""
        height = _HEIGHT - _TOP - _BOTTOM
        return _TOP + height * (self.high - value) / (self.high - self.low)


class _Notes:
    """Writes values beside their points, each where none is yet, or not at all."""

    def __init__(self, frame: _Frame) -> None:
        self._left = frame.left
        self._taken: list[tuple[float, float, float, float]] = []

    def place(self, text: str, x: float, above: float, below: float | None) -> Element | None:
        """Return the text over or under a point, or None where there is no room."""
        half = len(text) * _NOTE_CHAR / 2
        middle = min(max(x, self._left + half), _WIDTH - 2 - half)
        for y in (above - 5, None if below is None else below + _NOTE_HEIGHT):
            if y is None or y < _NOTE_HEIGHT or y > _HEIGHT - _BOTTOM - 2:
                continue
            box = (middle - half, y - _NOTE_HEIGHT, middle + half, y + 2)
            if not any(_overlap(box, other) for other in self._taken):
                self._taken.append(box)
                return node("text", text, class_="note", x=middle, y=y, text_anchor="middle")
        return None


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    apart = one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]
    return not apart


def draw(plot: Plot) -> Element | None:
    """Return the drawing, or None where there is nothing to be drawn.

    Arguments:
        plot: with at most `MOST_LINES` lines, and slots that have a length.
    """
    if not plot.known:
        return None
    low, high = _range(plot)
    ticks = value_ticks(low, high, plot.unit)
    if plot.unit == "ratio" and high <= 1:
        # Nothing is more than all.
        ticks = tuple(tick for tick in ticks if tick.place <= 1 + 1e-9)
        high = max(high, min(1.0, ticks[-1].place))
    else:
        high = ticks[-1].place
    frame = _Frame(
        left=max(len(tick.label) for tick in ticks) * _TICK_CHAR + 8,
        start=plot.edges[0].timestamp(),
        end=plot.edges[-1].timestamp(),
        low=ticks[0].place,
        high=high,
    )
    notes = _Notes(frame)
    return node(
        "svg",
        node("title", plot.title, id=f"{plot.name}-title"),
        node("desc", describe(plot), id=f"{plot.name}-desc"),
        _breach(plot, frame),
        _value_axis(frame, ticks),
        _day_axis(plot, frame) if plot.daily else _time_axis(plot, frame),
        _bars(plot, frame) if plot.daily else _lines(plot, frame),
        _target(plot, frame),
        _bar_notes(plot, frame, notes) if plot.daily else _extremes(plot, frame, notes),
        _tips(plot, frame),
        class_="plot",
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        aria_labelledby=f"{plot.name}-title {plot.name}-desc",
    )


def _range(plot: Plot) -> tuple[float, float]:
    """Return the values between which the plot is drawn."""
    low, high = min(plot.known), max(plot.known)
    if shows_limit(plot):
        assert plot.limit is not None
        low, high = min(low, plot.limit.threshold), max(high, plot.limit.threshold)
    if plot.unit == "ratio" and not plot.daily and low > 0.5:
        # Of a share that is nearly all, what is missing to all is of interest.
        return low - max(0.005, (1 - low) * 0.1), max(high, 1.0)
    low = min(low, 0.0)
    if high - low < _LEAST_SPAN:
        high = low + (0.01 if plot.unit == "ratio" else 1.0)
    return low, high


def _breach(plot: Plot, frame: _Frame) -> Element | None:
    """Return the area on the wrong side of the target."""
    if plot.limit is None or plot.limit.comparison == "=" or not shows_limit(plot):
        return None
    at = frame.y(plot.limit.threshold)
    top, bottom = (_TOP, at) if plot.limit.comparison[0] == "<" else (at, _HEIGHT - _BOTTOM)
    return _rectangle("breach-area", frame.left, top, _WIDTH - _RIGHT, bottom)


def _target(plot: Plot, frame: _Frame) -> Element | None:
    if plot.limit is None or not shows_limit(plot):
        return None
    y = frame.y(plot.limit.threshold)
    return node("path", class_="target", d=f"M{frame.left:.2f},{y:.2f}H{_WIDTH - _RIGHT:.2f}")


def _value_axis(frame: _Frame, ticks: Iterable[Tick]) -> Iterator[Element]:
    for tick in ticks:
        y = frame.y(tick.place)
        yield node("path", class_="grid-line", d=f"M{frame.left:.2f},{y:.2f}H{_WIDTH - _RIGHT:.2f}")
        yield node("text", tick.label, x=frame.left - 6, y=y + 4, text_anchor="end")


def _time_axis(plot: Plot, frame: _Frame) -> Iterator[Element]:
    bottom = _HEIGHT - _BOTTOM
    free = 0.0
    for tick in time_ticks(plot.edges[0], plot.edges[-1]):
        x = frame.x(tick.place)
        yield node("path", class_="tick", d=f"M{x:.2f},{bottom:.2f}v4")
        half = len(tick.label) * _TICK_CHAR / 2
        middle = min(x, _WIDTH - half)
        if middle - half >= free:
            free = middle + half + 4
            yield node("text", tick.label, x=middle, y=_HEIGHT - 7, text_anchor="middle")


def _day_axis(plot: Plot, frame: _Frame) -> Iterator[Element]:
    """Write the days under their bars; the month stands at the first one and where it changes."""
    free, month = 0.0, 0
    for x, _, start in _slots(plot, frame):
        label = day(start) if start.month != month else str(start.day)
        half = len(label) * _TICK_CHAR / 2
        middle = min(max(x, half), _WIDTH - half)
        if middle - half >= free:
            free, month = middle + half + 4, start.month
            yield node("text", label, x=middle, y=_HEIGHT - 7, text_anchor="middle")


def _slots(plot: Plot, frame: _Frame) -> Iterator[tuple[float, float, datetime]]:
    """Give the middle, the width and the beginning of each slot."""
    for start, end in zip(plot.edges, plot.edges[1:], strict=False):
        left, right = frame.x(start.timestamp()), frame.x(end.timestamp())
        yield (left + right) / 2, right - left, start.astimezone(UTC)


def _lines(plot: Plot, frame: _Frame) -> Iterator[Element]:
    """Draw one series as steps, which last as long as their slots, several as lines."""
    slots = list(_slots(plot, frame))
    if len(plot.lines) == 1:
        yield from _steps(plot.lines[0], slots, frame)
        return
    for number, line in enumerate(plot.lines, start=1):
        path, dots = [], []
        for run in _runs(line.values):
            points = [(slots[at][0], frame.y(line.values[at] or 0)) for at in run]
            if len(points) == 1:
                dots.append(points[0])
            else:
                path.append("M" + "L".join(f"{x:.2f},{y:.2f}" for x, y in points))
        if path:
            yield node("path", class_=f"line s{number}", d="".join(path))
        yield from (node("circle", class_=f"dot s{number}", cx=x, cy=y, r=2.5) for x, y in dots)


def _steps(
    line: Line, slots: Sequence[tuple[float, float, datetime]], frame: _Frame
) -> Iterator[Element]:
    edge, area = [], []
    for run in _runs(line.values):
        left = slots[run[0]][0] - slots[run[0]][1] / 2
        path = ""
        for at in run:
            middle, width, _ = slots[at]
            path += f"V{frame.y(line.values[at] or 0):.2f}H{middle + width / 2:.2f}"
        edge.append(f"M{left:.2f},{path[1:]}")
        base = frame.y(frame.low)
        area.append(f"M{left:.2f},{base:.2f}{path}V{base:.2f}Z")
    if frame.low == 0:
        # An area says how much there is, which it does from zero alone.
        yield node("path", class_="area s1", d="".join(area))
    yield node("path", class_="line s1", d="".join(edge))


def _runs(values: Sequence[float | None]) -> Iterator[list[int]]:
    """Give the places of values that follow each other without a gap."""
    run: list[int] = []
    for at, value in enumerate(values):
        if value is not None:
            run.append(at)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _bars(plot: Plot, frame: _Frame) -> Iterator[Element]:
    base = frame.y(frame.low)
    for number, line in enumerate(plot.lines, start=1):
        for (left, right), value in zip(_places(plot, frame, number), line.values, strict=True):
            if value is not None:
                # Nothing at all is a line; no data is not even that.
                top = min(frame.y(value), base - 1)
                yield _rectangle(f"bar s{number}", left, top, right, base)


def _places(plot: Plot, frame: _Frame, number: int) -> Iterator[tuple[float, float]]:
    """Give where the bars of one series begin and end, those of a day side by side."""
    for middle, width, _ in _slots(plot, frame):
        room = width * 0.78
        each = room / len(plot.lines)
        left = middle - room / 2 + each * (number - 1)
        yield left, left + each * 0.96


def _bar_notes(plot: Plot, frame: _Frame, notes: _Notes) -> Iterator[Element | None]:
    """Write the values over the bars, where all have room for theirs; else the greatest."""
    texts = [
        (shown(value, plot.unit), (left + right) / 2, frame.y(value), right - left, value)
        for number, line in enumerate(plot.lines, start=1)
        for (left, right), value in zip(_places(plot, frame, number), line.values, strict=True)
        if value is not None
    ]
    if all(len(text) * _NOTE_CHAR <= width + 4 for text, _, _, width, _ in texts):
        chosen = texts
    else:
        chosen = [max(texts, key=lambda each: each[4])]
    yield from (notes.place(text, x, y, None) for text, x, y, _, _ in chosen)


def _extremes(plot: Plot, frame: _Frame, notes: _Notes) -> Iterator[Element | None]:
    """Mark the highest value and, of a single series, the lowest one."""
    slots = list(_slots(plot, frame))
    points = [
        (value, slots[at][0], number)
        for number, line in enumerate(plot.lines, start=1)
        for at, value in enumerate(line.values)
        if value is not None
    ]
    highest = max(points, key=lambda point: point[0])
    lowest = min(points, key=lambda point: point[0])
    for value, x, number in [highest] if len(plot.lines) > 1 else [highest, lowest]:
        if value == lowest[0] == highest[0] and (x, number) != highest[1:]:
            continue
        y = frame.y(value)
        above, below = (y, y) if value == highest[0] else (y - 4, y)
        note = notes.place(shown(value, plot.unit), x, above, below)
        if note is not None:
            yield node("circle", class_=f"dot s{number}", cx=x, cy=y, r=2.5)
            yield note


def _tips(plot: Plot, frame: _Frame) -> Iterator[Element]:
    """Give each slot a text for the pointer: when, and what was there."""
    for at, (middle, width, start) in enumerate(_slots(plot, frame)):
        when = day(start) if plot.daily else f"{day(start)} {start:%H:%M} UTC"
        values = ", ".join(
            f"{line.name} {shown(line.values[at], plot.unit)}".strip() for line in plot.lines
        )
        half = width / 2
        area = _rectangle("tip", middle - half, _TOP, middle + half, _HEIGHT - _BOTTOM)
        area.append(node("title", f"{when}: {values}"))
        yield area


def share_bar(share: float) -> Element:
    """Return a horizontal bar that is filled to this share, 0 to 1."""
    return node(
        "svg",
        _rectangle("bar s1", 0, 0, 100 * min(max(share, 0.0), 1.0), 8),
        class_="share",
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def _rectangle(name: str, left: float, top: float, right: float, bottom: float) -> Element:
    size = {"width": round(right - left, 2), "height": round(bottom - top, 2)}
    return node("rect", class_=name, x=round(left, 2), y=round(top, 2), **size)
