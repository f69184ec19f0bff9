"""What a monitoring plugin prints and exits with; `alerts` and `metrics --check` are two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NoReturn

import click

from carecli.errors import CarecliError

if TYPE_CHECKING:
    from carecli.alerts import Alert
    from carecli.settings import Settings

__all__ = ["PluginCommand", "check", "evaluate", "unknown_told"]

_UNKNOWN = 3


class _UsageUnknown(click.UsageError):
    exit_code = _UNKNOWN  # 2 would be CRITICAL


class PluginCommand(click.Command):
    """A command whose every fault, of its usage too, is the UNKNOWN of a monitoring plugin."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Read the command line."""
        try:
            return super().make_context(*arguments, **options)
        except click.UsageError as error:
            click.echo(f"UNKNOWN - {_line(error.format_message())}")
            raise _UsageUnknown(error.format_message(), error.ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with unknown_told(ctx.params.get("output", "text")):
            return super().invoke(ctx)


@contextmanager
def unknown_told(output: str) -> Iterator[None]:
    """Say of a fault `UNKNOWN - ...` on stdout, and give it exit code 3.

    Its details, and what to do, go to stderr, as for every command.

    Arguments:
        output: `text` or `json`.

    Raises:
        CarecliError: the fault.
    """
    try:
        yield
    except CarecliError as error:
        line = f"UNKNOWN - {_line(error.message)}"
        if output == "json":
            _print_object(_UNKNOWN, line, ())
        else:
            click.echo(line)
        error.exit_code = _UNKNOWN
        raise


def check(settings: Settings, output: str) -> NoReturn:
    """Evaluate the alert rules, print what they come to, and exit with the code for that.

    Arguments:
        settings: which database.
        output: `text` or `json`.

    Raises:
        click.exceptions.Exit: with 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN.
        CarecliError: with exit code 3: nothing is known.
    """
    with unknown_told(output):
        evaluate(settings, output)


def evaluate(settings: Settings, output: str) -> NoReturn:
    """Do what `check` does, but for the faults, which are left to the caller."""
    from carecli.alerts import lines, read_alerts, summary
    from carecli.database import open_database
    from carecli.project import Project

    project = None
    if settings.target is not None:
        project = Project.load(
            settings.directory, plan_file=settings.plan_file, target=settings.target
        )
    with open_database(settings, project, application_name="carecli alerts") as connection:
        alerts = read_alerts(connection)
    code, line = summary(alerts)
    if output == "json":
        _print_object(code, line, alerts)
    else:
        click.echo("\n".join([line, *lines(alerts)]))
    raise click.exceptions.Exit(code)


def _print_object(code: int, line: str, alerts: tuple[Alert, ...]) -> None:
    from carecli.commands._console import print_json

    print_json(
        {
            "status": line.partition(" ")[0],
            "exit_code": code,
            "summary": line.partition(" - ")[2].partition(" | ")[0],
            "alerts": [_as_object(alert) for alert in alerts],
        }
    )


def _as_object(alert: Alert) -> dict[str, object]:
    found = asdict(alert)
    found["time_window_seconds"] = found.pop("time_window").total_seconds()
    return found


def _line(text: str) -> str:
    """Return a text in one line, without the bar that parts off a plugin's figures."""
    return "".join(char if char.isprintable() and char != "|" else " " for char in text)
