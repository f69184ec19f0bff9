"""`carecli alerts`: what on-call would be woken by, as a monitoring plugin."""

from __future__ import annotations

import click

from carecli.commands._alerting import PluginCommand, evaluate
from carecli.commands._common import database_options, format_option
from carecli.settings import Settings

__all__ = ["command"]


@click.command(
    "alerts", cls=PluginCommand, short_help="Evaluate the alert rules, as a monitoring plugin."
)
@format_option("text", "json")
@database_options
def command(*, settings: Settings, output: str) -> None:
    """Evaluate the alert rules in the database and say which fire and what to do about it.

    The first line, with performance data behind a bar, and the exit code are those of a monitoring
    plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN: no connection, no rules, no privilege, or no
    data where there has to be. Rules of severity info are shown and change neither. "no data" and
    "too few" are neither zero nor healthy.

    \b
    Examples:
      carecli alerts
      carecli alerts --format json -d postgresql://monitor@db.example.org/care
    """
    evaluate(settings, output)
