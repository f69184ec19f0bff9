"""What is shown of a metric."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from carecli.monitoring import Line as Course
from carecli.monitoring import Metric, Reading, Sample, Series, parse_metric
from carecli.reporting.measuring import card_of
from carecli.reporting.plots import MOST_LINES, Limit, Line
from tests.plugins.reports import END, edges

HOUR = timedelta(hours=1)


def metric(**header: str) -> Metric:
    """Return a metric with this header."""
    sound = {
        "name": "latency",
        "help": "How long.",
        "unit": "seconds",
        "type": "gauge",
        "labels": "method",
        "window": "1 hour",
        "target": "p95 < 0.5",
    }
    lines = [f"-- {name}: {value}" for name, value in {**sound, **header}.items()]
    query = "select %(window)s, %(until)s"
    if header.get("window") in ("now", "all"):
        query = "select 1"
    return parse_metric("\n".join([*lines, query]), Path("latency.sql"))


def reading(of: Metric, *samples: tuple[dict[str, Any], str, float | None]) -> Reading:
    """Return what the metric says."""
    found = tuple(Sample(labels, measure, value) for labels, measure, value in samples)
    return Reading(of, of.window, found)


def test_target_decides_what_is_plotted() -> None:
    """Of p50 and p95 it is the one that the target speaks of, with the target."""
    of = metric()
    lines = tuple(
        Course({"method": method}, measure, (0.1, None))
        for method in ("sendMessage", "markRead")
        for measure in ("p50", "p95")
    )
    found = card_of(reading(of), Series(of, HOUR, edges(2), lines), END)
    assert found.plot is not None
    assert found.plot.lines == (Line("markRead", (0.1, None)), Line("sendMessage", (0.1, None)))
    assert (found.plot.limit, found.plot.unit) == (Limit("<", 0.5), "seconds")
    assert found.target == "p95 < 500\N{NO-BREAK SPACE}ms"


def test_values_have_the_unit_of_their_measure() -> None:
    """A rate is a share, its calls are counted; only what has a target has a verdict."""
    of = metric(unit="ratio", labels="", target="value > 0.99")
    found = card_of(reading(of, ({}, "value", 0.5), ({}, "attempts", 400)), None, END)
    assert [(row.measure, row.unit, row.verdict) for row in found.rows] == [
        ("", "ratio", "breach"),
        ("attempts", "", ""),
    ]
    assert (found.verdict, found.target, found.scope) == (
        "breach",
        "> 99\N{NO-BREAK SPACE}%",
        "last hour",
    )


def test_no_data_stays_no_data() -> None:
    """A null is neither a zero nor judged."""
    of = metric(labels="", target="value < 0.5")
    found = card_of(reading(of, ({}, "value", None)), None, END)
    assert (found.rows[0].value, found.rows[0].verdict, found.verdict) == (None, "", "no data")


def test_worst_series_are_plotted() -> None:
    """Where there are more than can be told apart, those nearest to the target stay."""
    of = metric(target="value < 0.5")
    lines = tuple(Course({"method": f"m{at}"}, "value", (at / 10,)) for at in range(9))
    found = card_of(reading(of), Series(of, HOUR, edges(1), lines), END)
    assert found.plot is not None
    assert [line.name for line in found.plot.lines] == ["m3", "m4", "m5", "m6", "m7", "m8"]
    assert found.left_out == 9 - MOST_LINES
    rising = metric(target="value > 0.5")
    found = card_of(reading(rising), Series(rising, HOUR, edges(1), lines), END)
    assert found.plot is not None
    assert [line.name for line in found.plot.lines] == ["m0", "m1", "m2", "m3", "m4", "m5"]


def test_days_without_rows_are_gaps() -> None:
    """All days of the window have their place, those before the first row too."""
    of = metric(unit="messages", labels="day", window="7 days", target="")
    series = Series(
        of,
        timedelta(days=7),
        (date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)),
        (Course({}, "value", (5, 7)),),
    )
    found = card_of(reading(of, ({"day": date(2026, 11, 18)}, "value", 5)), series, END)
    assert found.plot is not None
    assert found.plot.edges[0] == datetime(2026, 11, 14, tzinfo=UTC)
    assert found.plot.edges[-1] == datetime(2026, 11, 22, tzinfo=UTC)
    assert found.plot.lines == (Line("", (None, None, None, None, 5, 7, None, None)),)
    assert [row.series for row in found.rows] == ["18 Nov"]


def test_counts_by_day_stand_beside_each_other() -> None:
    """Of two counts and a share by day the counts are plotted."""
    of = metric(unit="conversations", labels="day", window="7 days", target="")
    lines = tuple(
        Course({}, measure, (1,)) for measure in ("v2_conversations", "v1_conversations", "share")
    )
    days = (date(2026, 11, 20), date(2026, 11, 21))
    found = card_of(reading(of), Series(of, timedelta(days=7), days, lines), END)
    assert found.plot is not None
    assert [line.name for line in found.plot.lines] == ["v1 conversations", "v2 conversations"]
    assert (found.plot.unit, found.plot.daily, found.plot.limit) == ("", True, None)


def test_what_is_now_has_no_plot() -> None:
    """A metric without a window has no course."""
    of = metric(window="now", target="", labels="")
    found = card_of(reading(of, ({}, "value", 3)), None, END)
    assert (found.plot, found.scope) == (None, "now")


def test_problem_is_kept() -> None:
    """Whether the value or the course cannot be read, the card says why, and draws nothing."""
    of = metric()
    found = card_of(reading(of), Series(of, HOUR, problem="too slow"), END)
    assert (found.problem, found.plot) == ("too slow", None)
    found = card_of(Reading(of, HOUR, (), "gone"), Series(of, HOUR), END)
    assert (found.problem, found.plot, found.verdict) == ("gone", None, "unavailable")
