"""The command `carecli db`: the embedded PostgreSQL server."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from carecli.commands._common import format_option, yes_option
from carecli.commands._console import confirm
from carecli.errors import CannotConnect

if TYPE_CHECKING:
    from carecli.embedded import EmbeddedServer
    from carecli.embedded.default import Status
    from carecli.settings import Settings

__all__ = ["command"]


@click.group("db")
def command() -> None:
    """Manage the embedded PostgreSQL, the database of those who name none.

    Its data are in the user's data folder; CARECLI_HOME moves them.

    \b
    Example:
      carecli db start
      sqitch status "db:$(carecli db url)"
    """


@command.command()
@click.pass_obj
def start(settings: Settings) -> None:
    """Start the server, prepare its database on first use, and print its URL.

    Does nothing more where it runs already.

    \b
    Example:
      carecli db start
    """
    click.echo(_server().ready(say=_say(settings)))


@command.command()
@click.pass_obj
def stop(settings: Settings) -> None:
    """Stop the server; clients are disconnected, their open transactions rolled back.

    \b
    Example:
      carecli db stop
    """
    stopped = _server().stop()
    if settings.verbosity >= 0:
        click.echo("Stopped." if stopped else "It was not running.", err=True)


@command.command()
@format_option("text", "json")
def status(output: str) -> int:
    """Show whether the server runs, and where; exits with 0 where it does, else with 3.

    \b
    Example:
      carecli db status --format json
    """
    found = _server().status()
    click.echo(_as_json(found) if output == "json" else _as_text(found))
    return 0 if found.running else CannotConnect.exit_code


@command.command()
@click.pass_obj
def url(settings: Settings) -> None:
    """Print the URL that any client can use; starts the server, so that it can.

    The user is the owner of the database, who is no superuser. That one is supabase_admin.

    \b
    Example:
      pg_dump --schema-only "$(carecli db url)"
    """
    click.echo(_server().ready(say=_say(settings)))


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def psql(settings: Settings, arguments: tuple[str, ...]) -> None:
    """Open psql on the database, with ARGUMENTS of psql's own; starts the server.

    \b
    Example:
      carecli db psql
      carecli db psql -c "select count(*) from public.profiles"
    """
    server = _server()
    address = server.ready(say=_say(settings))
    bundled = server.binaries / "psql"
    program = str(bundled) if bundled.is_file() else shutil.which("psql")
    if program is None:
        raise CannotConnect(
            "There is no psql: neither with the embedded PostgreSQL nor on PATH.",
            hint=f"Any other client can connect to {address}",
        )
    os.execv(program, ["psql", f"--dbname={address}", *arguments])  # noqa: S606


@command.command()
@click.option("--sample", is_flag=True, help="Add sample people and help requests.")
@yes_option
@click.pass_obj
def reset(settings: Settings, sample: bool, yes: bool) -> None:
    """Drop the database, with all that is in it, and prepare it anew; prints its URL.

    Whoever is connected to it is disconnected. Other databases of the server stay.

    \b
    Example:
      carecli db reset --sample --yes
    """
    server = _server()
    question = f"Drop the database carecli in {server.folder}, with all its data?"
    confirm(question, yes=yes, why="the database would be dropped")
    click.echo(server.reset(sample=sample, say=_say(settings)))


def _server() -> EmbeddedServer:
    from carecli.embedded import EmbeddedServer

    return EmbeddedServer.default()


def _say(settings: Settings) -> Callable[[str], None] | None:
    return partial(click.echo, err=True) if settings.verbosity >= 0 else None


def _as_json(found: Status) -> str:
    return json.dumps(
        {
            "running": found.running,
            "pid": found.pid,
            "version": found.version,
            "data": str(found.data),
            "log": str(found.log),
            "url": found.url,
            "size": found.size,
        }
    )


def _as_text(found: Status) -> str:
    megabytes = "none yet" if found.size is None else f"{found.size / 2**20:.1f} MiB"
    rows = {
        "Server": f"PostgreSQL {found.version}, "
        + (f"running as process {found.pid}" if found.running else "stopped"),
        "URL": found.url,
        "Data": found.data,
        "Size": megabytes,
        "Log": found.log,
    }
    return "\n".join(f"{label + ':':<8} {value}" for label, value in rows.items())
