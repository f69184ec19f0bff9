"""Where the ticks of an axis stand, and what is written at them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from carecli.reporting.figures import day, scale

__all__ = ["Tick", "nice_step", "time_ticks", "value_ticks"]

_SECONDS = (1, 5, 15, 30)
_MINUTES = (1, 2, 5, 10, 15, 30)
_HOURS = (1, 2, 3, 6, 12)
_DAYS = (1, 2, 7, 14, 28, 91, 182, 364)
_STEPS = (
    *_SECONDS,
    *(60 * count for count in _MINUTES),
    *(3600 * count for count in _HOURS),
    *(86400 * count for count in _DAYS),
)


class Tick(NamedTuple):
    """A place on an axis.

    Arguments:
        place: in the axis's own numbers; seconds since 1970 on one of time.
        label: what is written there.
    """

    place: float
    label: str


def nice_step(span: float, most: int) -> float:
    """Return the smallest of 1, 2, 2.5 and 5 times a power of ten that parts a span as wanted.

    Arguments:
        span: more than 0.
        most: parts at most.
    """
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(
        factor * power
        for factor in (1, 2, 2.5, 5, 10, 20)
        if span / (factor * power) <= most * (1 + 1e-9)
    )


def value_ticks(low: float, high: float, unit: str, most: int = 4) -> tuple[Tick, ...]:
    """Return ticks around a range; the first is not above it, the last is not below.

    Arguments:
        low: least value.
        high: greatest value, above the least.
        unit: as for `figures.shown`.
        most: about how many parts the axis has.
    """
    factor, suffix = scale(unit, high)
    step = nice_step((high - low) * factor, most)
    if not suffix.strip() and unit not in ("ratio", "percent"):
        step = max(1.0, step)  # things are counted in whole numbers
    first = math.floor(low * factor / step + 1e-9)
    last = math.ceil(high * factor / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step, digits) != round(step, digits + 1):
        digits += 1  # 2.5, 0.25, ...
    return tuple(
        Tick(number * step / factor, f"{number * step:,.{digits}f}{suffix}" if number else "0")
        for number in range(first, last + 1)
    )


def time_ticks(start: datetime, end: datetime, most: int = 5) -> tuple[Tick, ...]:
    """Return ticks within a time, at whole hours, days and the like of UTC.

    Arguments:
        start: where the axis begins.
        end: where it ends.
        most: about how many ticks are wanted.
    """
    first, last = start.timestamp(), end.timestamp()
    step = next((step for step in _STEPS if (last - first) / step <= most), _STEPS[-1])
    # Weeks begin on a Monday; 1970-01-05 was one.
    origin = 4 * 86400 if step >= 7 * 86400 else 0
    ticks = []
    place = math.ceil((first - origin) / step) * step + origin
    while place <= last:
        ticks.append(Tick(place, _label(place, step)))
        place += step
    return tuple(ticks)


def _label(place: float, step: int) -> str:
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=place)
    if step >= 86400 or (time.hour, time.minute, time.second) == (0, 0, 0):
        return day(time)
    return f"{time:%H:%M:%S}" if step < 60 else f"{time:%H:%M}"
