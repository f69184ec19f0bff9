"""`carecli verify`: prove that the database is what the plan says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from carecli.commands._common import database_options, format_option
from carecli.commands._console import print_json
from carecli.settings import Settings

if TYPE_CHECKING:
    from carecli.verification import ChangeCheck

__all__ = ["command"]


@click.command("verify", short_help="Prove that the database is what the plan says.")
@click.option("--changes", is_flag=True, help="Run the verify script of every deployed change.")
@click.option("--from", "since", metavar="CHANGE|@TAG", help="First change to verify.")
@click.option("--to", metavar="CHANGE|@TAG", help="Last change to verify.")
@format_option("text", "json")
@database_options
@click.pass_context
def command(
    ctx: click.Context,
    *,
    settings: Settings,
    changes: bool,
    since: str | None,
    to: str | None,
    output: str,
) -> None:
    """Run the verify script of every deployed change, each in a transaction that is rolled back.
    Exits with 1 where there is a finding.

    \b
    Example:
      carecli verify -d postgresql://db/app --format json
    """
    from carecli.migrator.target import open_target
    from carecli.verification import verify_changes

    with open_target(settings, read_only=True) as target:
        checks = verify_changes(target, since=since, to=to)
        pending = [change.name_with_tags for change in target.state().pending]
    if output == "json":
        print_json({"changes": [_record(check) for check in checks], "pending": pending})
    else:
        _print(checks, pending)
    ctx.exit(1 if any(check.is_finding for check in checks) else 0)


def _record(check: ChangeCheck) -> dict[str, object]:
    return {
        "change": check.change.name,
        "change_id": check.change.id,
        "verdict": check.verdict,
        "message": check.message,
        "detail": check.detail,
    }


def _print(checks: list[ChangeCheck], pending: list[str]) -> None:
    width = max((len(check.change.name_with_tags) for check in checks), default=0)
    for check in checks:
        name = check.change.name_with_tags
        colour = "red" if check.is_finding else "green" if check.verdict == "ok" else "yellow"
        dots = "." * (width - len(name) + 2)
        click.echo(f"  * {name} {dots} {click.style(check.verdict, fg=colour)}")
        for line in (check.message, check.detail):
            if line:
                click.echo("\n".join(f"      {part}" for part in line.splitlines()))
    findings = sum(check.is_finding for check in checks)
    if not checks:
        click.echo("Nothing to verify: no change is deployed.")
    elif findings:
        click.echo(f"{findings} of {len(checks)} changes are not as the plan says.")
    else:
        click.echo(f"All {len(checks)} deployed changes are as the plan says.")
    if pending:
        click.echo(f"Pending: {', '.join(pending)}")
