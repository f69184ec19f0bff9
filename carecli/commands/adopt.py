"""`carecli adopt`: record how far a database is that others have migrated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from carecli.commands._common import database_options, format_option, lock_options, yes_option
from carecli.commands._console import ConsoleReporter, confirm, ending_told, print_json
from carecli.settings import Settings

if TYPE_CHECKING:
    from carecli.adoption import Adoption
    from carecli.migrator.options import MigrationOptions
    from carecli.migrator.target import Target

__all__ = ["command"]

_COLOURS = {"there": "green", "differs": "yellow", "superseded": "green"}
_LINES = 12
"""So many lines of what differs in a change are shown without being asked for more."""


@click.command("adopt", short_help="Record how far a database migrated by others is.")
@click.option("--dry-run", is_flag=True, help="Show what would be recorded, and record nothing.")
@lock_options
@yes_option
@format_option("text", "json")
@database_options
def command(
    *,
    settings: Settings,
    dry_run: bool,
    lock_timeout: int,
    lock_retries: int,
    lock_wait: int,
    yes: bool,
    output: str,
) -> None:
    """Find with the verify scripts how far a database is that was migrated by hand or by another
    tool, and record that. Runs nothing else and touches no row; `migrate` does the rest.

    A change whose verify script fails is recorded too where the project has an adopt script
    (adopt/CHANGE.sql) that passes: then a later change of the plan mends what differs.

    \b
    Examples:
      carecli adopt -d postgresql://db/app --dry-run
      carecli adopt -d postgresql://db/app --yes && carecli migrate -d postgresql://db/app
    """
    from carecli.adoption import examine
    from carecli.migrator.options import MigrationOptions
    from carecli.migrator.target import open_target

    options = MigrationOptions(
        lock_timeout=lock_timeout, lock_retries=lock_retries, lock_wait=lock_wait / 1000
    )
    with ending_told(), open_target(settings, read_only=dry_run) as target:
        adoption = examine(target, lock_timeout=lock_timeout)
        if output == "text":
            _print(adoption, None if settings.verbosity > 0 else _LINES)
        # Not even --quiet keeps these back.
        for warning in adoption.warnings:
            click.secho(f"WARNING:  {warning}", err=True, fg="red")
        if adoption.count and not dry_run:
            _record(target, adoption, options, yes)
        if output == "json":
            print_json(_answer(adoption, dry_run))
        else:
            _print_outcome(adoption, dry_run)


def _record(target: Target, adoption: Adoption, options: MigrationOptions, yes: bool) -> None:
    from carecli.adoption import adopt

    if not target.choice.embedded:
        confirm(
            f"Record {_count(adoption.count)} as deployed in {target.choice}?",
            yes=yes,
            why="what is recorded is never deployed again",
        )
    reporter = ConsoleReporter("=", target.settings.verbosity)
    try:
        adopt(target, adoption, options=options, reporter=reporter)
    finally:
        reporter.end()


def _answer(adoption: Adoption, dry_run: bool) -> dict[str, Any]:
    recorded = {item.change.id for item in adoption.found}
    stop = adoption.stop
    return {
        "dry_run": dry_run,
        "deployed": len(adoption.state.deployed),
        "changes": [
            {
                "change": item.change.name,
                "change_id": item.change.id,
                "verdict": item.verdict,
                "adopted": item.change.id in recorded,
                "message": item.message,
                "detail": item.detail,
                "mended_by": item.mender,
                "warnings": list(item.warnings),
            }
            for item in adoption.proofs
        ],
        "stopped_at": stop.change.name if stop is not None else None,
        "found_beyond": [item.change.name for item in adoption.beyond],
    }


def _print(adoption: Adoption, most: int | None) -> None:
    """Show what was found, up to the change that ended it and what was found beyond that."""
    stop = [adoption.stop] if adoption.stop is not None else []
    shown = [*adoption.found, *stop, *adoption.beyond]
    width = max((len(item.change.name_with_tags) for item in shown), default=0)
    if adoption.state.deployed:
        last = adoption.state.deployed[-1].change
        click.echo(f"Recorded already: {_count(len(adoption.state.deployed))}, up to {last}.")
    for item in shown:
        name = item.change.name_with_tags
        dots = "." * (width - len(name) + 2)
        told = click.style(item.verdict, fg=_COLOURS.get(item.verdict, "red"))
        mended = f", {item.mender} mends it" if item.mender else ""
        click.echo(f"  * {name} {dots} {told}{mended}")
        said = "\n".join(text for text in (item.message, item.detail) if text)
        lines = [line for line in said.splitlines() if line.strip()]
        for line in lines[:most]:
            click.echo(f"      {line}")
        if most is not None and lines[most:]:
            click.echo(f"      ... and {len(lines) - most} lines more; -v shows them")


def _print_outcome(adoption: Adoption, dry_run: bool) -> None:
    stop, count = adoption.stop, adoption.count
    if count:
        last = adoption.found[-1].change.name_with_tags
        verb = "Would record" if dry_run else "Recorded"
        click.echo(f"{verb} {_count(count)}, up to {last}.")
    elif not adoption.proofs:
        click.echo("Nothing to adopt: every change of the plan is recorded.")
    elif stop is not None:
        click.echo(f"Nothing to adopt: {stop.change.name} cannot be proved.")
    if stop is None:
        return
    if adoption.beyond:
        names = ", ".join(item.change.name for item in adoption.beyond)
        click.secho(
            f"Beyond {stop.change.name} there is also: {names}. If these were deployed, mend what "
            f"differs in {stop.change.name} and adopt again: `migrate` would deploy them anew.",
            err=True,
            fg="yellow",
        )
    rest = len(adoption.proofs) - count
    click.echo(f"`carecli migrate` deploys the other {_count(rest)}, from {stop.change.name} on.")


def _count(number: int) -> str:
    return f"{number} change{'' if number == 1 else 's'}"
