"""A row of values as a row of characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.monitoring.sparkline import draw, drawable

values = st.lists(st.none() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False,
                  allow_infinity=False))  # fmt: skip


@pytest.mark.parametrize(
    ("course", "drawn"),
    [
        ([], ""),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([1, None, 1], "█ █"),
        ([0, 0], "▁▁"),
        ([0.99, 0.98], "██"),
        ([1.0, 0.5], "█▅"),
        ([-1, 1], "▁█"),
        ([None, None], "  "),
    ],
)
def test_course(course: list[float | None], drawn: str) -> None:
    """The lowest block is zero, the highest the greatest value; no data is a gap."""
    assert draw(course) == drawn


def test_terminals_without_blocks_get_letters() -> None:
    """The heights are the same."""
    assert draw([0, 1, 2, 3, 4, 5, 6, 7, None], blocks=False) == "_.:-=+*# "


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", True), ("ascii", False), ("latin-1", False), (None, False), ("no such", False)],
)
def test_encoding_decides(encoding: str | None, expected: bool) -> None:
    """Only what can be written is drawn."""
    assert drawable(encoding) == expected


@given(values, st.booleans())
def test_each_value_has_one_character(course: list[float | None], blocks: bool) -> None:
    """Gaps stand where there is no data, and nowhere else."""
    drawn = draw(course, blocks=blocks)
    assert [char == " " for char in drawn] == [value is None for value in course]


@given(values)
def test_greater_values_are_not_lower(course: list[float | None]) -> None:
    """The order of the heights is that of the values."""
    pairs = sorted(
        (value, char) for value, char in zip(course, draw(course), strict=True) if value is not None
    )
    heights = [char for _, char in pairs]
    assert heights == sorted(heights)
