"""`carecli logs`: the event log of the messaging functions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import click

from carecli.commands._common import database_options, format_option
from carecli.settings import Settings

if TYPE_CHECKING:
    from carecli.event_log import Event

__all__ = ["command"]

_WIDTHS = {
    "time": 24,
    "event": 14,
    "method": 21,
    "code": 24,
    "ms": 9,
    "user": 36,
    "request": 26,
    "message": 0,
}


@click.command("logs", short_help="Show the event log of the messaging functions.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--request-id", metavar="ID", help="The call whose answer has this id.")
@click.option("--error", "error_code", metavar="CODE", help="Calls that answered this error code.")
@click.option("--method", metavar="NAME", help="Calls of this method, such as sendMessage.")
@click.option(
    "--event",
    type=click.Choice(["success", "function_error", "server_error"]),
    help="Calls that ended so.",
)
@click.option("--user", "user_id", type=click.UUID, metavar="ID", help="Calls of this user.")
@click.option("--since", metavar="LENGTH", help="Look back on so long, for instance 1h or 7 days.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1),
    help="At most so many, the newest.  [default: 100; all with --since]",
)
@format_option("table", "json")
@database_options
def command(
    *,
    settings: Settings,
    follow: bool,
    request_id: str | None,
    error_code: str | None,
    method: str | None,
    event: str | None,
    user_id: UUID | None,
    since: str | None,
    limit: int | None,
    output: str,
) -> None:
    """Show the calls of the messaging functions, the newest last; never what people wrote.

    With --format json each call is one line: the log entry that the application's own logs have.

    \b
    Examples:
      carecli logs --since 1h --error server_error
      carecli logs --request-id v2_1763699582123_4f1c2a9b
      carecli logs --follow --format json
    """
    import logging

    from carecli.database import open_database
    from carecli.event_log import Filter, follow_events, read_events
    from carecli.interrupts import interruptible, signal_of
    from carecli.monitoring import parse_window
    from carecli.project import Project

    wanted = Filter(request_id, method, event, error_code, user_id)
    window = None if since is None else parse_window(since)
    if limit is None and window is None:
        limit = 100
    project = None
    if settings.target is not None:
        project = Project.load(
            settings.directory, plan_file=settings.plan_file, target=settings.target
        )
    read = follow_events if follow else read_events
    # A signal may strike amid a query; that its transaction cannot be rolled back then is no news,
    # for the session ends there.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    with open_database(settings, project, application_name="carecli logs") as connection:
        shown = False
        try:
            with interruptible():
                for item in read(connection, wanted, window=window, limit=limit):
                    if output == "json":
                        click.echo(item.entry)
                    else:
                        _print_line(item, heading=not shown)
                    shown = True
        except KeyboardInterrupt as interrupt:
            if not follow:
                raise
            # That is how one ends it: nothing went wrong, and nothing is left to say.
            raise click.exceptions.Exit(128 + signal_of(interrupt)) from None
    if not shown and output == "table":
        click.echo("No such call.")


def _print_line(event: Event, *, heading: bool) -> None:
    """Print one call under the columns' names."""
    import json

    if heading:
        click.secho("  ".join(map(str.ljust, _WIDTHS, _WIDTHS.values())).rstrip(), bold=True)
    entry = json.loads(event.entry)
    cells = {
        "time": entry["timestamp"],
        "event": entry["event"],
        "method": entry["method"],
        "code": entry.get("code", ""),
        "ms": f"{entry['duration_ms']:.3f}".rjust(_WIDTHS["ms"]),
        "user": entry.get("user_id", ""),
        "request": entry["request_id"],
        "message": " ".join(filter(None, (entry.get("sqlstate"), entry.get("error")))),
    }
    # What a server said may hold line feeds, or commands for a terminal.
    line = "  ".join(str(cells[name]).ljust(width) for name, width in _WIDTHS.items())
    clean = "".join(char if char.isprintable() else " " for char in line).rstrip()
    colour = {"function_error": "yellow", "server_error": "red"}.get(entry["event"])
    click.echo(click.style(clean, fg=colour))
