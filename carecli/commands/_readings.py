"""Readings of metrics as JSON, as CSV, and the reasons why some are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from carecli.monitoring import shown_window

if TYPE_CHECKING:
    from carecli.monitoring import Reading

__all__ = ["print_csv", "problems", "readings_as_objects", "window_words"]

_COLUMNS = ("metric", "series", "measure", "value", "unit", "window", "target", "verdict")


def readings_as_objects(readings: Iterable[Reading]) -> list[dict[str, object]]:
    """Return readings as dicts for JSON: numbers are numbers, and no data is null."""
    return [
        {
            "metric": reading.metric.name,
            "help": reading.metric.help,
            "unit": reading.metric.unit,
            "type": reading.metric.type,
            "window": window_words(reading),
            "window_seconds": None if reading.window is None else reading.window.total_seconds(),
            "target": reading.metric.target,
            "status": reading.status,
            "verdict": reading.verdict,
            "problem": reading.problem,
            "samples": [
                {
                    "labels": dict(sample.labels),
                    "measure": sample.measure,
                    "value": sample.value,
                    "verdict": reading.verdict_of(sample),
                }
                for sample in reading.samples
            ],
        }
        for reading in readings
    ]


def print_csv(readings: Iterable[Reading]) -> None:
    """Print a line for each measure of each series, and one for a metric without any."""
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_lines(readings))


def _lines(readings: Iterable[Reading]) -> Iterator[tuple[str, ...]]:
    for reading in readings:
        metric = reading.metric
        tail = (metric.unit, window_words(reading), metric.target or "")
        if not reading.samples:
            yield (metric.name, "", "", reading.status, *tail, reading.verdict)
        for sample in reading.samples:
            series = " ".join(f"{label}={value}" for label, value in sample.labels.items())
            value = "no data" if sample.value is None else str(sample.value)
            yield (metric.name, series, sample.measure, value, *tail, reading.verdict_of(sample))


def window_words(reading: Reading) -> str:
    """Return the window in the header's words, unless another one was asked for."""
    if reading.window is None or reading.window == reading.metric.window:
        return reading.metric.scope
    return shown_window(reading.window)


def problems(readings: Iterable[Reading]) -> list[str]:
    """Return a line for each reason why metrics are unavailable.

    What is not there is one reason, whatever its name: on an older plan much is missing.
    """
    names: dict[str, list[str]] = {}
    words: dict[str, str] = {}
    for reading in readings:
        if reading.problem is not None:
            absent = reading.problem.endswith("does not exist")
            key = "absent" if absent else reading.problem
            names.setdefault(key, []).append(reading.metric.name)
            words.setdefault(key, reading.problem)
    lines = []
    for key, metrics in names.items():
        listed = ", ".join(metrics)
        several = f"{len(metrics)} metrics are" if len(metrics) > 1 else "1 metric is"
        hint = "; deploy the whole plan: carecli migrate" if key == "absent" else ""
        lines.append(f"{several} unavailable: {words[key]}{hint} ({listed})")
    return lines
