"""`carecli rollout guard`: turns V2 off by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from carecli.commands._common import DURATION, database_options, format_option
from carecli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from carecli.project import Project
    from carecli.rollout import Look

__all__ = ["guard"]

_COLOURS = {"acted": "red", "unknown": "yellow", "lost": "yellow"}

_KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


@click.command("guard")
@click.option("--once", is_flag=True, help="Look once and end with an exit code for monitoring.")
@click.option(
    "--interval",
    type=DURATION,
    default="30s",
    show_default=True,
    help="From one look to the next, for instance 10s or 1min.",
)
@format_option("text", "json")
@database_options
def guard(*, settings: Settings, once: bool, interval: int, output: str) -> None:
    """Watch over V2: turn it off for new conversations as soon as an alert rule that is a rollback
    trigger fires. It never turns V2 on. What happened before the last change of the flag does not
    count, so V2 that was turned on again after a repair stays on.

    It goes on until Ctrl-C or SIGTERM, through restarts of the database, and prints a line when
    something changes. Several guards at once do no harm. With --once it exits with 0 where nothing
    fires, 2 where it turned V2 off, 3 where nobody can tell.

    \b
    Examples:
      carecli rollout guard --interval 10s
      carecli rollout guard --once --format json
    """
    import logging

    from carecli.config import identity
    from carecli.errors import InvalidUsage
    from carecli.interrupts import interruptible, signal_of
    from carecli.project import Project
    from carecli.rollout import keep_guard

    if interval < 100:
        raise InvalidUsage(
            "a guard cannot look more often than ten times a second",
            hint="Write --interval 1s or longer; the windows of the rules are minutes.",
        )
    project = Project.load(settings.directory, target=settings.target)
    who = identity(project.config)
    changed_by = f"carecli rollout guard, run by {who.name} <{who.email}>"
    connect = _connector(settings, project)
    # A signal may strike amid a query; that its transaction cannot be rolled back then is no news,
    # for the session ends there.
    logging.getLogger("psycopg").setLevel(logging.ERROR)

    def tell(look: Look) -> None:
        _print(look, output)

    if once:
        raise click.exceptions.Exit(_once(connect, changed_by, tell))
    with interruptible():
        try:
            keep_guard(connect, tell, changed_by=changed_by, interval=interval / 1000)
        except KeyboardInterrupt as interrupt:
            # That is how one ends it: nothing went wrong, and nothing is left to say.
            raise click.exceptions.Exit(128 + signal_of(interrupt)) from None


def _once(
    connect: Callable[[], psycopg.Connection], changed_by: str, tell: Callable[[Look], None]
) -> int:
    import psycopg

    from carecli.interrupts import interruptible
    from carecli.rollout import failed_look, look_once, roll_up

    with connect() as connection, interruptible():
        try:
            look = look_once(connection, changed_by)
        except psycopg.Error as error:
            look = failed_look(error, lost=connection.broken)
        tell(look)
        roll_up(connection)
    return look.exit_code


def _connector(settings: Settings, project: Project) -> Callable[[], psycopg.Connection]:
    """Return what connects to the chosen database, each time anew."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    from carecli.database import announce, choose, connect

    choice = choose(settings, project)
    announce(settings, choice)
    # A server that went away without a word is found out in half a minute, not in hours.
    conninfo = make_conninfo("", **{**_KEEPALIVE, **conninfo_to_dict(choice.conninfo)})
    return lambda: connect(conninfo, application_name="carecli rollout guard")


def _print(look: Look, output: str) -> None:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    if output == "json":
        import json

        line = {
            "time": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}",
            "state": look.state,
            "text": look.text,
            "answer": look.answer,
        }
        click.echo(json.dumps(line, ensure_ascii=False))
        return
    from carecli.commands._rollout_output import clean

    text = f"{now:%Y-%m-%d %H:%M:%S} UTC  {look.state:<8}  {clean(look.text)}"
    click.echo(click.style(text, fg=_COLOURS.get(look.state)))
