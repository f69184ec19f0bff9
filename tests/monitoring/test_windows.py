"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.errors import InvalidUsage
from carecli.monitoring import parse_window, shown_window


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("30 min", timedelta(minutes=30)),
        ("6h", timedelta(hours=6)),
        ("1.5 hours", timedelta(minutes=90)),
        ("7 days", timedelta(days=7)),
        ("2W", timedelta(weeks=2)),
    ],
)
def test_window_is_a_length_of_time(text: str, expected: timedelta) -> None:
    """Each unit has its short and its long name."""
    assert parse_window(text) == expected


@pytest.mark.parametrize(
    "text", ["", "7", "0 days", "-1h", "a day", "1 month", "1h30m", "0.0000001s", "٣ days"]
)
def test_window_that_is_none_is_refused(text: str) -> None:
    """The hint shows how to write one."""
    with pytest.raises(InvalidUsage, match="not a length of time"):
        parse_window(text)


@given(st.text(alphabet="0123456789. smhdwin-+eE٣\n", max_size=12) | st.text(max_size=12))
def test_whatever_is_written_is_a_length_or_a_usage_error(text: str) -> None:
    """Nothing else comes out of it, and no length is nothing."""
    try:
        length = parse_window(text)
    except InvalidUsage:
        return
    assert length > timedelta(0)


@given(st.integers(1, 999_999))
def test_what_is_shown_can_be_read_again(seconds: int) -> None:
    """A length in words is the same length."""
    length = timedelta(seconds=seconds)
    assert parse_window(shown_window(length)) == length


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (86_400, "1 day"),
        (604_800, "7 days"),
        (21_600, "6 hours"),
        (5_400, "90 minutes"),
        (90, "90 seconds"),
        (1, "1 second"),
        (0.5, "0.5 seconds"),
    ],
)
def test_longest_unit_without_a_fraction(seconds: float, words: str) -> None:
    """People get the words that they would use."""
    assert shown_window(timedelta(seconds=seconds)) == words
