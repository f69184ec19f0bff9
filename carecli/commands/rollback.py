"""`carecli rollback`: revert what is deployed."""

from __future__ import annotations

import click

from carecli.commands._common import database_options, format_option, lock_options, yes_option
from carecli.commands._console import ConsoleReporter, confirm, ending_told, print_json
from carecli.errors import InvalidUsage
from carecli.settings import Settings

__all__ = ["command"]


@click.command("rollback", short_help="Revert deployed changes, the last one first.")
@click.option("--to", metavar="CHANGE|@TAG", help="Go back to this change, which stays.")
@click.option("--count", type=click.IntRange(1), help="Revert so many changes.")
@click.option("--dry-run", is_flag=True, help="Print the SQL that would run, and run nothing.")
@click.option("--log-only", is_flag=True, help="Remove the records without running the scripts.")
@click.option("--allow-data-loss", is_flag=True, help="Let revert scripts drop rows.")
@lock_options
@yes_option
@format_option("text", "json")
@database_options
def command(
    *,
    settings: Settings,
    to: str | None,
    count: int | None,
    dry_run: bool,
    log_only: bool,
    allow_data_loss: bool,
    lock_timeout: int,
    lock_retries: int,
    lock_wait: int,
    yes: bool,
    output: str,
) -> None:
    """Revert deployed changes, the last one first: each with its registry rows in one
    transaction. Without --to and --count it reverts all of them.

    A revert script that would drop rows refuses, unless --allow-data-loss is given.

    \b
    Examples:
      carecli rollback --count 1
      carecli rollback --to @v1.0 --yes
      carecli rollback --dry-run > undo.sql
    """
    from carecli.migrator.options import MigrationOptions
    from carecli.migrator.reverting import revert
    from carecli.migrator.target import open_target

    if to is not None and count is not None:
        raise InvalidUsage("--to and --count both say how far", hint="Give one of them.")
    options = MigrationOptions(
        log_only=log_only,
        allow_data_loss=allow_data_loss,
        lock_timeout=lock_timeout,
        lock_retries=lock_retries,
        lock_wait=lock_wait / 1000,
    )
    with ending_told(), open_target(settings) as target:
        changes = target.state().to_revert(to, count)
        reporter = ConsoleReporter("-", settings.verbosity)
        if dry_run:
            outcome = revert(
                target, to=to, count=count, options=options, reporter=reporter, dry_run=True
            )
            if output == "json":
                print_json({"dry_run": True, "sql": outcome.transcript})
            else:
                click.echo(outcome.transcript, nl=False)
            return
        if changes:
            names = ", ".join(change.name for change in changes)
            confirm(
                f"Revert {names} from {target.choice}?",
                yes=yes,
                why=f"this would revert {names}",
            )
            if settings.verbosity >= 0:
                target.connection.add_notice_handler(reporter.notice)
            try:
                outcome = revert(target, to=to, count=count, options=options, reporter=reporter)
            finally:
                reporter.end()
            changes = tuple(change for change, _ in outcome.changes)
        deployed = target.state().deployed
        at = deployed[-1].change if deployed else None
        if output == "json":
            done = [{"change": item.name, "change_id": item.id} for item in changes]
            print_json({"dry_run": False, "reverted": done, "at": at})
        elif not changes:
            click.echo("Nothing to revert.")
        else:
            where = f"at {at}" if at else "without any change"
            plural = "" if len(changes) == 1 else "s"
            click.echo(f"Reverted {len(changes)} change{plural}; the database is {where}.")
