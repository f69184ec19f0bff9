"""A dashboard of Grafana with a panel for each metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from carecli.exporting.naming import PREFIX, Name, name_measure

if TYPE_CHECKING:
    import psycopg

    from carecli.monitoring import Metric, Target

__all__ = ["Panel", "dashboard", "panels_of_metric", "read_measures"]

_SCHEMA_VERSION = 39  # Grafana 11; newer ones bring it up to theirs when they load it
_WIDTH = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_INSTANCE = 'instance=~"$instance"'
_UNITS = {"seconds": "s", "bytes": "bytes", "ratio": "percentunit"}
_GREEN, _RED = "green", "red"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel, without its place.

    Arguments:
        title: its heading.
        kind: Grafana's name of its type.
        queries: legend and expression of each.
        text: what it shows, in a sentence.
        unit: Grafana's name of the unit; empty for plain numbers.
        steps: colours of the values: from which value on, and which; the first has no value.
        table: whether the queries give the rows of now, instead of a course.
        key: column that the rows of several queries are joined by.
        width: in columns, of 24.
        height: in lines of the grid.
    """

    title: str
    kind: str
    queries: tuple[tuple[str, str], ...]
    text: str
    unit: str = ""
    steps: tuple[tuple[float | None, str], ...] = ((None, _GREEN),)
    table: bool = False
    key: str = ""
    width: int = 12
    height: int = 8

    def as_json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """Return it as Grafana has it.

        Arguments:
            number: its id, which no other panel of the dashboard has.
            x: column of its left edge.
            y: line of its upper edge.
        """
        defaults: dict[str, Any] = {
            "thresholds": {
                "mode": "absolute",
                "steps": [{"color": colour, "value": value} for value, colour in self.steps],
            },
        }
        if self.unit:
            defaults["unit"] = self.unit
        if self.kind == "timeseries":
            style = "dashed" if len(self.steps) > 1 else "off"
            # A gap is a gap: no data is not a line through it.
            defaults["custom"] = {"spanNulls": False, "thresholdsStyle": {"mode": style}}
        panel = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.text,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": {"xField": self.key} if self.kind == "barchart" else {},
            "targets": list(self._targets()),
        }
        if self.key:
            panel["transformations"] = [
                {"id": "joinByField", "options": {"byField": self.key, "mode": "outer"}},
                {"id": "sortBy", "options": {"sort": [{"field": self.key}]}},
            ]
        return panel

    def _targets(self) -> Iterator[dict[str, Any]]:
        for number, (legend, expression) in enumerate(self.queries):
            yield {
                "refId": chr(ord("A") + number),
                "datasource": _SOURCE,
                "expr": expression,
                "legendFormat": legend,
                "instant": self.table,
                "range": not self.table,
                "format": "table" if self.table else "time_series",
            }


def read_measures(
    connection: psycopg.Connection, metrics: Iterable[Metric]
) -> dict[str, tuple[str, ...]]:
    """Return the measures of each metric by its name: columns of its query that are no labels.

    No query runs; the server only says what columns it would have. A metric that cannot be read
    is left out.

    Arguments:
        connection: in autocommit, to a database that has the metrics.
        metrics: which ones.
    """
    from carecli.monitoring.batch import Statement, run_batch
    from carecli.monitoring.readings import statement_of

    chosen = tuple(metrics)
    statements = []
    for metric in chosen:
        query = statement_of(metric, None, None)
        text = f"select * from (\n{query.text}\n) as described limit 0"  # noqa: S608
        statements.append(Statement(text, query.parameters))
    answers = run_batch(connection, statements, timeout=timedelta(seconds=5))
    return {
        metric.name: tuple(name for name in answer.columns if name not in metric.labels)
        for metric, answer in zip(chosen, answers, strict=True)
        if answer.problem is None
    }


def dashboard(metrics: Sequence[Metric], measures: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the dashboard: what the exporter and the alert rules say, then a row for each window.

    Arguments:
        metrics: the metrics, each with its header.
        measures: of each metric that can be read, by its name.
    """
    rows: dict[str, list[Panel]] = {"Health": list(_HEALTH)}
    for metric in sorted(metrics, key=_by_window):
        panels = panels_of_metric(metric, measures.get(metric.name, ()))
        rows.setdefault(_heading(metric), []).extend(panels)
    return {
        "uid": "carecli-messaging",
        "title": "Messaging",
        "description": "Made by `carecli metrics export grafana` from the metrics of carecli.",
        "tags": ["carecli"],
        "schemaVersion": _SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": _VARIABLES},
        "panels": list(_placed(rows)),
    }


def panels_of_metric(metric: Metric, measures: Sequence[str]) -> list[Panel]:
    """Return the panels of one metric: one for each unit that its measures have.

    Arguments:
        metric: the metric.
        measures: its measures.
    """
    by_unit: dict[str, list[tuple[str, Name]]] = {}
    for measure in measures:
        name = name_measure(metric, measure)
        by_unit.setdefault(name.unit, []).append((measure, name))
    title = metric.name.replace("_", " ")
    panels = []
    for unit, named in by_unit.items():
        shown = f"{title}: {', '.join(measure for measure, _ in named)}"
        panels.append(
            Panel(
                title=title if len(by_unit) == 1 else shown,
                kind="barchart" if metric.by_day else "timeseries",
                queries=tuple(
                    (_legend(metric, measure, len(named) > 1), _expression(metric, name))
                    for measure, name in named
                ),
                text=metric.help,
                unit=_UNITS.get(unit, "ops" if metric.type == "counter" else ""),
                steps=_steps(metric, named),
                table=metric.by_day,
                key="day" if metric.by_day else "",
            )
        )
    return panels


def _expression(metric: Metric, name: Name) -> str:
    selected = f"{name.sample}{{{_INSTANCE}}}"
    if metric.by_day:
        # Without the labels of the scrape the rows of several measures join by their day.
        return f"max by ({', '.join(metric.labels)}) ({selected})"
    return f"rate({selected}[$__rate_interval])" if name.counter else selected


def _legend(metric: Metric, measure: str, several: bool) -> str:
    labels = [f"{{{{{label}}}}}" for label in metric.labels]
    return " ".join([*labels, *([measure] if several or not labels else [])])


def _steps(
    metric: Metric, named: Iterable[tuple[str, Name]]
) -> tuple[tuple[float | None, str], ...]:
    """Return the colours by the target of the first measure that has one."""
    for measure, name in named:
        target = metric.target_of(measure)
        if target is not None:
            return _steps_of(target, name.factor)
    return ((None, _GREEN),)


def _steps_of(target: Target, factor: float) -> tuple[tuple[float | None, str], ...]:
    limit = target.limit * factor
    if target.comparison.startswith("<"):
        return ((None, _GREEN), (limit, _RED))
    if target.comparison.startswith(">"):
        return ((None, _RED), (limit, _GREEN))
    beyond = limit + max(abs(limit), 1.0) * 1e-6
    return ((None, _RED), (limit, _GREEN), (beyond, _RED))


def _by_window(metric: Metric) -> tuple[bool, float, str]:
    seconds = 0.0 if metric.window is None else metric.window.total_seconds()
    return metric.scope == "all", seconds, metric.name


def _heading(metric: Metric) -> str:
    return {"now": "Now", "all": "Since the beginning"}.get(metric.scope, f"Over {metric.scope}")


def _placed(rows: Mapping[str, Sequence[Panel]]) -> Iterator[dict[str, Any]]:
    """Yield headings and panels, each in a place of its own: from the left, line by line."""
    number = y = 0
    for heading, panels in rows.items():
        number += 1
        place = {"x": 0, "y": y, "w": _WIDTH, "h": 1}
        yield {"id": number, "type": "row", "title": heading, "gridPos": place,
               "collapsed": False, "panels": []}  # fmt: skip
        x, y, tallest = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > _WIDTH:
                x, y, tallest = 0, y + tallest, 0
            number += 1
            yield panel.as_json(number, x, y)
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest


def _own(name: str) -> str:
    return f"{PREFIX}{name}{{{_INSTANCE}}}"


_VARIABLES = [
    {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
     "current": {}, "hide": 0, "refresh": 1},
    {"name": "instance", "label": "Exporter", "type": "query", "datasource": _SOURCE,
     "query": {"query": "label_values(carecli_up, instance)", "refId": "instance"},
     "definition": "label_values(carecli_up, instance)", "includeAll": True, "multi": True,
     "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "hide": 0, "refresh": 2},
]  # fmt: skip

_HEALTH = (
    Panel("database", "stat", (("up", f"min({_own('up')})"),),
          "1: the exporter reads the database in time.",
          steps=((None, _RED), (1.0, _GREEN)), width=4, height=4),
    Panel("alerts that fire", "stat", (("firing", f"sum({_own('rule_firing')})"),),
          "Rules that fire now, as the database evaluates them.",
          steps=((None, _GREEN), (1.0, _RED)), width=4, height=4),
    Panel("metrics that cannot be read", "stat",
          (("unavailable", f'sum({PREFIX}metric_status{{{_INSTANCE},status="unavailable"}})'),),
          "carecli metrics tells why.",
          steps=((None, _GREEN), (1.0, _RED)), width=4, height=4),
    Panel("time of a round of queries", "timeseries",
          (("{{instance}}", _own("scrape_duration_seconds")),),
          "How long the exporter takes to read everything.", unit="s", height=4),
    Panel("alert rules", "state-timeline",
          (("{{severity}} {{rule}}", f"max by (rule, severity) ({_own('rule_firing')})"),),
          "1 while a rule fires.", steps=((None, _GREEN), (1.0, _RED)), height=12),
    Panel("what the alert rules measure", "table",
          tuple((name, f"max by (rule) ({_own(f'rule_{name}')})")
                for name in ("value", "threshold", "samples", "minimum_samples")),
          "Value and threshold, and samples and how many are needed.",
          table=True, key="rule", height=12),
)  # fmt: skip
