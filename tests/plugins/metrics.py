"""Metrics that a test makes up, and how their values are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from carecli.monitoring import Metric, Reading, chosen_metrics, load_metrics, parse_metric

__all__ = ["CALLS", "HEADER", "make_metric", "shipped_metric", "values_of"]

HEADER = """\
-- name: probe
-- help: Something.
-- unit: things
-- type: gauge
-- labels:
-- window: now
-- target:
"""

CALLS = """\
select
    event.method,
    pg_catalog.count(*) as calls
from messaging.rpc_events as event
where event.occurred_at >= %(until)s - %(window)s
    and event.occurred_at < %(until)s
group by event.method
order by event.method;
"""
"""Calls of the window by method; wants the label `method`."""


def make_metric(query: str, name: str = "probe", **fields: str) -> Metric:
    """Return a metric with this query and these header fields."""
    lines = HEADER.replace("probe", name).splitlines()
    for field, value in fields.items():
        lines = [
            f"-- {field}: {value}" if line.startswith(f"-- {field}:") else line for line in lines
        ]
    return parse_metric("\n".join([*lines, query]), Path(f"{name}.sql"))


def shipped_metric(name: str) -> Metric:
    """Return a metric of `sql/metrics`."""
    (found,) = chosen_metrics(load_metrics(), [name])
    return found


def values_of(reading: Reading) -> list[tuple[Any, ...]]:
    """Return the labels' values, the measure and the value of each sample."""
    return [
        (*map(str, sample.labels.values()), sample.measure, sample.value)
        for sample in reading.samples
    ]
