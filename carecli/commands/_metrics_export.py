"""`carecli metrics export`: the metrics and alert rules for Prometheus and Grafana."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from carecli.commands._common import database_options
from carecli.settings import Settings

if TYPE_CHECKING:
    import psycopg

__all__ = ["export"]

_out_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to this file instead of stdout.",
)


@click.group("export", short_help="Write the metrics and alert rules for other systems.")
def export() -> None:
    """Write the metrics and alert rules for other systems.

    \b
    Examples:
      carecli metrics export prometheus-rules --out carecli.rules.yml
      carecli metrics export grafana --out carecli.json
    """


@export.command("prometheus-rules", short_help="The alert rules as a rule file of Prometheus.")
@_out_option
@database_options
def prometheus_rules(*, settings: Settings, out: Path | None) -> None:
    """Write the alert rules of the database as a rule file of Prometheus.

    It compares what carecli metrics serve exposes with the thresholds and minimum samples that
    messaging.alert_rules has now; export it again after a rule was changed.

    \b
    Example:
      carecli metrics export prometheus-rules -d postgresql://... --out carecli.rules.yml
    """
    from carecli.alerts import read_alerts
    from carecli.exporting import rules

    with _database(settings) as connection:
        alerts = read_alerts(connection)
    _write(rules.rule_file(rules.prometheus_rules(alerts)), out)


@export.command("grafana", short_help="The metrics as a dashboard of Grafana.")
@_out_option
@database_options
def grafana(*, settings: Settings, out: Path | None) -> None:
    """Write a dashboard of Grafana with a panel for each metric, on a Prometheus data source.

    The database is asked which columns the metrics have; no metric is read.

    \b
    Example:
      carecli metrics export grafana -d postgresql://... --out carecli.json
    """
    import json

    from carecli.exporting.grafana import dashboard, read_measures
    from carecli.monitoring import load_metrics

    metrics = load_metrics()
    with _database(settings) as connection:
        measures = read_measures(connection, metrics)
    for metric in metrics:
        if metric.name not in measures:
            click.echo(f"{metric.name} is left out: it cannot be read here", err=True)
    _write(json.dumps(dashboard(metrics, measures), indent=2, ensure_ascii=False) + "\n", out)


@contextmanager
def _database(settings: Settings) -> Iterator[psycopg.Connection]:
    """Give a connection to the chosen database."""
    from carecli.database import open_database
    from carecli.project import Project

    project = None
    if settings.target is not None:
        project = Project.load(
            settings.directory, plan_file=settings.plan_file, target=settings.target
        )
    with open_database(settings, project, application_name="carecli metrics") as connection:
        yield connection


def _write(text: str, out: Path | None) -> None:
    """Write an export to the file, whole or not at all, or to stdout."""
    if out is None:
        click.echo(text, nl=False)
        return
    from carecli.files import write_together

    content = {out: text.encode()}
    # A Prometheus that loads its rules meanwhile finds the old file or the new one.
    write_together(*(({}, content) if out.exists() else (content, {})))
    click.echo(f"Wrote {out}", err=True)
