"""`carecli rollout`: who is on messaging V2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from carecli.commands._common import database_options, format_option
from carecli.settings import Settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import psycopg

    from carecli.project import Project
    from carecli.rollout import Strategy

__all__ = ["command"]

reason_option = click.option(
    "--reason", required=True, metavar="TEXT", help="Why; it stays in the history."
)


class _ShowGroup(click.Group):
    """A group that shows where it is not told what to do."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the subcommand in front of options that are not the group's own."""
        asks_help = bool(args) and args[0] in ctx.help_option_names
        if not asks_help and (not args or args[0].startswith("-")):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group("rollout", cls=_ShowGroup, short_help="Show or change who is on messaging V2.")
def command() -> None:
    """Show or change which users begin new conversations in messaging V2. Without a subcommand:
    show.

    \b
    Examples:
      carecli rollout
      carecli rollout set percentage:10 --reason "a week of internal use without an error"
      carecli rollout rollback --reason "creations fail since 03:10"
    """


@command.command("show")
@click.option(
    "--history",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="How many changes of the flag to show, the newest ones.",
)
@format_option("text", "json")
@database_options
def show(*, settings: Settings, history: int, output: str) -> None:
    """Show the flag, the testers, and who changed the flag, when, from what to what and why.

    \b
    Example:
      carecli rollout show --history 50 --format json
    """
    from carecli.project import Project
    from carecli.rollout import read_rollout

    project = None
    if settings.target is not None:
        project = Project.load(settings.directory, target=settings.target)
    with _open(settings, project) as connection:
        found = read_rollout(connection, history=history)
    if found["problem"] is not None:
        click.secho(f"Warning: {found['problem']}; V2 is off", err=True, fg="yellow")
    _print(found, output)


@command.command("set")
@click.argument("strategy", metavar="internal|percentage:N|enabled|disabled")
@reason_option
@format_option("text", "json")
@database_options
def set_strategy(*, settings: Settings, strategy: str, reason: str, output: str) -> None:
    """Change the flag. Conversations that are in V2 already stay there, readable and writable.

    \b
    Examples:
      carecli rollout set internal --reason "the team tries it"
      carecli rollout set percentage:50 --reason "no error since Monday"
    """
    from carecli.rollout import parse_strategy

    _change(settings, parse_strategy(strategy), reason, output)


@command.command("rollback")
@reason_option
@format_option("text", "json")
@database_options
def rollback(*, settings: Settings, reason: str, output: str) -> None:
    """Turn V2 off for new conversations, in one statement, and read the flag back.

    \b
    Example:
      carecli rollout rollback --reason "creations fail since 03:10"
    """
    from carecli.rollout import Strategy

    _change(settings, Strategy("disabled"), reason, output)


def _change(settings: Settings, strategy: Strategy, reason: str, output: str) -> None:
    from carecli.config import identity
    from carecli.project import Project
    from carecli.rollout import set_rollout

    # The project says who the user is, as for the registry.
    project = Project.load(settings.directory, target=settings.target)
    who = identity(project.config)
    with _open(settings, project) as connection:
        found = set_rollout(
            connection, strategy, reason=reason, changed_by=f"{who.name} <{who.email}>"
        )
    _print(found, output)


def _open(
    settings: Settings, project: Project | None
) -> AbstractContextManager[psycopg.Connection]:
    from carecli.database import open_database

    return open_database(settings, project, application_name="carecli rollout")


def _print(found: dict[str, Any], output: str) -> None:
    if output == "json":
        from carecli.commands._console import print_json

        print_json(found)
        return
    from carecli.rollout import shown

    click.echo(f"Strategy: {shown(found)}")
    if found["changed_at"] is not None:
        click.echo(f"Changed:  {_time(found['changed_at'])} by {_clean(found['changed_by'])}")
        click.echo(f"Reason:   {_clean(found['reason'])}")
    click.echo(f"Testers:  {len(found['testers'])}")
    if found["history"]:
        click.echo("History:")
    for change in found["history"]:
        click.echo(
            f"  {_time(change['changed_at'])}  {shown(change, 'old_')} -> {shown(change, 'new_')}"
            f"  by {_clean(change['changed_by'])}: {_clean(change['reason'])}"
        )


def _clean(text: str) -> str:
    """Return a text in one line, without commands for the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _time(text: str) -> str:
    """Return a time of the database's JSON to the second, in UTC."""
    from datetime import UTC, datetime

    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
