"""What the metrics say now, and whether that is healthy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from carecli.monitoring.batch import Answer, Statement, run_batch
from carecli.monitoring.metric import Metric

__all__ = [
    "Reading",
    "Sample",
    "TIMEOUT",
    "number",
    "read_metric",
    "read_metrics",
    "reading_of",
    "statement_of",
]

TIMEOUT = timedelta(seconds=5)
"""For each query, where nobody says otherwise."""

_NOW = "pg_catalog.now()"


@dataclass(frozen=True, slots=True)
class Sample:
    """One measure of one series.

    Arguments:
        labels: the series, by label.
        measure: name of the value; `value` where the metric has one only.
        value: None where there is no data.
    """

    labels: Mapping[str, Any]
    measure: str
    value: int | float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one metric says now.

    Arguments:
        metric: the metric.
        window: length of time looked back on; None where the query has no window.
        samples: none at all where there is no data.
        problem: why the metric could not be read, in the server's words; None where it could.
    """

    metric: Metric
    window: timedelta | None
    samples: tuple[Sample, ...]
    problem: str | None = None

    @property
    def status(self) -> str:
        """Return `ok`, `no data`, or `unavailable` where the query could not run."""
        if self.problem is not None:
            return "unavailable"
        has_data = any(sample.value is not None for sample in self.samples)
        return "ok" if has_data else "no data"

    @property
    def verdict(self) -> str:
        """Return `ok`, `breach`, `no data`, `unavailable`, or nothing where there is no target.

        It is ok where each target has a value in at least one series, and each such value is on
        its right side.
        """
        if self.status != "ok":
            return self.status
        if not self.metric.targets:
            return ""
        verdicts = [(sample.measure, self.verdict_of(sample)) for sample in self.samples]
        if any(verdict == "breach" for _, verdict in verdicts):
            return "breach"
        sound = {measure for measure, verdict in verdicts if verdict == "ok"}
        wanted = {target.measure for target in self.metric.targets}
        return "ok" if sound == wanted else "no data"

    def verdict_of(self, sample: Sample) -> str:
        """Return the same of one sample alone."""
        if sample.value is None:
            return "no data"
        target = self.metric.target_of(sample.measure)
        if target is None:
            return ""
        return "ok" if target.holds(sample.value) else "breach"


def read_metrics(
    connection: psycopg.Connection,
    metrics: Iterable[Metric],
    window: timedelta | None = None,
    *,
    until: datetime | None = None,
    timeout: timedelta = TIMEOUT,
) -> tuple[Reading, ...]:
    """Read several metrics, each on its own: one that cannot be read spoils no other.

    Arguments:
        connection: in autocommit, to a primary or a replica.
        metrics: which ones.
        window: length of time to look back on, instead of each metric's own.
        until: end of the windows; default: now.
        timeout: for each query.

    Raises:
        psycopg.OperationalError: the connection was lost.
    """
    chosen = tuple(metrics)
    statements = [statement_of(metric, window, until) for metric in chosen]
    answers = run_batch(connection, statements, timeout=timeout)
    return tuple(
        reading_of(metric, window, answer) for metric, answer in zip(chosen, answers, strict=True)
    )


def read_metric(
    connection: psycopg.Connection,
    metric: Metric,
    window: timedelta | None = None,
    *,
    until: datetime | None = None,
    timeout: timedelta = TIMEOUT,
) -> Reading:
    """Read one metric; as `read_metrics`."""
    (reading,) = read_metrics(connection, [metric], window, until=until, timeout=timeout)
    return reading


def statement_of(metric: Metric, window: timedelta | None, until: datetime | None) -> Statement:
    """Return the query of a metric with its window and the window's end."""
    if metric.window is None:
        return Statement(metric.query)
    parameters: dict[str, Any] = {"window": window or metric.window}
    if until is None:
        return Statement(metric.query.replace("%(until)s", _NOW), parameters)
    return Statement(metric.query, parameters | {"until": until})


def reading_of(metric: Metric, window: timedelta | None, answer: Answer) -> Reading:
    """Return what an answer of the server says of a metric.

    Arguments:
        metric: the metric.
        window: the length of time that was asked for; None: the metric's own.
        answer: to its query.
    """
    length = None if metric.window is None else window or metric.window
    if answer.problem is not None:
        return Reading(metric, length, (), problem=answer.problem)
    wanted = {*metric.labels, *(target.measure for target in metric.targets)}
    if missing := wanted - set(answer.columns):
        problem = f"the query has no column {', '.join(sorted(missing))}, which its header names"
        return Reading(metric, length, (), problem=problem)
    try:
        samples = tuple(_samples(metric, answer))
    except TypeError as error:
        return Reading(metric, length, (), problem=str(error))
    return Reading(metric, length, samples)


def _samples(metric: Metric, answer: Answer) -> Iterator[Sample]:
    for row in answer.rows:
        cells = dict(zip(answer.columns, row, strict=True))
        labels = {name: cells.pop(name) for name in metric.labels}
        for measure, value in cells.items():
            yield Sample(labels, measure, number(value))


def number(value: Any) -> int | float | None:
    """Return a number of Python for one of PostgreSQL; whole ones stay whole.

    Raises:
        TypeError: it is none.
    """
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, int):
        return value
    raise TypeError(f"a measure must be a number, not {value!r}")
