"""The metrics of `sql/metrics`: what they are called, and what the database says now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from carecli.errors import InvalidUsage, SourceError
from carecli.resources import data_directory, read_sql

__all__ = [
    "Metric",
    "Reading",
    "Sample",
    "chosen_metrics",
    "load_metrics",
    "parse_metric",
    "parse_window",
    "read_metric",
    "read_metrics",
]

_FIELDS = ("name", "help", "unit", "type", "labels", "window", "target")
_TYPES = ("gauge", "counter")
_HEADER_LINE = re.compile(r"--\s*(?P<field>[a-z]+):\s*(?P<value>.*?)\s*$")
_UNITS = {
    "s": "seconds", "sec": "seconds", "second": "seconds", "seconds": "seconds",
    "m": "minutes", "min": "minutes", "minute": "minutes", "minutes": "minutes",
    "h": "hours", "hour": "hours", "hours": "hours",
    "d": "days", "day": "days", "days": "days",
    "w": "weeks", "week": "weeks", "weeks": "weeks",
}  # fmt: skip
_WINDOW = re.compile(r"\s*(?P<count>\d{1,6}(?:\.\d+)?)\s*(?P<unit>[a-z]+)\s*")


@dataclass(frozen=True, slots=True)
class Metric:
    """One monitoring query and what its header says of it.

    Arguments:
        name: the name of its file.
        help: what it tells, in a sentence.
        unit: of its values.
        type: `gauge` or `counter`.
        labels: columns that name a series; all others are measures.
        window: default length of time looked back on; None where the query has no window.
        scope: the header's words for the window: `7 days`, `now`, `all`.
        target: what is healthy, or None where nothing is said.
        query: the statement, with `%(window)s` for the window.
    """

    name: str
    help: str
    unit: str
    type: str
    labels: tuple[str, ...]
    window: timedelta | None
    scope: str
    target: str | None
    query: str


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


def load_metrics(folder: Path | None = None) -> tuple[Metric, ...]:
    """Return the metrics of a folder, by name.

    Arguments:
        folder: where the files are; default: `sql/metrics` of carecli.

    Raises:
        SourceError: a header lacks a field, or says something that cannot be.
    """
    if folder is None:
        folder = data_directory("sql") / "metrics"
    files = sorted(folder.glob("*.sql"))
    return tuple(parse_metric(file.read_text(encoding="utf-8"), file) for file in files)


def chosen_metrics(metrics: Iterable[Metric], names: Iterable[str]) -> tuple[Metric, ...]:
    """Return the metrics of these names, in their order; all where no name is given.

    Raises:
        InvalidUsage: there is no metric of that name; the near ones are listed.
    """
    known = {metric.name: metric for metric in metrics}
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known) or sorted(known)
            raise InvalidUsage(
                f"there is no metric {name!r}", hint=f"Did you mean {', '.join(near)}?"
            )
    return tuple(known[name] for name in wanted) or tuple(known.values())


def parse_metric(text: str, path: Path) -> Metric:
    """Read one file: lines `-- field: value` on top, then the query.

    The fields are name (that of the file), help, unit, type (gauge or counter), labels (names of
    columns, parted by commas), window (a length of time such as `7 days`, or `now` or `all` for
    a query without one) and target; labels and target may be empty.

    Arguments:
        text: contents of the file.
        path: its name, for the errors.

    Raises:
        SourceError: a field is missing, unknown, twice there, or has a value that cannot be.
    """
    header, lines = _parse_header(text, path)
    query = "\n".join(text.splitlines()[len(header) :]).strip().removesuffix(";")

    def fail(field: str, message: str, hint: str) -> SourceError:
        line = lines[field]
        source_line = text.splitlines()[line - 1]
        return SourceError(message, path=path, line=line, source_line=source_line, hint=hint)

    if header["name"] != path.stem:
        raise fail("name", f"the metric {header['name']!r} is not named as its file", path.stem)
    if header["type"] not in _TYPES:
        raise fail("type", f"{header['type']!r} is no type of metric", "gauge or counter")
    window = None
    if header["window"] not in ("now", "all"):
        try:
            window = parse_window(header["window"])
        except InvalidUsage as error:
            raise fail("window", error.message, f"{error.hint} Or: now, all.") from None
    if (window is not None) != ("%(window)s" in query):
        raise fail(
            "window",
            "the header and the query do not agree on whether there is a window",
            "A query with a window has %(window)s in it; one without says now or all.",
        )
    return Metric(
        name=header["name"],
        help=header["help"],
        unit=header["unit"],
        type=header["type"],
        labels=tuple(label.strip() for label in header["labels"].split(",") if label.strip()),
        window=window,
        scope=header["window"],
        target=header["target"] or None,
        query=query,
    )


def _parse_header(text: str, path: Path) -> tuple[dict[str, str], dict[str, int]]:
    """Return the value and the line number of each field of the header."""
    header: dict[str, str] = {}
    lines: dict[str, int] = {}
    source = text.splitlines()
    for number, line in enumerate(source, start=1):
        match = _HEADER_LINE.fullmatch(line)
        if match is None:
            break
        field = match["field"]
        if field not in _FIELDS or field in header:
            problem = "is there twice" if field in header else "is unknown"
            raise SourceError(
                f"the header field {field!r} {problem}",
                path=path,
                line=number,
                source_line=line,
                hint=f"The fields are {', '.join(_FIELDS)}.",
            )
        header[field] = match["value"]
        lines[field] = number
    for field in _FIELDS:
        if not header.get(field) and (field not in header or field not in ("labels", "target")):
            raise SourceError(
                f"the header says nothing of {field!r}",
                path=path,
                line=lines.get(field, len(header) + 1),
                hint=f"Each metric begins with lines `-- field: value` for {', '.join(_FIELDS)}.",
            )
    return header, lines


def parse_window(text: str) -> timedelta:
    """Return a length of time such as `6h`, `30 min`, `7 days`.

    Raises:
        InvalidUsage: it is none, or not longer than nothing.
    """
    match = _WINDOW.fullmatch(text.lower())
    unit = _UNITS.get(match["unit"]) if match is not None else None
    if match is None or unit is None or float(match["count"]) == 0:
        raise InvalidUsage(
            f"{text!r} is not a length of time", hint="Write 90s, 30 min, 6h, 7 days or 2w."
        )
    return timedelta(**{unit: float(match["count"])})


def read_metrics(
    connection: psycopg.Connection,
    metrics: Iterable[Metric],
    window: timedelta | None = None,
    *,
    timeout: timedelta = timedelta(seconds=5),
) -> tuple[Reading, ...]:
    """Read several metrics, each on its own: one that cannot be read spoils no other.

    Arguments:
        connection: in autocommit, to a primary or a replica.
        metrics: which ones.
        window: length of time to look back on, instead of each metric's own.
        timeout: for each query.
    """
    return tuple(read_metric(connection, metric, window, timeout=timeout) for metric in metrics)


def read_metric(
    connection: psycopg.Connection,
    metric: Metric,
    window: timedelta | None = None,
    *,
    timeout: timedelta = timedelta(seconds=5),
) -> Reading:
    """Ask the database for one metric, in a read-only transaction.

    Arguments:
        connection: in autocommit, to a primary or a replica.
        metric: the metric.
        window: length of time to look back on, instead of the metric's own.
        timeout: for the query.

    Raises:
        psycopg.OperationalError: the connection was lost.
    """
    length = None if metric.window is None else window or metric.window
    milliseconds = max(1, int(timeout.total_seconds() * 1000))
    try:
        with connection.transaction(), connection.cursor() as cursor:
            settings = read_sql("queries/monitoring_session").encode()
            cursor.execute(settings, {"timeout": str(milliseconds)})
            parameters = None if length is None else {"window": length}
            cursor.execute(metric.query.encode(), parameters)
            columns = [column.name for column in cursor.description or ()]
            rows = cursor.fetchall()
    except psycopg.Error as error:
        if connection.broken or connection.closed:
            raise
        return Reading(metric, length, (), problem=error.diag.message_primary or str(error))
    return Reading(metric, length, tuple(_samples(metric, columns, rows)))


def _samples(
    metric: Metric, columns: list[str], rows: Iterable[tuple[Any, ...]]
) -> Iterable[Sample]:
    for row in rows:
        cells = dict(zip(columns, row, strict=True))
        labels = {name: cells.pop(name) for name in metric.labels}
        for measure, value in cells.items():
            yield Sample(labels, measure, _number(value))


def _number(value: Any) -> int | float | None:
    """Return a number of Python for one of PostgreSQL; whole ones stay whole."""
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError(f"a measure must be a number, not {value!r}")
