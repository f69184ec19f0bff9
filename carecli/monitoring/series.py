"""The course of a metric over its window, in slots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg

from carecli.monitoring.batch import Answer, Statement, run_batch
from carecli.monitoring.metric import Metric
from carecli.monitoring.readings import TIMEOUT, Reading, number, reading_of, statement_of
from carecli.resources import read_sql

__all__ = ["Line", "Series", "days_of", "read_courses", "read_series"]

_SLOTS = 24
_MINUTE = timedelta(minutes=1)
_LEADING = 3  # columns of a row before the metric's own: from, until, whether there is a row


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of one series, slot by slot.

    Arguments:
        labels: the series, by label; without the day where the slots are days.
        measure: name of the value.
        values: one for each slot; None where there is no data.
    """

    labels: Mapping[str, Any]
    measure: str
    values: tuple[int | float | None, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """The course of one metric.

    Arguments:
        metric: the metric.
        window: length of time looked back on; None where the metric has no window.
        edges: of the slots, from the oldest; one more than there are slots. Days (UTC) where the
            metric is by day, else moments. None at all where there is no window.
        lines: one for each measure of each series that has data anywhere.
        problem: why it could not be read, in the server's words; None where it could.
    """

    metric: Metric
    window: timedelta | None
    edges: tuple[datetime, ...] | tuple[date, ...] = ()
    lines: tuple[Line, ...] = ()
    problem: str | None = None

    def line_of(self, labels: Mapping[str, Any], measure: str) -> Line | None:
        """Return the line of these labels, if there is one."""
        for line in self.lines:
            if line.measure == measure and dict(line.labels) == dict(labels):
                return line
        return None


def read_series(
    connection: psycopg.Connection,
    metric: Metric,
    window: timedelta | None = None,
    *,
    slots: int = _SLOTS,
    until: datetime | None = None,
    timeout: timedelta = TIMEOUT,
) -> Series:
    """Read the course of one metric, in one statement.

    Arguments:
        connection: in autocommit, to a primary or a replica.
        metric: the metric; one that is by day has its days for slots, one without a window none.
        window: length of time to look back on, instead of the metric's own.
        slots: at most so many. From a minute on a slot has whole minutes, so that there may be
            fewer, and the first and the last be shorter.
        until: end of the window; default: now.
        timeout: for the query.

    Raises:
        psycopg.OperationalError: the connection was lost.
    """
    (series,) = read_courses(
        connection, [metric], window, slots=slots, until=until, timeout=timeout
    )
    return series


def read_courses(
    connection: psycopg.Connection,
    metrics: Iterable[Metric],
    window: timedelta | None = None,
    *,
    slots: int = _SLOTS,
    until: datetime | None = None,
    timeout: timedelta = TIMEOUT,
) -> tuple[Series, ...]:
    """Read the courses of several metrics in few round trips; as `read_series`."""
    chosen = tuple(metrics)
    statements = [
        statement_of(metric, window, until)
        if metric.by_day
        else _slotted(metric, window or metric.window, max(1, slots), until)
        for metric in chosen
        if metric.window is not None
    ]
    answers = iter(run_batch(connection, statements, timeout=timeout))
    found = []
    for metric in chosen:
        if metric.window is None:
            found.append(Series(metric, None))
        elif metric.by_day:
            found.append(days_of(reading_of(metric, window, next(answers))))
        else:
            found.append(_series_of(metric, window or metric.window, next(answers)))
    return tuple(found)


def days_of(reading: Reading) -> Series:
    """Return the course that the reading of a metric by day is.

    Arguments:
        reading: of a metric with the label `day`; days without any row are slots without data.
    """
    if reading.problem is not None:
        return Series(reading.metric, reading.window, problem=reading.problem)
    days = [day for sample in reading.samples if isinstance(day := sample.labels["day"], date)]
    if not days:
        return Series(reading.metric, reading.window)
    first = min(days)
    count = (max(days) - first).days + 1
    lines: dict[tuple[tuple[tuple[str, Any], ...], str], list[int | float | None]] = {}
    for sample in reading.samples:
        key = tuple((name, value) for name, value in sample.labels.items() if name != "day")
        values = lines.setdefault((key, sample.measure), [None] * count)
        values[(sample.labels["day"] - first).days] = sample.value
    return Series(
        reading.metric,
        reading.window,
        tuple(first + timedelta(days=number) for number in range(count + 1)),
        tuple(Line(dict(key), measure, tuple(row)) for (key, measure), row in lines.items()),
    )


def _slotted(
    metric: Metric, window: timedelta | None, slots: int, until: datetime | None
) -> Statement:
    """Return the statement that asks a metric's query once for each slot."""
    assert window is not None
    # Rounded up, so that no slot more is needed.
    unit = _MINUTE if window / slots >= _MINUTE else timedelta.resolution
    step = -(-window // (slots * unit)) * unit
    query = metric.query.replace("%(until)s", "measured_slot.slot_until").replace(
        "%(window)s", "(measured_slot.slot_until - measured_slot.slot_from)"
    )
    parameters = {
        "window": window,
        "step": step,
        "slots": -(-window // step),
        "until": until,
    }
    return Statement(read_sql("queries/metric_series").replace("{query}", query), parameters)


def _series_of(metric: Metric, window: timedelta | None, answer: Answer) -> Series:
    if answer.problem is not None:
        return Series(metric, window, problem=answer.problem)
    try:
        return Series(metric, window, *_lines_of(metric, answer))
    except (TypeError, ValueError) as error:
        return Series(metric, window, problem=str(error))


def _lines_of(metric: Metric, answer: Answer) -> tuple[tuple[datetime, ...], tuple[Line, ...]]:
    """Return the edges and the lines of rows which come slot by slot."""
    columns = answer.columns[_LEADING:]
    places = [columns.index(label) for label in metric.labels]
    edges = list(dict.fromkeys(row[0] for row in answer.rows))
    slot_of = {edge: number for number, edge in enumerate(edges)}
    lines: dict[tuple[tuple[Any, ...], str], list[int | float | None]] = {}
    for row in answer.rows:
        if row[2] is None:
            continue
        cells: Sequence[Any] = row[_LEADING:]
        key = tuple(cells[place] for place in places)
        for place, measure in enumerate(columns):
            if place not in places:
                values = lines.setdefault((key, measure), [None] * len(edges))
                values[slot_of[row[0]]] = number(cells[place])
    return (*edges, answer.rows[-1][1]), tuple(
        Line(dict(zip(metric.labels, key, strict=True)), measure, tuple(values))
        for (key, measure), values in lines.items()
        if any(value is not None for value in values)
    )
