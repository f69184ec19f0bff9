"""Lengths of time as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

from carecli.errors import InvalidUsage

__all__ = ["parse_window", "shown_window"]

_UNITS = {
    "s": "seconds", "sec": "seconds", "second": "seconds", "seconds": "seconds",
    "m": "minutes", "min": "minutes", "minute": "minutes", "minutes": "minutes",
    "h": "hours", "hour": "hours", "hours": "hours",
    "d": "days", "day": "days", "days": "days",
    "w": "weeks", "week": "weeks", "weeks": "weeks",
}  # fmt: skip
_WINDOW = re.compile(r"\s*(?P<count>\d{1,6}(?:\.\d+)?)\s*(?P<unit>[a-z]+)\s*", re.ASCII)


def parse_window(text: str) -> timedelta:
    """Return a length of time such as `6h`, `30 min`, `7 days`.

    Raises:
        InvalidUsage: it is none, or not longer than nothing.
    """
    match = _WINDOW.fullmatch(text.lower())
    unit = _UNITS.get(match["unit"]) if match is not None else None
    length = timedelta(0)
    if match is not None and unit is not None:
        length = timedelta(**{unit: float(match["count"])})
    if not length:
        raise InvalidUsage(
            f"{text!r} is not a length of time", hint="Write 90s, 30 min, 6h, 7 days or 2w."
        )
    return length


def shown_window(length: timedelta) -> str:
    """Return a length of time in the longest unit that needs no fraction."""
    seconds = length.total_seconds()
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:g} seconds"
