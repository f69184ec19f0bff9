"""`carecli plan`: what the plan says, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from carecli.commands._common import format_option, project_options
from carecli.commands._console import print_json
from carecli.settings import Settings

if TYPE_CHECKING:
    from carecli.plan import Change, Tag
    from carecli.project import Project

__all__ = ["command"]


@click.command()
@format_option("text", "json")
@project_options
def command(output: str, settings: Settings) -> None:
    """Show the changes of the plan in order, with what they require, their tags and notes.

    \b
    Example:
      carecli plan
      carecli plan --format json | jq -r '.changes[].name'
    """
    from carecli.project import Project

    project = Project.load(settings.directory, plan_file=settings.plan_file)
    if output == "json":
        print_json(_answer(project))
        return
    plan = project.plan
    if settings.verbosity >= 0:
        uri = f" ({plan.uri})" if plan.uri else ""
        click.echo(f"Project {plan.project}{uri}, plan {project.plan_file}", err=True)
        if not plan.changes:
            click.echo("No changes yet: carecli add NAME -n NOTE", err=True)
    width = len(str(len(plan)))
    for number, change in enumerate(plan, 1):
        _show(number, width, change, verbose=settings.verbosity > 0)


def _show(number: int, width: int, change: Change, *, verbose: bool) -> None:
    needs = " ".join(dependency.plan_text for dependency in change.dependencies)
    name = click.style(change.name, bold=True)
    tags = "".join(f" {click.style(tag.format_name, fg='yellow')}" for tag in change.tags)
    click.echo(f"{number:>{width}}  {name}{tags}{f' [{needs}]' if needs else ''}")
    margin = " " * (width + 2)
    if verbose:
        click.echo(f"{margin}id {change.id}")
        planner = f"{change.planner_name} <{change.planner_email}>"
        click.echo(f"{margin}{change.planned_at:%Y-%m-%d %H:%M:%S} UTC, {planner}")
    for line in change.note.splitlines() if verbose else change.note.splitlines()[:1]:
        click.echo(f"{margin}{line}".rstrip())


def _answer(project: Project) -> dict[str, object]:
    plan = project.plan
    return {
        "project": plan.project,
        "uri": plan.uri,
        "plan": str(project.plan_file),
        "changes": [_change(project, change) for change in plan],
    }


def _change(project: Project, change: Change) -> dict[str, object]:
    return {
        "change": change.name,
        "change_id": change.id,
        **_origin(change),
        "parent_id": change.parent_id,
        "requires": [dependency.text for dependency in change.requires],
        "conflicts": [dependency.text for dependency in change.conflicts],
        "tags": [{"tag": tag.format_name, "tag_id": tag.id, **_origin(tag)} for tag in change.tags],
        "is_reworked": change.is_reworked,
        "script_hash": project.script_hash(change),
        "scripts": {
            "deploy": str(project.deploy_file(change)),
            "revert": str(project.revert_file(change)),
            "verify": str(project.verify_file(change)),
        },
    }


def _origin(entry: Change | Tag) -> dict[str, object]:
    return {
        "note": entry.note,
        "planned_at": entry.planned_at.isoformat(),
        "planner_name": entry.planner_name,
        "planner_email": entry.planner_email,
    }
