"""What is drawn of some values."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree.ElementTree import Element, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.reporting.drawing import draw, share_bar
from carecli.reporting.plots import MOST_LINES, Limit, Line, Plot, describe, shows_limit
from tests.plugins.reports import edges

Values = tuple[float | None, ...]

values = st.lists(
    st.one_of(st.none(), st.floats(0, 1e6, allow_subnormal=False)), min_size=24, max_size=24
).map(tuple)


def plot(*lines: Values, unit: str = "", limit: Limit | None = None, daily: bool = False) -> Plot:
    """Return a plot of these values."""
    slots = len(lines[0]) if lines else 24
    step = timedelta(days=1) if daily else timedelta(hours=1)
    named = tuple(Line(f"line {number}", line) for number, line in enumerate(lines))
    return Plot("plot", "a plot", edges(slots, step), named, unit, limit, daily)


def drawn(*lines: Values, **options: object) -> Element:
    """Return the drawing of these values."""
    found = draw(plot(*lines, **options))  # type: ignore[arg-type]
    assert found is not None
    return found


def parts(drawing: Element, name: str) -> list[Element]:
    """Return the elements of a class."""
    return [each for each in drawing.iter() if name in each.get("class", "").split()]


def numbers(drawing: Element) -> list[float]:
    """Return every coordinate of a drawing."""
    found = [each.get(name, "0") for each in drawing.iter() for name in ("x", "y", "cx", "cy")]
    paths = [
        number for each in drawing.iter() for number in re.findall(r"-?[\d.]+", each.get("d", ""))
    ]
    return [float(number) for number in found + paths]


@pytest.mark.parametrize("lines", [(), ((None,) * 24,), ((None,) * 24, (None,) * 24)])
def test_nothing_is_drawn_of_no_data(lines: tuple[Values, ...]) -> None:
    """Not even axes, which would look like zero."""
    assert draw(plot(*lines)) is None


def test_gap_stays_a_gap() -> None:
    """The path begins anew behind each gap, and nothing is drawn across it."""
    (line,) = parts(drawn((1, 2, None, None, 3, None, 4)), "line")
    assert (line.get("d") or "").count("M") == 3


def test_gap_parts_lines_too() -> None:
    """Of several series each has its own gaps; a single value between two is a dot."""
    found = drawn((1, 2, None, 3, None), (2, 2, 2, 2, 2))
    first, second = parts(found, "line")
    assert ((first.get("d") or "").count("M"), (second.get("d") or "").count("M")) == (1, 1)
    assert len(parts(found, "s1")) - len(parts(found, "line s1")) >= 2


def test_zero_is_not_no_data() -> None:
    """A zero has its line on the ground, or its bar."""
    (line,) = parts(drawn((0.0, None, 0.0), unit="ratio"), "line")
    assert (line.get("d") or "").count("M") == 2
    assert len(parts(drawn((0, None, 5), daily=True), "bar")) == 2


def test_area_stands_on_zero_alone() -> None:
    """A share that is nearly all is drawn large, and then without an area under it."""
    assert parts(drawn((0.1, 0.2), unit="ratio"), "area")
    near = drawn((0.97, 0.99), unit="ratio")
    assert not parts(near, "area")
    labels = [each.text for each in near.iter("text") if each.get("class") is None]
    assert "0" not in labels
    assert "100 %" in labels or "100.0 %" in labels


@pytest.mark.parametrize(
    ("limit", "values", "shows"),
    [
        (Limit("<", 0.5), (0.1, 0.2), True),
        (Limit("<", 5), (0.1, 0.2), False),
        (Limit("<", 0.01), (0.0, 0.0), True),
        (Limit(">", 0.99), (0.2, 0.3), True),
        (None, (0.2, 0.3), False),
    ],
)
def test_target_is_drawn_where_it_is_near(limit: Limit | None, values: Values, shows: bool) -> None:
    """One that is far above would press the values into a line."""
    assert shows_limit(plot(values, limit=limit)) is shows
    found = drawn(values, limit=limit)
    assert len(parts(found, "target")) == len(parts(found, "breach-area")) == int(shows)


def test_wrong_side_of_the_target_is_marked() -> None:
    """Above for what is to be less, below for what is to be more."""
    above, below = (
        parts(drawn((0.6, 0.9), unit="ratio", limit=Limit(side, 0.8)), "breach-area")[0]
        for side in "<>"
    )
    assert float(above.get("y", "")) < float(below.get("y", ""))


def test_days_have_their_values_on_them() -> None:
    """Where there is room for all; else the greatest has."""
    few = parts(drawn((3, None, 4), daily=True), "note")
    assert [note.text for note in few] == ["3", "4"]
    many = parts(drawn(tuple(range(1000, 1030)), daily=True), "note")
    assert [note.text for note in many] == ["1,029"]


def test_months_are_named_where_they_begin() -> None:
    """The first day and the first of a month have the month's name."""
    labels = [each.text for each in drawn((1,) * 24, daily=True).iter("text")]
    assert "28 Oct" in labels
    assert any("Nov" in str(label) for label in labels)


def test_words_say_what_the_picture_shows() -> None:
    """Who cannot see it hears how much data there is, the extremes, the latest and the target."""
    found = plot((0.5, None, 0.9, 0.7), unit="ratio", limit=Limit(">=", 0.99))
    assert describe(found).replace("\N{NO-BREAK SPACE}", " ") == (
        "line 0: 3 of 4 slots have data; lowest 50 %, highest 90 %, latest 70 %. "
        "target \N{GREATER-THAN OR EQUAL TO} 99 %."
    )


@given(st.lists(values, min_size=1, max_size=MOST_LINES), st.booleans(), st.sampled_from(
    ["ratio", "seconds", "bytes", ""]
))  # fmt: skip
def test_everything_is_within_the_picture(lines: list[Values], daily: bool, unit: str) -> None:
    """Whatever the values, all of the drawing is in its frame, and the same each time."""
    asked = plot(*lines, unit=unit, limit=Limit("<", 10.0), daily=daily)
    found = draw(asked)
    if found is None:
        assert not asked.known
        return
    again = draw(asked)
    assert again is not None
    assert tostring(found) == tostring(again)
    assert "nan" not in tostring(found, encoding="unicode").lower()
    assert all(-0.01 <= number <= 320.01 for number in numbers(found))
    taken = [(float(note.get("x", "")), float(note.get("y", ""))) for note in parts(found, "note")]
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize(("share", "width"), [(0, "0"), (0.5, "50"), (1, "100"), (7, "100")])
def test_share(share: float, width: str) -> None:
    """A bar is filled to its share, never beyond."""
    assert [bar.get("width") for bar in parts(share_bar(share), "bar")] == [width]
