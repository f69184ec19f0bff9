"""The metrics of `sql/metrics`: what the database says now, and what it said on the way."""

from __future__ import annotations

from carecli.monitoring.metric import Metric, chosen_metrics, load_metrics, parse_metric
from carecli.monitoring.readings import Reading, Sample, read_metric, read_metrics
from carecli.monitoring.series import Line, Series, days_of, read_courses, read_series
from carecli.monitoring.targets import Target
from carecli.monitoring.windows import parse_window, shown_window

__all__ = [
    "Line",
    "Metric",
    "Reading",
    "Sample",
    "Series",
    "Target",
    "chosen_metrics",
    "days_of",
    "load_metrics",
    "parse_metric",
    "parse_window",
    "read_courses",
    "read_metric",
    "read_metrics",
    "read_series",
    "shown_window",
]
