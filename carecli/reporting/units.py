"""In what the measures of a metric are counted."""

from __future__ import annotations

import re

__all__ = ["unit_of"]

_SHARE = re.compile(r"(.*_)?(share|rate|ratio)")
_LENGTH_OF_TIME = re.compile(r"p\d+|max|min|mean|(.*_)?seconds")
_BYTES = re.compile(r"(.*_)?(bytes|size)")


def unit_of(unit: str, measure: str = "value") -> str:
    """Return `ratio`, `percent`, `seconds` or `bytes`; empty for what is counted.

    Arguments:
        unit: that the metric or the alert rule has.
        measure: name of the measure; that of a share, and of its count, tells more than the unit.
    """
    if _SHARE.fullmatch(measure):
        return "ratio"
    if measure == "percent":
        return "percent"
    if _BYTES.fullmatch(measure):
        return "bytes"
    if unit in ("ratio", "share"):
        return "ratio" if measure == "value" else ""
    if unit == "seconds":
        return "seconds" if measure == "value" or _LENGTH_OF_TIME.fullmatch(measure) else ""
    return unit if unit in ("percent", "bytes") and measure == "value" else ""
