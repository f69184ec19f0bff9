"""What the commands that write to a project share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from carecli.errors import InvalidUsage
from carecli.settings import Settings

if TYPE_CHECKING:
    from carecli.authoring import Authored
    from carecli.plan.editing import Entry
    from carecli.project import Project

__all__ = ["dependency_options", "new_entry", "note_option", "show_written"]

Command = Callable[..., Any]

note_option = click.option(
    "-n",
    "--note",
    multiple=True,
    metavar="TEXT",
    help="What it is for; again for another paragraph. Required.",
)


def dependency_options(command: Command) -> Command:
    """Add the options that name what a change requires and conflicts with."""
    requires = click.option(
        "-r", "--requires", multiple=True, metavar="CHANGE", help="What it needs; may be repeated."
    )
    conflicts = click.option(
        "-c",
        "-x",
        "--conflicts",
        multiple=True,
        metavar="CHANGE",
        help="What must not be deployed with it; may be repeated.",
    )
    return requires(conflicts(command))


def new_entry(
    project: Project,
    name: str,
    note: Sequence[str],
    *,
    requires: Sequence[str] = (),
    conflicts: Sequence[str] = (),
) -> Entry:
    """Return what is to be added to the plan, by this user.

    Arguments:
        project: the project, whose configuration may say who the user is.
        name: name of the change or tag.
        note: the paragraphs of its note.
        requires: what must be deployed before.
        conflicts: what must not be deployed.

    Raises:
        InvalidUsage: the note is missing, or nothing says who the user is.
    """
    from carecli.config import identity
    from carecli.plan.editing import Entry

    text = "\n\n".join(note)
    if not text.strip():
        raise InvalidUsage(
            "a note is missing: the plan says of everything what it is for",
            hint='give one with -n "What it is for."',
        )
    user = identity(project.config)
    return Entry(name, text, user.name, user.email, requires, conflicts)


def show_written(headline: str, written: Authored, settings: Settings) -> None:
    """Print what was done on stderr, and the files to edit next on stdout.

    Arguments:
        headline: what was done.
        written: the files.
        settings: for `--quiet`.
    """
    if settings.verbosity >= 0:
        click.echo(headline, err=True)
        for path in written.created:
            click.echo(f"  created {path}", err=True)
    for path in written.edited:
        click.echo(path)
