"""What a measure of a metric is called in Prometheus."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from carecli.monitoring import Metric

__all__ = ["PREFIX", "Name", "name_measure"]

PREFIX = "carecli_"

# Prometheus wants base units (https://prometheus.io/docs/practices/naming/).
_BASE_UNITS = {
    "seconds": ("seconds", 1.0),
    "milliseconds": ("seconds", 0.001),
    "ms": ("seconds", 0.001),
    "bytes": ("bytes", 1.0),
    "ratio": ("ratio", 1.0),
    "share": ("ratio", 1.0),
    "percent": ("ratio", 0.01),
}
# Words that say already that a number is a part of one.
_RATIOS = ("ratio", "rate", "share")
# Measures in the unit of their metric; others say in their own name what they count.
_IN_UNIT_OF_METRIC = re.compile(r"p\d+|min|max|avg|mean|median")
# Endings that Prometheus keeps for counters and histograms.
_RESERVED = ("total", "count", "sum", "bucket")


class Name(NamedTuple):
    """A measure's name.

    Arguments:
        family: without the `_total` that a counter's samples have.
        unit: `seconds`, `bytes`, `ratio`, or empty.
        factor: by which values are multiplied to be in the unit.
        counter: whether it only grows, until it is reset.
    """

    family: str
    unit: str
    factor: float
    counter: bool

    @property
    def sample(self) -> str:
        """Name of the samples, as queries write it."""
        return f"{self.family}_total" if self.counter else self.family


def name_measure(metric: Metric, measure: str) -> Name:
    """Return the name of one measure: `carecli_METRIC[_MEASURE][_UNIT]`.

    The measure `value` has no word of its own. The unit stands last and once; a percentage becomes
    a ratio and milliseconds become seconds. Only counters end in `_total`.

    Arguments:
        metric: the metric.
        measure: the column.
    """
    counter = metric.type == "counter"
    unit, factor = _BASE_UNITS.get(metric.unit.strip().lower(), ("", 1.0))
    words = metric.name.removesuffix("_total")
    words = words.removesuffix(f"_{unit}") if unit else words
    if measure == "value":
        return Name(_with_unit(words, unit), unit, factor, counter)
    if _IN_UNIT_OF_METRIC.fullmatch(measure):
        return Name(_with_unit(f"{words}_{measure}", unit), unit, factor, counter)
    stem, _, last = measure.rpartition("_")
    if last in _RESERVED:
        # What is counted is the metric's unit.
        counted = "_".join(re.findall(r"[a-z0-9]+", metric.unit.lower()))
        words = "_".join(filter(None, (words, stem, "" if unit else counted)))
        return Name(PREFIX + words, "", 1.0, counter)
    unit, factor = _BASE_UNITS.get(last, ("", 1.0))
    shown = measure if last in _RATIOS or not unit else stem
    return Name(_with_unit("_".join(filter(None, (words, shown))), unit), unit, factor, counter)


def _with_unit(words: str, unit: str) -> str:
    """Put the unit last, unless the words say it."""
    last = words.rpartition("_")[2]
    if not unit or last == unit or (unit == "ratio" and last in _RATIOS):
        return PREFIX + words
    return f"{PREFIX}{words}_{unit}"
