"""What is wrong with a line of a plan that is neither a change nor a tag."""

from __future__ import annotations

import re

from carecli.plan.faults import NAME_RULE, Place, PlanError
from carecli.plan.names import BLANK, HEAD, NAME, PLANNER, TIMESTAMP

__all__ = ["diagnose"]

_START = re.compile(HEAD)
_NAME = re.compile(NAME, re.ASCII)
_DEPENDENCIES = re.compile(rf"{BLANK}*(\[(?P<dependencies>[^\]]*)\])?{BLANK}*")
_TIMESTAMP = re.compile(TIMESTAMP)


def diagnose(place: Place, shape: str) -> PlanError:
    """Return the error for a line that is no entry, at the first column that does not fit.

    Arguments:
        place: the line.
        shape: the shadow of what stands on it before its note.
    """
    start = _START.match(shape)
    at = start.end() if start else 0
    name = _NAME.match(shape, at)
    if name is None or (name.end() < len(shape) and shape[name.end()] not in " \t"):
        if place.source.strip() == "#":
            return place.error(
                "a comment without text",
                column=place.source.index("#") + 1,
                hint="sqitch takes a # alone for a change; write a text after it or drop it",
            )
        column = at if name is None else name.end()
        return place.error("invalid name", column=column + 1, hint=NAME_RULE)
    dependencies = _DEPENDENCIES.match(shape, name.end())
    at = dependencies.end() if dependencies else name.end()
    if shape[at : at + 1] == "[":
        return place.error(
            "the dependencies are not closed", column=at + 1, hint="put a ] after the last one"
        )
    if dependencies and dependencies["dependencies"] == "":
        column = dependencies.end("dependencies")
        return place.error(
            "empty brackets", column=column + 1, hint="name a dependency or drop the brackets"
        )
    return _diagnose_origin(place, shape, at)


def _diagnose_origin(place: Place, shape: str, at: int) -> PlanError:
    """Return the error for what follows the name and the dependencies."""
    example = "after the name come a time and a planner: 2026-01-31T12:00:00Z Name <e@mail>"
    timestamp = _TIMESTAMP.match(shape, at)
    if timestamp is None:
        later = _TIMESTAMP.search(shape, at)
        if later is not None:
            return place.error(
                "unexpected text between name and timestamp", column=at + 1, hint=example
            )
        planned = re.search(rf"{PLANNER}$", shape[at:])
        missing = "timestamp" if planned else "timestamp and planner name and email"
        return place.error(f"missing {missing}", column=at + 1, hint=example)
    rest = shape[timestamp.end() :]
    column = timestamp.end() + len(rest) - len(rest.lstrip(" \t")) + 1
    if not rest.strip(" \t"):
        return place.error("missing planner name and email", column=column, hint=example)
    return place.error("the planner is not written as Name <email>", column=column, hint=example)
