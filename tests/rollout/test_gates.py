"""A gate in the words of a person."""

from __future__ import annotations

from typing import Any

import pytest

from carecli.rollout import gate_lines

SINCE = "2026-11-21T09:30:00+01:00"


def gate(*conditions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a gate as the database gives it."""
    made: dict[str, Any] = {
        "phase": "internal",
        "next": "percentage:10",
        "since": SINCE,
        "conditions": list(conditions),
        "holds": False,
        "v1_retirable": None,
        "problem": None,
    }
    return {**made, **fields}


def condition(name: str, measured: float | None, **fields: Any) -> dict[str, Any]:
    """Return a condition that wants more than 0.95 of a hundred."""
    made: dict[str, Any] = {
        "name": name,
        "measured": measured,
        "comparison": ">",
        "threshold": 0.95,
        "sample": 100,
        "holds": False,
    }
    return {**made, **fields}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "internal -> percentage:10 does not hold"),
        ({"holds": True}, "internal -> percentage:10 asks nothing"),
        ({"problem": "the flag has no row"}, "cannot be measured: the flag has no row"),
        ({"next": None, "v1_retirable": True}, "everybody is on V2; V1 is ready to retire"),
        ({"next": None, "v1_retirable": False}, "everybody is on V2; V1 is not ready to retire"),
    ],
)
def test_verdict(fields: dict[str, Any], expected: str) -> None:
    """The first line says whether it goes on."""
    assert list(gate_lines(gate(**fields))) == [expected]


def test_gate_that_holds() -> None:
    """A gate with conditions holds, in a word, and says since when it is measured, in UTC."""
    first, second, _ = gate_lines(gate(condition("success_rate", 1, holds=True), holds=True))
    assert first == "internal -> percentage:10 holds"
    assert second == "  measured since 2026-11-21 08:30:00 UTC:"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            condition("success_rate", 0.949999),
            "no       success_rate  0.949999, wanted > 0.95 (sample 100)",
        ),
        (
            condition("success_rate", None, holds=None, sample=0),
            "no data  success_rate  wanted > 0.95 (sample 0)",
        ),
        (
            condition("attempts", 1234567, holds=True, comparison=">=", threshold=20, sample=None),
            "yes      attempts      1234567, wanted >= 20",
        ),
        (
            condition("age", 259199.9, comparison=">=", threshold=259200, sample=None),
            "no       age           2 days, 23:59:59, wanted >= 3 days",
        ),
        (
            condition("age", -90, comparison=">=", threshold=3600, sample=None),
            "no       age           -0:01:30, wanted >= 1:00:00",
        ),
    ],
)
def test_condition(made: dict[str, Any], expected: str) -> None:
    """A line has the verdict, the name, what was measured, what is wanted, and of how many."""
    assert list(gate_lines(gate(made)))[-1] == f"  {expected}"
