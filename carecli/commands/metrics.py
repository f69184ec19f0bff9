"""`carecli metrics`: what the monitoring queries say now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from carecli.commands._common import database_options, format_option
from carecli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from carecli.monitoring import Reading

__all__ = ["command"]

_COLUMNS = ("metric", "series", "measure", "value", "unit", "window", "target")


@click.command("metrics", short_help="Show what the monitoring queries say now.")
@click.option(
    "--metric",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this metric; may be repeated.",
)
@click.option(
    "--window",
    metavar="LENGTH",
    help="Look back on so long, for instance 6h or 30 days, instead of each metric's own window.",
)
@format_option("table", "json", "csv")
@database_options
def command(*, settings: Settings, names: tuple[str, ...], window: str | None, output: str) -> None:
    """Show what the monitoring queries say now.

    "no data" stands where there is none, which is neither zero nor healthy; "unavailable" where
    the query could not run, with the reason on stderr.

    \b
    Examples:
      carecli metrics
      carecli metrics --metric v2_adoption --window 30d
      carecli metrics --format json -d postgresql://...
    """
    from carecli.commands._console import print_json
    from carecli.database import open_database
    from carecli.monitoring import chosen_metrics, load_metrics, parse_window, read_metrics
    from carecli.project import Project

    metrics = chosen_metrics(load_metrics(), names)
    length = parse_window(window) if window is not None else None
    project = None
    if settings.target is not None:
        project = Project.load(
            settings.directory, plan_file=settings.plan_file, target=settings.target
        )
    with open_database(settings, project, application_name="carecli metrics") as connection:
        readings = read_metrics(connection, metrics, length)
    if output == "json":
        print_json([_as_object(reading) for reading in readings])
    elif output == "csv":
        _print_csv(readings)
    else:
        _print_table(readings)
    for reading in readings:
        if reading.problem is not None:
            click.echo(f"{reading.metric.name} is unavailable: {reading.problem}", err=True)


def _as_object(reading: Reading) -> dict[str, object]:
    metric = reading.metric
    return {
        "metric": metric.name,
        "help": metric.help,
        "unit": metric.unit,
        "type": metric.type,
        "window": _window(reading),
        "window_seconds": None if reading.window is None else reading.window.total_seconds(),
        "target": metric.target,
        "status": reading.status,
        "problem": reading.problem,
        "samples": [
            {"labels": dict(sample.labels), "measure": sample.measure, "value": sample.value}
            for sample in reading.samples
        ],
    }


def _lines(readings: Iterable[Reading]) -> Iterator[tuple[str, ...]]:
    """Give a line for each measure of each series, and one for a metric without any."""
    for reading in readings:
        metric = reading.metric
        tail = (metric.unit, _window(reading), metric.target or "")
        if not reading.samples:
            yield (metric.name, "", "", reading.status, *tail)
        for sample in reading.samples:
            series = " ".join(f"{label}={value}" for label, value in sample.labels.items())
            value = "no data" if sample.value is None else str(sample.value)
            yield (metric.name, series, sample.measure, value, *tail)


def _window(reading: Reading) -> str:
    # The header's words, unless another window was asked for.
    if reading.window is None or reading.window == reading.metric.window:
        return reading.metric.scope
    seconds = reading.window.total_seconds()
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} seconds"


def _print_csv(readings: Iterable[Reading]) -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_lines(readings))


def _print_table(readings: Iterable[Reading]) -> None:
    """Print the lines under each other; a metric's name and target stand on its first one."""
    lines = list(_lines(readings))
    shown: list[tuple[str, ...]] = [_COLUMNS]
    for number, line in enumerate(lines):
        again = number > 0 and lines[number - 1][0] == line[0]
        shown.append(("", *line[1:4], "", "", "") if again else line)
    widths = [max(len(line[column]) for line in shown) for column in range(len(_COLUMNS))]
    for number, line in enumerate(shown):
        cells = [
            cell.rjust(width) if column == _COLUMNS.index("value") else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text = "  ".join(cells).rstrip()
        click.echo(click.style(text, bold=True) if number == 0 else text)
