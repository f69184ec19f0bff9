"""What `carecli metrics` makes of readings: a line a metric, and the table of them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from carecli.alerts import Alert
from carecli.commands._courses import Courses
from carecli.commands._overview import Row, View, headline, rows_of, shown_value
from carecli.commands._overview_text import Line, heading_lines, table_lines
from carecli.monitoring import Line as Course
from carecli.monitoring import Metric, Reading, Sample, Series
from tests.plugins.metrics import make_metric

WINDOW = "select %(until)s - %(window)s"
HOUR = timedelta(hours=1)

latency = make_metric(
    WINDOW, "rpc_latency_seconds", unit="seconds", labels="method", window="1 hour",
    target="p95 < 0.5",
)  # fmt: skip
success = make_metric(
    WINDOW, "conversation_creation_success_rate", unit="ratio", window="24 hours",
    target="value > 0.99",
)  # fmt: skip
errors = make_metric("select 1", "messaging_errors_total", unit="calls", labels="code",
                     window="all")  # fmt: skip
adoption = make_metric(WINDOW, "v2_adoption", unit="conversations", labels="day", window="7 days")


def reading_of(metric: Metric, *rows: dict[str, Any], problem: str | None = None) -> Reading:
    """Return a reading of these rows."""
    samples = [
        Sample({name: row[name] for name in metric.labels}, measure, value)
        for row in rows
        for measure, value in row.items()
        if measure not in metric.labels
    ]
    return Reading(metric, metric.window, tuple(samples), problem)


SLOW = reading_of(
    latency,
    {"method": "getMessages", "p50": 0.01, "p95": 0.02},
    {"method": "sendMessage", "p50": 0.1, "p95": 0.75},
    {"method": "startHelpConversation", "p50": None, "p95": None},
)
SLOW_COURSE = Series(
    latency,
    HOUR,
    lines=(Course({"method": "sendMessage"}, "p95", (0.1, 0.2, None, 0.75)),),
)
FAILING = reading_of(success, {"value": 0.98765432})
FAILING_COURSE = Series(success, timedelta(days=1), lines=(Course({}, "value", (1, 1, 1, 0.95)),))
ERRORS = reading_of(errors, {"code": "not_found", "value": 3}, {"code": "rpc_error", "value": 12})
GONE = reading_of(adoption, problem="function messaging.adoption() does not exist")
VIEW = View(
    (FAILING, ERRORS, SLOW, GONE),
    (FAILING_COURSE, Series(errors, None), SLOW_COURSE, Series(adoption, adoption.window)),
    full=False,
    alerts=(),
)


FILE = """\
metric                              series                 value  unit           target  verdict      window    trend
conversation_creation_success_rate                        0.9877  ratio          > 0.99  breach       24 hours  ████
messaging_errors_total              rpc_error (+1)            12  calls                               all
rpc_latency_seconds                 sendMessage p95 (+2)    0.75  seconds        < 0.5   breach       1 hour    ▂▃ █
v2_adoption                                                    -  conversations          unavailable  7 days
"""  # noqa: E501

COLUMNS_80 = """\
metric                                     value  target  verdict      trend
conversation_creation_success_rate        0.9877  > 0.99  breach       ████
messaging_errors_total rpc_error (+1)         12
rpc_latency_seconds sendMessage p95 (+2)    0.75  < 0.5   breach       ▂▃ █
v2_adoption                                    -          unavailable
"""

COLUMNS_40 = """\
metric                 value verdict
conversation_creatio~ 0.9877 breach
messaging_errors_tot~     12
rpc_latency_seconds ~   0.75 breach
v2_adoption                - unavailable
"""


def text_of(lines: list[Line]) -> str:
    """Return the lines without colours."""
    return "\n".join("".join(piece.text for piece in line) for line in lines) + "\n"


def table(view: View, width: int | None, *, blocks: bool = True) -> str:
    """Return the table of a view."""
    return text_of(table_lines(view.rows, width, blocks=blocks))


def row(reading: Reading, course: Series | None = None) -> Row:
    """Return the one line that a metric gets."""
    (found,) = rows_of(reading, course or Series(reading.metric, reading.window), full=False)
    return found


def test_worst_series_stands_for_the_metric() -> None:
    """It is the one farthest beyond the target, with its course and the number of the others."""
    found = row(SLOW, SLOW_COURSE)
    assert (found.series, found.value, found.target) == ("sendMessage p95 (+2)", "0.75", "< 0.5")
    assert (found.verdict, found.window) == ("breach", "1 hour")
    assert found.trend == (0.1, 0.2, None, 0.75)


def test_greatest_value_stands_for_a_metric_without_a_target() -> None:
    """There is no verdict on it."""
    found = row(ERRORS)
    assert (found.series, found.value, found.verdict) == ("rpc_error (+1)", "12", "")


def test_newest_day_stands_for_a_metric_by_day() -> None:
    """Its course are the days."""
    reading = reading_of(
        adoption,
        {"day": date(2026, 3, 29), "v2": 1, "share": 0.25},
        {"day": date(2026, 3, 28), "v2": 9, "share": 0.9},
    )
    course = Series(adoption, adoption.window, lines=(Course({}, "share", (0.9, 0.25)),))
    found = row(reading, course)
    assert (found.series, found.value, found.trend) == ("2026-03-29 share", "0.25", (0.9, 0.25))


@pytest.mark.parametrize(
    ("reading", "verdict"),
    [
        (GONE, "unavailable"),
        (reading_of(adoption), "no data"),
        (reading_of(success, {"value": None}), "no data"),
        (reading_of(latency, {"method": "a", "p50": 1, "p95": None}), "no data"),
    ],
)
def test_no_value_is_neither_zero_nor_healthy(reading: Reading, verdict: str) -> None:
    """A dash stands where there is none, and the verdict says why."""
    found = row(reading)
    assert (found.value, found.verdict) == ("-", verdict)


def test_line_has_the_verdict_of_the_whole_metric() -> None:
    """A value that is well does not make a metric healthy of which another target has no value."""
    two = make_metric(WINDOW, window="1 hour", target="p95 < 0.5, p99 < 2")
    found = row(reading_of(two, {"p95": 0.1, "p99": None}))
    assert (found.series, found.value, found.verdict) == ("p95", "0.1", "no data")


def test_all_series_have_their_lines() -> None:
    """Each measure of each series has its own verdict."""
    found = rows_of(SLOW, SLOW_COURSE, full=True)
    assert [(line.series, line.value, line.verdict) for line in found] == [
        ("getMessages p50", "0.01", ""),
        ("getMessages p95", "0.02", "ok"),
        ("sendMessage p50", "0.1", ""),
        ("sendMessage p95", "0.75", "breach"),
        ("startHelpConversation p50", "-", "no data"),
        ("startHelpConversation p95", "-", "no data"),
    ]
    assert [bool(line.trend) for line in found] == [False, False, False, True, False, False]


def test_label_cannot_command_the_terminal() -> None:
    """Whatever a server calls itself, a line is a line."""
    found = row(reading_of(errors, {"code": "a\n\x1b[31mb", "value": 1}))
    assert found.series == "a  [31mb"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (12_345_678, "12345678"), (0.98765432, "0.9877"), (1.0, "1"), (1234.56, "1235"),
     (0.000012, "1.2e-05")],
)  # fmt: skip
def test_values_are_short(value: float, shown: str) -> None:
    """Counts are whole; of others four figures are enough."""
    assert shown_value(value) == shown


def test_table_for_a_file() -> None:
    """All columns, as wide as they need; the metric's name in each line."""
    assert table(VIEW, None) == FILE


def test_table_in_80_columns() -> None:
    """Units and windows go first; the course stays."""
    assert table(VIEW, 80) == COLUMNS_80


def test_table_in_40_columns_without_blocks() -> None:
    """Value and verdict stay, whatever must go."""
    assert table(VIEW, 40, blocks=False) == COLUMNS_40


@pytest.mark.parametrize("width", range(20, 200, 7))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """A line that breaks cannot be read."""
    lines = [*heading_lines(VIEW, width), *table_lines(VIEW.rows, width, blocks=True)]
    assert max(map(len, text_of(lines).splitlines())) <= width


def test_series_of_one_metric_stand_under_its_name() -> None:
    """On a terminal the name is said once; in a file each line has it."""
    view = View((SLOW,), (SLOW_COURSE,), full=True, judged=False)
    labels = [line.split("  0.")[0].rstrip() for line in table(view, 120).splitlines()[1:4]]
    assert labels == ["rpc_latency_seconds getMessages p50", "  getMessages p95",
                      "  sendMessage p50"]  # fmt: skip
    assert all(
        line.startswith("rpc_latency_seconds") for line in table(view, None).splitlines()[1:]
    )


def alert(name: str, state: str, **columns: Any) -> Alert:
    """Return a rule as it was judged."""
    given = {
        "severity": "critical", "series": "", "metric": "creation_success_rate", "value": 0.5,
        "comparison": "<", "threshold": 0.85, "sample": 40, "minimum_sample": 20,
        "time_window": timedelta(minutes=10), "rollback_trigger": True,
        "action": "Page. carecli rollout rollback", "unit": "share", **columns,
    }  # fmt: skip
    return Alert(name=name, state=state, **given)


def heading(*alerts: Alert, width: int | None = None) -> str:
    """Return what stands over the table."""
    view = View((FAILING,), (FAILING_COURSE,), full=False, alerts=alerts)
    return text_of(heading_lines(view, width))


FIRES = """\
CRITICAL - 1 rule fires; 1 holds; 1 metric misses its target
CRITICAL creation_success_critical: 50 % < 85 % over 10 minutes, sample 40 (at
    least 20); rollback trigger
    Page. carecli rollout rollback

"""


def test_rule_that_fires_stands_on_top_with_what_to_do() -> None:
    """The first line says how bad it is, the next ones what to do."""
    fires = alert("creation_success_critical", "firing")
    assert heading(fires, alert("other", "ok"), width=80) == FIRES


def test_health_is_one_line() -> None:
    """Where no rule fires there is nothing to do."""
    assert heading(alert("other", "ok")) == (
        "OK - no rule fires; 1 holds; 1 metric misses its target\n\n"
    )


def test_rules_that_could_not_be_judged_are_not_health() -> None:
    """Nothing is known then."""
    view = View((), (), full=False, problem="the database has no alert rules.")
    code, line = headline(view)
    assert code == 3
    assert line.startswith("UNKNOWN - ")
    assert "no alert rules" in line


def test_courses_of_what_is_only_now_are_kept_while_it_is_watched() -> None:
    """Each reading adds a character; no more are kept than the screen shows."""
    courses = Courses(3)
    view = View((ERRORS, SLOW), (Series(errors, None), SLOW_COURSE), full=True)
    for _ in range(2):
        completed = courses.complete(view)
    assert completed.courses[0].lines == (
        Course({"code": "not_found"}, "value", (3, 3)),
        Course({"code": "rpc_error"}, "value", (12, 12)),
    )
    assert completed.courses[1] == SLOW_COURSE
    for _ in range(1000):
        completed = courses.complete(view)
    assert [line.values for line in completed.courses[0].lines] == [(3, 3, 3), (12, 12, 12)]
    assert len(courses) == 6


def test_series_that_are_gone_are_forgotten() -> None:
    """Names that come and go, such as those of replicas, do not pile up."""
    courses = Courses(3)
    for number in range(1000):
        reading = reading_of(errors, {"code": f"code_{number}", "value": 1})
        courses.complete(View((reading,), (Series(errors, None),), full=True))
    assert len(courses) == 1
