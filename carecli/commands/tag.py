"""`carecli tag`: name the state of the plan after a change."""

from __future__ import annotations

import click

from carecli.commands._authoring import new_entry, note_option, show_written
from carecli.commands._common import project_options
from carecli.settings import Settings

__all__ = ["command"]


@click.command()
@click.argument("name", required=False)
@click.option("-c", "--change", metavar="CHANGE", help="What to tag. Default: the last change.")
@note_option
@project_options
def command(
    name: str | None, change: str | None, note: tuple[str, ...], settings: Settings
) -> None:
    """Tag a change; without NAME, list the tags.

    \b
    Example:
      carecli tag v1.2.0 -n "What the spring release has."
      carecli tag v1.1.1 -c users@HEAD^ -n "Found missing afterwards."
    """
    from carecli.project import Project

    project = Project.load(settings.directory, plan_file=settings.plan_file)
    if name is None:
        for tag in project.plan.tags:
            click.echo(tag.format_name)
        return
    from carecli import authoring

    entry = new_entry(project, name, note)
    written = authoring.tag(project, entry, change)
    tagged = f'"{written.change.name}" with @{name.removeprefix("@")}'
    show_written(f"Tagged {tagged} in {project.plan_file}", written, settings)
