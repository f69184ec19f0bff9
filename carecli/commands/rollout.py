"""`carecli rollout`: who is on messaging V2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from carecli.commands._common import database_options, format_option
from carecli.commands._rollout_guard import guard
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
      carecli rollout advance --reason "a week of internal use without an error"
      carecli rollout set percentage:10 --reason "back to a tenth while we look"
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
    """Show the flag, the testers, the gate of the next phase with what is measured now, and who
    changed the flag, when, from what to what and why.

    \b
    Example:
      carecli rollout show --history 50 --format json
    """
    from carecli.project import Project
    from carecli.rollout import read_gate, read_rollout

    project = None
    if settings.target is not None:
        project = Project.load(settings.directory, target=settings.target)
    with _open(settings, project) as connection:
        found = read_rollout(connection, history=history)
        gate = read_gate(connection)
    if found["problem"] is not None:
        click.secho(f"Warning: {found['problem']}; V2 is off", err=True, fg="yellow")
    if output == "json":
        from carecli.commands._console import print_json

        print_json({**found, "gate": gate})
        return
    from carecli.commands._rollout_output import print_flag, print_gate, print_history

    print_flag(found)
    print_gate(gate)
    print_history(found)


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


@command.command("advance")
@reason_option
@click.option("--force", is_flag=True, help="Go on where the gate does not hold, too.")
@format_option("text", "json")
@database_options
def advance(*, settings: Settings, reason: str, force: bool, output: str) -> None:
    """Go on to the next phase: disabled, internal, percentage:10, percentage:50, enabled. Only
    where the gate of the present phase holds; what was measured stays in the history. Once
    everybody is on V2, say whether V1 is ready to retire.

    \b
    Example:
      carecli rollout advance --reason "three quiet days among the team"
    """
    from carecli.rollout import advance_rollout

    project, who = _project_and_user(settings)
    with _open(settings, project) as connection:
        found = advance_rollout(connection, reason=reason, changed_by=who, force=force)
    if output == "json":
        from carecli.commands._console import print_json

        print_json(found)
        return
    from carecli.commands._rollout_output import print_flag, print_gate

    print_flag(found["rollout"])
    if found["forced"] or not found["advanced"]:
        print_gate(found["gate"])


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
    from carecli.rollout import set_rollout

    project, who = _project_and_user(settings)
    with _open(settings, project) as connection:
        found = set_rollout(connection, strategy, reason=reason, changed_by=who)
    if output == "json":
        from carecli.commands._console import print_json

        print_json(found)
        return
    from carecli.commands._rollout_output import print_flag, print_history

    print_flag(found)
    print_history(found)


def _project_and_user(settings: Settings) -> tuple[Project, str]:
    """Return the project and, from its configuration, who the user is, as for the registry."""
    from carecli.config import identity
    from carecli.project import Project

    project = Project.load(settings.directory, target=settings.target)
    who = identity(project.config)
    return project, f"{who.name} <{who.email}>"


def _open(
    settings: Settings, project: Project | None
) -> AbstractContextManager[psycopg.Connection]:
    from carecli.database import open_database

    return open_database(settings, project, application_name="carecli rollout")


command.add_command(guard)
