"""What is healthy, as the header of a metric says it for a machine."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from carecli.errors import InvalidUsage

__all__ = ["Target", "parse_targets"]

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_TARGET = re.compile(
    r"\s*(?P<measure>[a-z][a-z0-9_]*)\s*(?P<comparison>[<>]=?|=)\s*(?P<limit>-?\d+(?:\.\d+)?)\s*",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Target:
    """One measure, and where it is to be.

    Arguments:
        measure: name of the measure; `value` where the metric has one only.
        comparison: `<`, `<=`, `>`, `>=` or `=`.
        limit: what it is compared with, in the metric's unit.
    """

    measure: str
    comparison: str
    limit: float

    def holds(self, value: float) -> bool:
        """Tell whether a value is where it is to be."""
        return _COMPARISONS[self.comparison](value, self.limit)

    def distance(self, value: float) -> float:
        """Return by how much a value is on the wrong side; below zero where it is on the right."""
        if self.comparison == "=":
            return abs(value - self.limit)
        return value - self.limit if self.comparison[0] == "<" else self.limit - value

    @property
    def condition(self) -> str:
        """The target without its measure: `< 0.8`."""
        limit = f"{self.limit:.9f}".rstrip("0").rstrip(".")
        return f"{self.comparison} {limit}"


def parse_targets(text: str) -> tuple[Target, ...]:
    """Read targets such as `p95 < 0.5, p99 < 2`, parted by commas; none from an empty text.

    Raises:
        InvalidUsage: one is no comparison of a measure with a number, or a measure has two.
    """
    if not text.strip():
        return ()
    targets = []
    for part in text.split(","):
        match = _TARGET.fullmatch(part)
        if match is None:
            raise InvalidUsage(
                f"{part.strip()!r} is no target",
                hint="Write MEASURE < 0.8, with <, <=, >, >= or =; several parted by commas.",
            )
        targets.append(Target(match["measure"], match["comparison"], float(match["limit"])))
    if len({target.measure for target in targets}) < len(targets):
        raise InvalidUsage(f"{text!r} names a measure twice", hint="Give each one target.")
    return tuple(targets)
