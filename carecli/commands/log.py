"""`carecli log`: the history of deployments."""

from __future__ import annotations

import click

from carecli.commands._common import database_options, format_option
from carecli.commands._console import print_json
from carecli.settings import Settings

__all__ = ["command"]


@click.command("log", short_help="Show the history: deployed, reverted, failed.")
@click.option("--change", metavar="NAME", help="Only this change.")
@click.option("--event", type=click.Choice(["deploy", "revert", "fail"]), help="Only such events.")
@click.option("--all-projects", is_flag=True, help="Every project in the registry.")
@click.option("-n", "--limit", type=click.IntRange(1), help="At most so many, the newest first.")
@format_option("text", "json")
@database_options
def command(
    *,
    settings: Settings,
    change: str | None,
    event: str | None,
    all_projects: bool,
    limit: int | None,
    output: str,
) -> None:
    """Show what was deployed, reverted or failed, by whom and when, the newest first.

    \b
    Example:
      carecli log --event fail -n 5
    """
    from carecli.migrator.target import open_target

    with open_target(settings, read_only=True) as target:
        registry = target.registry()
        project = None if all_projects else target.project.plan.project
        events = (
            registry.events(project=project, event=event, change=change, limit=limit)
            if registry.exists()
            else []
        )
    if output == "json":
        print_json([item._asdict() for item in events])
        return
    for item in events:
        colour = {"fail": "red", "revert": "yellow"}.get(item.event, "green")
        name = item.change if not all_projects else f"{item.project}:{item.change}"
        event = click.style(f"{item.event:<6}", fg=colour)
        click.echo(
            f"{item.committed_at:%Y-%m-%d %H:%M:%S %Z}  {event}  "
            f"{' '.join([name, *item.tags])}  {item.committer_name} <{item.committer_email}>"
        )
    if not events:
        click.echo("No such event.")
