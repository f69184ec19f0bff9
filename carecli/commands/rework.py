"""`carecli rework`: plan a change anew, keeping the scripts of before."""

from __future__ import annotations

import click

from carecli.commands._authoring import (
    dependency_options,
    new_entry,
    note_option,
    show_written,
)
from carecli.commands._common import project_options
from carecli.settings import Settings

__all__ = ["command"]


@click.command()
@click.argument("name")
@dependency_options
@note_option
@project_options
def command(
    name: str,
    requires: tuple[str, ...],
    conflicts: tuple[str, ...],
    note: tuple[str, ...],
    settings: Settings,
) -> None:
    """Plan a change anew, to write its scripts differently from here on.

    There has to be a tag since it was planned. The scripts of before are kept as NAME@TAG.sql,
    and its deploy script becomes the new revert script; then edit the three files.

    \b
    Example:
      carecli tag v1 -n "First release."
      carecli rework list_users -n "Sorts by name."
    """
    from carecli import authoring
    from carecli.project import Project

    project = Project.load(settings.directory, plan_file=settings.plan_file)
    entry = new_entry(project, name, note, requires=requires, conflicts=conflicts)
    written = authoring.rework(project, entry)
    show_written(f'Added "{name}" once more to {project.plan_file}', written, settings)
