"""`carecli status`: how the database stands to the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from carecli.commands._common import database_options, format_option
from carecli.commands._console import print_json
from carecli.settings import Settings

if TYPE_CHECKING:
    from carecli.migrator.target import Target

__all__ = ["command"]


@click.command("status", short_help="Show what is deployed, pending, edited since, unknown.")
@format_option("text", "json")
@database_options
def command(*, settings: Settings, output: str) -> None:
    """Show what is deployed and what is pending, which deployed scripts were edited since, and
    which deployed changes the plan does not know.

    \b
    Example:
      carecli status -d postgresql://db/app
    """
    from carecli.migrator.target import open_target

    with open_target(settings, read_only=True) as target:
        answer = _answer(target)
        problem = _rollout_problem(target, answer)
    if output == "json":
        print_json(answer)
    else:
        _print(answer)
    if problem is not None:
        click.secho(f"Warning: rollout: {problem}; V2 is off", err=True, fg="yellow")


def _answer(target: Target) -> dict[str, Any]:
    state = target.state()
    edited = []
    for row in state.deployed:
        change = state.change_of(row)
        known = state.plan.find(row.change_id) is not None
        if known and target.project.script_hash(change) != row.script_hash:
            edited.append({"change": row.change, "script": str(target.project.deploy_file(change))})
    return {
        "project": state.plan.project,
        "registry": target.settings.registry or target.project.registry,
        "deployed": [
            {
                "change": row.change,
                "change_id": row.change_id,
                "tags": row.tags,
                "deployed_at": row.committed_at,
                "deployed_by": f"{row.committer_name} <{row.committer_email}>",
            }
            for row in state.deployed
        ],
        "pending": [
            {"change": change.name, "change_id": change.id, "note": change.note}
            for change in state.pending
        ],
        "edited": edited,
        "unknown": [{"change": row.change, "change_id": row.change_id} for row in state.unknown],
    }


def _rollout_problem(target: Target, answer: dict[str, Any]) -> str | None:
    """Return what is wrong with the rollout flag, where the plan is ours and has made it."""
    from carecli.rollout import CHANGE, PROJECT, find_problem

    deployed = any(row["change"] == CHANGE for row in answer["deployed"])
    return find_problem(target.connection) if answer["project"] == PROJECT and deployed else None


def _print(answer: dict[str, Any]) -> None:
    deployed, pending = answer["deployed"], answer["pending"]
    click.echo(f"Project:  {answer['project']}")
    if deployed:
        last = deployed[-1]
        tags = " ".join(["", *last["tags"]])
        click.echo(f"Deployed: {len(deployed)}, the last one {last['change']}{tags}")
        click.echo(f"          on {last['deployed_at']:%Y-%m-%d %H:%M:%S %Z}")
        click.echo(f"          by {last['deployed_by']}")
    else:
        click.echo("Deployed: nothing")
    click.echo(f"Pending:  {len(pending)}")
    for change in pending:
        note = change["note"].partition("\n")[0]
        click.echo(f"  + {change['change']}  {note}".rstrip())
    for item in answer["edited"]:
        click.secho(
            f"Edited since it was deployed: {item['change']} ({item['script']})", fg="yellow"
        )
    for item in answer["unknown"]:
        click.secho(f"Not in the plan: {item['change']} ({item['change_id']})", fg="yellow")
    if not (pending or answer["unknown"] or answer["edited"]):
        click.echo("Up to date.")
