"""Targets in the headers of metrics."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.errors import InvalidUsage
from carecli.monitoring.targets import Target, parse_targets


def test_targets_are_parted_by_commas() -> None:
    """Each one is a measure, a comparison and a number."""
    assert parse_targets("p95 < 0.5, p99<=2 ,calls >10") == (
        Target("p95", "<", 0.5),
        Target("p99", "<=", 2),
        Target("calls", ">", 10),
    )


@pytest.mark.parametrize("text", ["", "  "])
def test_no_target(text: str) -> None:
    """A metric need not have any."""
    assert parse_targets(text) == ()


@pytest.mark.parametrize(
    "text",
    ["share by rollout", "< 0.5", "p95 0.5", "p95 == 1", "p95 < x", "p95 < 0.5,", "p95 < 1 s",
     "of total < 1", "P95 < 1", "p95 < ٣", "p95 < nan", "p95 < 1e3"],
)  # fmt: skip
def test_text_that_is_no_target_is_refused(text: str) -> None:
    """The hint shows how to write one."""
    with pytest.raises(InvalidUsage, match="is no target") as caught:
        parse_targets(text)
    assert "MEASURE < 0.8" in (caught.value.hint or "")


def test_two_targets_of_a_measure_are_refused() -> None:
    """Only one of them could be shown."""
    with pytest.raises(InvalidUsage, match="twice"):
        parse_targets("p95 < 1, p95 > 0")


@pytest.mark.parametrize(
    ("condition", "below", "at", "above"),
    [
        ("< 0.8", True, False, False),
        ("<= 0.8", True, True, False),
        ("> 0.8", False, False, True),
        (">= 0.8", False, True, True),
        ("= 0.8", False, True, False),
    ],
)
def test_comparisons(condition: str, below: bool, at: bool, above: bool) -> None:
    """The limit itself belongs to those with an equals sign."""
    (target,) = parse_targets(f"value {condition}")
    assert [target.holds(value) for value in (0.79, 0.8, 0.81)] == [below, at, above]
    assert target.condition == condition


@given(
    comparison=st.sampled_from(["<", "<=", ">", ">="]),
    limit=st.integers(-1000, 1000),
    value=st.floats(-2000, 2000),
)
def test_distance_agrees_with_the_verdict(comparison: str, limit: int, value: float) -> None:
    """Whoever is on the wrong side is further off than whoever is on the right one."""
    target = Target("value", comparison, limit)
    if value != limit:
        assert (target.distance(value) > 0) == (not target.holds(value))


@given(st.text(alphabet="p95 <>=,.-0x", max_size=20) | st.text(max_size=20))
def test_whatever_is_written_is_targets_or_a_usage_error(text: str) -> None:
    """Nothing else comes out of it; what comes out reads the same again."""
    try:
        targets = parse_targets(text)
    except InvalidUsage:
        return
    again = ", ".join(
        f"{target.measure} {target.comparison} {target.limit:f}" for target in targets
    )
    assert [target.measure for target in parse_targets(again)] == [
        target.measure for target in targets
    ]
