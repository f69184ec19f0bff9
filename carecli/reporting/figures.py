"""Numbers, times and lengths of time as a person reads them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

__all__ = ["NO_DATA", "Scale", "day", "length", "moment", "scale", "shown", "sign"]

NO_DATA = "no data"

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_MONTHS = "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
_LENGTHS = (("day", _DAY), ("hour", _HOUR), ("minute", _MINUTE), ("second", 1))


class Scale(NamedTuple):
    """In what numbers of one unit are written.

    Arguments:
        factor: by which they are multiplied.
        suffix: what stands behind them.
    """

    factor: float
    suffix: str


def scale(unit: str, top: float) -> Scale:
    """Return the scale in which the largest of some numbers is easily read.

    Arguments:
        unit: `ratio`, `percent`, `seconds`, `bytes`; anything else is counted.
        top: the largest.
    """
    if unit == "ratio":
        return Scale(100, " %")
    if unit == "percent":
        return Scale(1, " %")
    if unit == "seconds":
        return _time_scale(top)
    if unit == "bytes":
        power = next((power for power in (3, 2, 1) if top >= 1024**power), 0)
        return Scale(1024**-power, (" B", " KiB", " MiB", " GiB")[power])
    power = next((power for power in (2, 1) if top >= 10 * 1000**power), 0)
    return Scale(1000**-power, ("", " k", " M")[power])


def _time_scale(top: float) -> Scale:
    if top < 1:
        return Scale(1000, " ms")
    if top < 2 * _MINUTE:
        return Scale(1, " s")
    if top < 2 * _HOUR:
        return Scale(1 / _MINUTE, " min")
    return Scale(1 / _HOUR, " h") if top < 2 * _DAY else Scale(1 / _DAY, " d")


def shown(value: float | None, unit: str) -> str:
    """Return a number with its unit, which no line end parts from it.

    A share that is not quite all is never shown as all, nor one that is little as none.

    Arguments:
        value: None where there is no data.
        unit: as for `scale`.
    """
    return NO_DATA if value is None else _written(value, unit).replace(" ", "\N{NO-BREAK SPACE}")


def _written(value: float, unit: str) -> str:
    if unit not in ("ratio", "percent", "seconds", "bytes"):
        is_whole = value == int(value) or abs(value) >= 1000
        return f"{value:,.0f}" if is_whole else f"{value:.4g}"
    factor, suffix = scale(unit, abs(value))
    scaled = value * factor
    if suffix == " %":
        if 99.99 <= scaled < 100:
            return "> 99.99 %" if scaled > 99.99 else "99.99 %"
        if 0 < scaled < 0.01:
            return "< 0.01 %"
        return f"{scaled:.2f}".rstrip("0").rstrip(".") + suffix
    digits = max(0, 2 - math.floor(math.log10(abs(scaled)))) if scaled else 0
    text = f"{scaled:,.{min(digits, 3)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + suffix


def sign(comparison: str) -> str:
    """Return a comparison as it is printed: two characters become one."""
    return {"<=": "\N{LESS-THAN OR EQUAL TO}", ">=": "\N{GREATER-THAN OR EQUAL TO}"}.get(
        comparison, comparison
    )


def moment(time: datetime) -> str:
    """Return a time to the minute, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def day(time: date) -> str:
    """Return day and month, whatever the language of this machine."""
    return f"{time.day} {_MONTHS[time.month - 1]}"


def length(window: timedelta) -> str:
    """Return a length of time in the largest unit that it is a whole number of.

    More than one day is told in days, and so is 24 hours as hours.
    """
    seconds = window.total_seconds()
    for unit, size in _LENGTHS:
        if seconds % size == 0 and (unit != "day" or seconds > _DAY):
            count = int(seconds // size)
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:g} seconds"
