"""`carecli metrics show`: what the monitoring queries say now, once or on a live screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from carecli.commands._alerting import PluginCommand, evaluate
from carecli.commands._common import database_options, format_option
from carecli.errors import InvalidUsage
from carecli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from carecli.monitoring import Metric, Reading
    from carecli.project import Project

__all__ = ["show"]

_INTERVAL = 2.0
_APPLICATION = "carecli metrics"


class _ShowCommand(PluginCommand):
    """A command that is a monitoring plugin where it is asked to check."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the command line."""
        if "--check" in args:
            return super().make_context(info_name, args, parent, **extra)
        return click.Command.make_context(self, info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        return super().invoke(ctx) if ctx.params["check"] else click.Command.invoke(self, ctx)


@click.command("show", cls=_ShowCommand, short_help="Show what the monitoring queries say now.")
@click.option(
    "--metric",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this metric, with all its series; may be repeated.",
)
@click.option(
    "--window",
    metavar="LENGTH",
    help="Look back on so long, for instance 6h or 30 days, instead of each metric's own window.",
)
@click.option("--all", "full", is_flag=True, help="Every series, not only each metric's worst.")
@click.option(
    "--watch",
    "interval",
    metavar="[SECONDS]",
    is_flag=False,
    flag_value=str(_INTERVAL),
    type=click.FloatRange(min=0.1, max=86_400),
    help="A live screen, read anew every so many seconds (2 where none are given); q quits.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Judge the alert rules, as a monitoring plugin does and `carecli alerts`: exit code 0, "
    "1, 2 or 3.",
)
@format_option("table", "json", "prometheus", "csv")
@database_options
def show(
    *,
    settings: Settings,
    names: tuple[str, ...],
    window: str | None,
    full: bool,
    interval: float | None,
    check: bool,
    output: str,
) -> None:
    """Show whether messaging is healthy, what to do if not, and what the monitoring queries say:
    one line a metric, with its worst series, its target, the verdict, and the window's course.

    "no data" stands where there is none, which is neither zero nor healthy; "unavailable" where
    the query could not run, with the reason on stderr.

    \b
    Examples:
      carecli metrics show
      carecli metrics show --metric v2_adoption --window 30d
      carecli metrics show --format json -d postgresql://...
    """
    from carecli.monitoring import chosen_metrics, load_metrics, parse_window

    _refuse_contradictions(names, window, full, interval, check, output)
    if check:
        evaluate(settings, output)
    metrics = chosen_metrics(load_metrics(), names)
    length = parse_window(window) if window is not None else None
    # Who asks for some metrics wants all of them, and does not ask how messaging is.
    full, judge = full or bool(names), not names
    if interval is not None:
        from carecli.commands._watching import watch

        project = _project(settings)
        watch(settings, project, metrics, length, full=full, judge=judge, interval=interval)
    elif output == "table":
        _show_table(settings, metrics, length, full=full, judge=judge)
    else:
        _show_readings(settings, metrics, length, output)


def _refuse_contradictions(
    names: tuple[str, ...],
    window: str | None,
    full: bool,
    interval: float | None,
    check: bool,
    output: str,
) -> None:
    if check and (names or window is not None or full or interval is not None):
        raise InvalidUsage(
            "--check judges the alert rules, which have metrics and windows of their own",
            hint="Leave out --metric, --window, --all and --watch.",
        )
    if check and output not in ("table", "json"):
        raise InvalidUsage(
            f"--check has no form {output}", hint="Leave out --format, or give --format json."
        )
    if interval is not None and output != "table":
        raise InvalidUsage(
            "--watch is a screen for people", hint="Leave out --format, or ask without --watch."
        )


def _project(settings: Settings) -> Project | None:
    """Return the sqitch project where a target of it is asked for."""
    if settings.target is None:
        return None
    from carecli.project import Project

    return Project.load(settings.directory, plan_file=settings.plan_file, target=settings.target)


def _show_table(
    settings: Settings,
    metrics: tuple[Metric, ...],
    window: timedelta | None,
    *,
    full: bool,
    judge: bool,
) -> None:
    import sys

    from carecli.commands._overview import take_view
    from carecli.commands._overview_text import print_view, slots_for
    from carecli.database import open_database

    width = None
    if sys.stdout is not None and sys.stdout.isatty():
        from shutil import get_terminal_size

        width = get_terminal_size().columns
    with open_database(settings, _project(settings), application_name=_APPLICATION) as connection:
        view = take_view(
            connection, metrics, window, slots=slots_for(width), full=full, judge=judge
        )
    print_view(view, width)
    _tell_problems(view.readings)


def _show_readings(
    settings: Settings, metrics: Iterable[Metric], window: timedelta | None, output: str
) -> None:
    from carecli.commands._readings import print_csv, readings_as_objects
    from carecli.database import open_database
    from carecli.monitoring import read_metrics

    alerts = None
    with open_database(settings, _project(settings), application_name=_APPLICATION) as connection:
        readings = read_metrics(connection, metrics, window)
        if output == "prometheus":
            from carecli.commands._overview import try_alerts

            alerts, problem = try_alerts(connection)
            if problem is not None:
                click.echo(f"Without the alert rules: {problem}", err=True)
    if output == "json":
        from carecli.commands._console import print_json

        print_json(readings_as_objects(readings))
    elif output == "csv":
        print_csv(readings)
    else:
        from carecli.exporting.prometheus import render

        click.echo(render(readings, alerts), nl=False)
    _tell_problems(readings)


def _tell_problems(readings: Iterable[Reading]) -> None:
    """Say on stderr which metrics are unavailable and why, each reason once."""
    from carecli.commands._readings import problems

    for line in problems(readings):
        click.echo(line, err=True)
