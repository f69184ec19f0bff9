"""From what the monitoring queries say to what the page shows of a metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from carecli.monitoring import Line as Course
from carecli.monitoring import Metric, Reading, Series, Target
from carecli.reporting.figures import day, length, shown, sign
from carecli.reporting.model import Card, Row
from carecli.reporting.plots import MOST_LINES, Limit, Line, Plot
from carecli.reporting.units import unit_of

__all__ = ["card_of"]

_VALUE = "value"
_DAY = timedelta(days=1)


def card_of(reading: Reading, series: Series | None, end: datetime) -> Card:
    """Return what is shown of one metric.

    Arguments:
        reading: what it says at the end of the window.
        series: its course over the window; None where the metric has none.
        end: of the window.
    """
    metric = reading.metric
    plot, left_out = None, 0
    problem = reading.problem or (series.problem if series is not None else None)
    if series is not None and problem is None:
        plot, left_out = _plot(metric, series, end)
    return Card(
        name=metric.name,
        help=metric.help,
        target=", ".join(_words(metric, target) for target in metric.targets)
        or (metric.target or ""),
        scope=_scope(reading),
        verdict=reading.verdict,
        rows=tuple(_rows(reading)),
        plot=plot,
        left_out=left_out,
        problem=problem,
    )


def _words(metric: Metric, target: Target) -> str:
    name = "" if target.measure == _VALUE else f"{target.measure} "
    limit = shown(target.limit, unit_of(metric.unit, target.measure))
    return f"{name}{sign(target.comparison)} {limit}"


def _scope(reading: Reading) -> str:
    if reading.window is None:
        return "in all" if reading.metric.scope == "all" else reading.metric.scope
    return f"last {length(reading.window).removeprefix('1 ')}"


def _rows(reading: Reading) -> Iterator[Row]:
    metric = reading.metric
    for sample in reading.samples:
        judged = metric.target_of(sample.measure) is not None
        yield Row(
            series=_name(sample.labels),
            measure="" if sample.measure == _VALUE else sample.measure,
            value=sample.value,
            unit=unit_of(metric.unit, sample.measure),
            verdict=reading.verdict_of(sample) if judged and sample.value is not None else "",
        )


def _name(labels: Mapping[str, Any]) -> str:
    """Return the labels of a series in words: their values tell enough."""
    return ", ".join(map(_word, labels.values()))


def _word(value: object) -> str:
    if isinstance(value, date):
        return day(value)
    return "none" if value is None else str(value)


def _plot(metric: Metric, series: Series, end: datetime) -> tuple[Plot, int]:
    """Return the plot of a metric, and how many of its lines had no place in it."""
    measures = _measures(metric, series.lines)
    wanted = [line for line in series.lines if line.measure in measures]
    chosen = _worst(wanted, metric)
    target = metric.target_of(measures[0]) if len(measures) == 1 else None
    edges, missing = _edges(series, end)
    lines = [
        Line(_line_name(line, measures, len(wanted)), (*missing[0], *line.values, *missing[1]))
        for line in chosen
    ]
    plot = Plot(
        name=metric.name,
        title=f"{metric.name}{'' if measures == (_VALUE,) else ': ' + ', '.join(measures)}",
        edges=edges,
        lines=tuple(sorted(lines)),
        unit=unit_of(metric.unit, measures[0]),
        limit=None if target is None else Limit(target.comparison, target.limit),
        daily=metric.by_day,
    )
    return plot, len(wanted) - len(chosen)


def _measures(metric: Metric, lines: Sequence[Course]) -> tuple[str, ...]:
    """Return what of a metric is plotted: what the target speaks of, the value, or the counts."""
    found = tuple(dict.fromkeys(line.measure for line in lines))
    if metric.targets:
        return (metric.targets[0].measure,)
    if _VALUE in found or not found:
        return (_VALUE,)
    counts = tuple(measure for measure in found if not unit_of(metric.unit, measure))
    return counts if metric.by_day and counts else found[:1]


def _worst(lines: Sequence[Course], metric: Metric) -> Sequence[Course]:
    """Return as many lines as can be told apart: those nearest to, or beyond, the target."""
    falling = any(target.comparison[0] == ">" for target in metric.targets)

    def badness(line: Course) -> float:
        known = [value for value in line.values if value is not None]
        return (min(known) if falling else -max(known)) if known else 0

    return sorted(lines, key=badness)[:MOST_LINES]


def _line_name(line: Course, measures: Sequence[str], count: int) -> str:
    parts = [_name(line.labels)] if line.labels else []
    if len(measures) > 1:
        parts.append(line.measure.replace("_", " "))
    return " ".join(parts) if count > 1 or line.labels else ""


def _edges(
    series: Series, end: datetime
) -> tuple[tuple[datetime, ...], tuple[list[None], list[None]]]:
    """Return the edges of the slots in UTC, and the values of those before and behind the lines.

    The days of a metric by day are those that have rows; here all of the window are there.
    """
    if not series.metric.by_day:
        return tuple(edge for edge in series.edges if isinstance(edge, datetime)), ([], [])
    last = end.astimezone(UTC).date()
    first = (end.astimezone(UTC) - (series.window or _DAY)).date()
    known = [edge for edge in series.edges if isinstance(edge, date)] or [first, last + _DAY]
    first, after = min(first, known[0]), max(last + _DAY, known[-1])
    before, behind = (known[0] - first).days, (after - known[-1]).days
    days = range((after - first).days + 1)
    return (
        tuple(datetime.combine(first + day * _DAY, time(), UTC) for day in days),
        ([None] * before, [None] * behind),
    )
