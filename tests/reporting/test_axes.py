"""Ticks stand at round numbers and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.reporting.axes import time_ticks, value_ticks

START = datetime(2026, 11, 20, 11, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("low", "high", "unit", "labels"),
    [
        (0, 0.4, "ratio", ["0", "10 %", "20 %", "30 %", "40 %"]),
        (0, 0.01, "ratio", ["0", "0.25 %", "0.50 %", "0.75 %", "1.00 %"]),
        (0, 0.66, "seconds", ["0", "200 ms", "400 ms", "600 ms", "800 ms"]),
        (0, 3, "", ["0", "1", "2", "3"]),
        (0, 1, "", ["0", "1"]),
        (0, 12310, "", ["0", "5 k", "10 k", "15 k"]),
        (0, 2310, "", ["0", "1,000", "2,000", "3,000"]),
    ],
)
def test_values(low: float, high: float, unit: str, labels: list[str]) -> None:
    """The labels are short, of equal length, and in the unit."""
    assert [tick.label for tick in value_ticks(low, high, unit)] == labels


@given(
    st.floats(0, 1e9),
    st.floats(1e-6, 1e9),
    st.sampled_from(["ratio", "percent", "seconds", "bytes", ""]),
)
def test_values_lie_between_ticks(low: float, span: float, unit: str) -> None:
    """The ticks go round the values, in equal steps, few in number, each with its own label."""
    high = low + max(span, low * 1e-3)
    ticks = value_ticks(low, high, unit)
    places = [tick.place for tick in ticks]
    slack = (high - low) * 1e-6
    assert places[0] <= low + slack
    assert places[-1] >= high - slack
    assert 2 <= len(ticks) <= 6
    steps = [after - before for before, after in pairwise(places)]
    assert max(steps) == pytest.approx(min(steps))
    assert len({tick.label for tick in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("window", "labels"),
    [
        (timedelta(hours=24), ["12:00", "18:00", "21 Nov", "06:00"]),
        (timedelta(hours=1), ["11:30", "11:45", "12:00", "12:15"]),
        (timedelta(minutes=1), ["11:28:00", "11:28:15", "11:28:30", "11:28:45", "11:29:00"]),
        (timedelta(days=7), ["21 Nov", "23 Nov", "25 Nov", "27 Nov"]),
        (timedelta(days=30), ["23 Nov", "30 Nov", "7 Dec", "14 Dec"]),
    ],
)
def test_times(window: timedelta, labels: list[str]) -> None:
    """Ticks stand at whole hours and days, weeks begin on Monday."""
    assert [tick.label for tick in time_ticks(START, START + window)] == labels


@given(st.floats(60, 86400 * 3000))
def test_times_lie_within(seconds: float) -> None:
    """However long the window, there are a few ticks, and none outside."""
    end = START + timedelta(seconds=seconds)
    ticks = time_ticks(START, end)
    assert 1 <= len(ticks) <= 12
    assert all(START.timestamp() <= tick.place <= end.timestamp() for tick in ticks)
