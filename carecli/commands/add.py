"""`carecli add`: plan a change and lay out its scripts."""

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
    """Add a change to the plan, with its deploy, revert and verify scripts.

    The scripts are laid from a template; nothing that exists is written over.

    \b
    Example:
      carecli add users -r schema -n "Who may sign in."
    """
    from carecli import authoring
    from carecli.project import Project

    project = Project.load(settings.directory, plan_file=settings.plan_file)
    entry = new_entry(project, name, note, requires=requires, conflicts=conflicts)
    written = authoring.add(project, entry)
    show_written(f'Added "{name}" to {project.plan_file}', written, settings)
