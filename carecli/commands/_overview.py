"""What one screen says: whether messaging is healthy, what to do if not, and a line a metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from carecli.errors import CannotConnect, CarecliError
from carecli.monitoring import (
    Reading,
    Sample,
    Series,
    days_of,
    read_courses,
    read_metrics,
)

if TYPE_CHECKING:
    import psycopg

    from carecli.alerts import Alert
    from carecli.monitoring import Metric

__all__ = [
    "Row",
    "View",
    "advice",
    "clean",
    "headline",
    "rows_of",
    "shown_value",
    "take_view",
    "try_alerts",
]

UNKNOWN = 3
_COURSE_TIMEOUT = timedelta(seconds=2)
"""Nobody waits longer for what only completes a line."""

_DAY = "day"
_TELLING = ("value", "share")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Arguments:
        metric: its name.
        series: the labels' values and the measure, where they need saying.
        value: as text; `-` where there is none.
        unit: of the value.
        target: what is healthy: `< 0.8`; empty where nothing is said.
        verdict: `ok`, `breach`, `no data`, `unavailable`, or nothing.
        window: in words.
        trend: the course over the window, from the oldest slot; empty where there is none.
    """

    metric: str
    series: str
    value: str
    unit: str
    target: str
    verdict: str
    window: str
    trend: tuple[int | float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """All that one screen shows, as it was read.

    Arguments:
        readings: what the metrics say.
        courses: over the window, one for each reading.
        full: whether every series has its line, or each metric one.
        alerts: the rules, as judged; None where they could not be.
        problem: why not.
        judged: whether the rules were asked for at all.
    """

    readings: tuple[Reading, ...]
    courses: tuple[Series, ...]
    full: bool
    alerts: tuple[Alert, ...] | None = None
    problem: str | None = None
    judged: bool = True

    @property
    def rows(self) -> list[Row]:
        """The lines of the table, a metric's beside each other."""
        return [
            row
            for reading, course in zip(self.readings, self.courses, strict=True)
            for row in rows_of(reading, course, full=self.full)
        ]


def take_view(
    connection: psycopg.Connection,
    metrics: Sequence[Metric],
    window: timedelta | None,
    *,
    slots: int,
    full: bool,
    judge: bool,
) -> View:
    """Read what a screen shows, in few round trips.

    Arguments:
        connection: in autocommit, to a primary or a replica.
        metrics: which ones.
        window: length of time to look back on, instead of each metric's own.
        slots: characters of a course.
        full: whether every series gets its line.
        judge: whether to judge the alert rules too.

    Raises:
        psycopg.OperationalError: the connection was lost.
    """
    readings = read_metrics(connection, metrics, window)
    # Nothing is asked twice: days are a course already, and what failed would fail again.
    asked = [
        reading.metric
        for reading in readings
        if reading.window is not None and reading.problem is None and not reading.metric.by_day
    ]
    read = {
        course.metric.name: course
        for course in read_courses(connection, asked, window, slots=slots, timeout=_COURSE_TIMEOUT)
    }
    courses = tuple(
        days_of(reading)
        if reading.metric.by_day
        else read.get(reading.metric.name, Series(reading.metric, reading.window))
        for reading in readings
    )
    alerts, problem = try_alerts(connection) if judge else (None, None)
    return View(readings, courses, full, alerts, problem, judge)


def try_alerts(connection: psycopg.Connection) -> tuple[tuple[Alert, ...] | None, str | None]:
    """Return the rules as the database judges them, or why it cannot.

    Raises:
        psycopg.OperationalError: the connection was lost.
    """
    import psycopg

    from carecli.alerts import read_alerts

    try:
        return read_alerts(connection), None
    except CannotConnect:
        raise
    except CarecliError as error:
        return None, " ".join(filter(None, (f"{error.message}.", error.hint)))
    except psycopg.Error as error:
        if connection.broken or connection.closed:
            raise
        return None, error.diag.message_primary or str(error).strip()


def headline(view: View) -> tuple[int, str]:
    """Return how messaging is, as a monitoring plugin's code and a line.

    The rules alone make the code; that a metric misses its target is said beside it.
    """
    missed = sum(reading.verdict == "breach" for reading in view.readings)
    beside = f"; {missed} {'metric misses its' if missed == 1 else 'metrics miss their'} target"
    beside = beside if missed else ""
    if view.alerts is None:
        return UNKNOWN, f"UNKNOWN - the alert rules could not be judged: {view.problem}{beside}"
    from carecli.alerts import CRITICAL, STATUS, WARNING, first_line

    code, text = first_line(view.alerts)
    if code in (CRITICAL, WARNING):
        # Which rules they are is said below, each with what to do.
        count, _, rest = text.partition(": ")
        text = "; ".join(filter(None, (count, rest.partition("; ")[2])))
    return code, f"{STATUS[code]} - {text}{beside}"


def advice(alerts: Iterable[Alert]) -> Iterator[str]:
    """Yield the lines that say which rules fire, what they found, and what to do about it."""
    from carecli.alerts import lines

    yield from lines(alert for alert in alerts if alert.state == "firing")


def rows_of(reading: Reading, course: Series, *, full: bool) -> list[Row]:
    """Return the lines of one metric.

    Arguments:
        reading: what it says now.
        course: what it said on the way.
        full: a line for every measure of every series; else one, for the worst that has a target,
            or else the greatest, or for the newest day.
    """
    metric = reading.metric
    if not reading.samples:
        conditions = ", ".join(f"{target.measure} {target.condition}" for target in metric.targets)
        condition = metric.targets[0].condition if len(metric.targets) == 1 else conditions
        return [_row(reading, "", None, condition, reading.verdict)]
    if full:
        return [_row_of_sample(reading, course, sample) for sample in reading.samples]
    sample, others = _telling(reading)
    row = _row_of_sample(reading, course, sample, others)
    # The line stands for the whole metric.
    return [_row(reading, row.series, sample.value, row.target, reading.verdict, row.trend)]


def _row_of_sample(reading: Reading, course: Series, sample: Sample, others: int = 0) -> Row:
    metric = reading.metric
    parts = [str(value) for value in sample.labels.values() if value is not None]
    if sample.measure != "value":
        parts.append(sample.measure)
    if others:
        parts.append(f"(+{others})")
    labels = dict(sample.labels)
    # Days have one line for all of them, which stands with the newest.
    if metric.by_day and labels.pop(_DAY, None) != _newest_day(reading):
        line = None
    else:
        line = course.line_of(labels, sample.measure)
    target = metric.target_of(sample.measure)
    return _row(
        reading,
        clean(" ".join(parts)),
        sample.value,
        "" if target is None else target.condition,
        reading.verdict_of(sample),
        () if line is None else line.values,
    )


def _row(
    reading: Reading,
    series: str,
    value: int | float | None,
    target: str,
    verdict: str,
    trend: tuple[int | float | None, ...] = (),
) -> Row:
    from carecli.commands._readings import window_words

    return Row(
        reading.metric.name,
        series,
        "-" if value is None else shown_value(value),
        reading.metric.unit,
        target,
        verdict,
        window_words(reading),
        trend,
    )


def _telling(reading: Reading) -> tuple[Sample, int]:
    """Return the sample that says most of a metric, and how many series stand behind it."""
    metric, samples = reading.metric, reading.samples
    if metric.by_day:
        newest = _newest_day(reading)
        samples = tuple(sample for sample in samples if sample.labels[_DAY] == newest)
    targeted = [sample for sample in samples if metric.target_of(sample.measure) is not None]
    if targeted:
        best = max(targeted, key=lambda sample: _badness(reading, sample))
    else:
        measures = list(dict.fromkeys(sample.measure for sample in samples))
        measure = next((name for name in _TELLING if name in measures), measures[0])
        values = [sample for sample in samples if sample.measure == measure]
        best = max(values, key=lambda sample: (sample.value is not None, sample.value or 0))
    return best, sum(sample.measure == best.measure for sample in samples) - 1


def _badness(reading: Reading, sample: Sample) -> tuple[bool, bool, float]:
    """Order samples from the best one to the worst; those without data come first."""
    target = reading.metric.target_of(sample.measure)
    if target is None or sample.value is None:
        return (False, False, 0.0)
    distance = target.distance(sample.value) / (abs(target.limit) or 1)
    return (True, not target.holds(sample.value), distance)


def _newest_day(reading: Reading) -> object:
    return max((sample.labels[_DAY] for sample in reading.samples), default=None)


def shown_value(value: int | float) -> str:
    """Return a number as short as a person needs it."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def clean(text: str) -> str:
    """Return a text in one line, without commands for the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
