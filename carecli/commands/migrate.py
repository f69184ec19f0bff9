"""`carecli migrate`: deploy what is pending."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from carecli.commands._common import database_options, format_option, lock_options, yes_option
from carecli.commands._console import ConsoleReporter, confirm, ending_told, print_json
from carecli.settings import Settings

if TYPE_CHECKING:
    from carecli.migrator.options import MigrationOptions, Outcome
    from carecli.migrator.state import State
    from carecli.migrator.target import Target
    from carecli.plan import Change

__all__ = ["command"]


@click.command("migrate", short_help="Deploy what is pending, each change in one transaction.")
@click.option("--to", metavar="CHANGE|@TAG", help="Deploy up to this change, not further.")
@click.option("--dry-run", is_flag=True, help="Print the SQL that would run, and run nothing.")
@click.option("--log-only", is_flag=True, help="Verify and record; do not run deploy scripts.")
@click.option("--atomic", is_flag=True, help="All pending changes in one transaction.")
@click.option("--no-verify", is_flag=True, help="Do not run the verify scripts.")
@click.option(
    "--backup",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="CARECLI_BACKUP_DIR",
    help="Dump the database into this folder first, where anything is pending.",
)
@click.option("--no-backup", is_flag=True, help="Make no backup, whatever CARECLI_BACKUP_DIR says.")
@lock_options
@yes_option
@format_option("text", "json")
@database_options
def command(
    *,
    settings: Settings,
    to: str | None,
    dry_run: bool,
    log_only: bool,
    atomic: bool,
    no_verify: bool,
    backup: Path | None,
    no_backup: bool,
    lock_timeout: int,
    lock_retries: int,
    lock_wait: int,
    yes: bool,
    output: str,
) -> None:
    """Deploy what is pending, in plan order: each change with its verify script and its registry
    rows in one transaction, under the lock that sqitch takes too.

    \b
    Examples:
      carecli migrate                          to the embedded PostgreSQL
      carecli migrate -d postgresql://db/app --to @v1.0 --yes
      carecli migrate --dry-run > pending.sql  the exact SQL, for a review
    """
    from carecli.migrator.target import open_target

    with ending_told(), open_target(settings) as target:
        state = target.state()
        changes = state.to_deploy(to)
        if not changes and not state.untagged:
            _print_up_to_date(state, dry_run, output)
            return
        from carecli.migrator.options import MigrationOptions

        options = MigrationOptions(
            verify=not no_verify,
            log_only=log_only,
            atomic=atomic,
            lock_timeout=lock_timeout,
            lock_retries=lock_retries,
            lock_wait=lock_wait / 1000,
        )
        if dry_run:
            _dry_run(target, to, options, output)
            return
        _ask(target, changes, yes)
        if backup is not None and not no_backup:
            _back_up(target, backup)
        outcome = _deploy(target, to, options, changes)
        _print_outcome(target, outcome, output, [item.name_with_tags for item in state.untagged])


def _deploy(
    target: Target, to: str | None, options: MigrationOptions, changes: tuple[Change, ...]
) -> Outcome:
    from carecli.migrator.deploying import deploy

    verbosity = target.settings.verbosity
    if verbosity >= 0:
        project = target.project.plan.project
        click.echo(f"Project:  {project}, {_count(len(changes))} pending", err=True)
    reporter = ConsoleReporter("+", verbosity)
    if verbosity >= 0:
        target.connection.add_notice_handler(reporter.notice)
    try:
        return deploy(target, to=to, options=options, reporter=reporter)
    finally:
        reporter.end()


def _dry_run(target: Target, to: str | None, options: MigrationOptions, output: str) -> None:
    from carecli.migrator.deploying import deploy

    reporter = ConsoleReporter("+", target.settings.verbosity)
    outcome = deploy(target, to=to, options=options, reporter=reporter, dry_run=True)
    if output == "json":
        print_json({"dry_run": True, "sql": outcome.transcript})
    else:
        click.echo(outcome.transcript, nl=False)


def _ask(target: Target, changes: tuple[Change, ...], yes: bool) -> None:
    if yes or target.choice.embedded or not changes:
        return
    populated = target.populated_tables()
    if populated:
        confirm(
            f"Deploy {_count(len(changes))} to {target.choice}, which holds rows "
            f"(in {', '.join(populated)})?",
            yes=yes,
            why=f"the database holds rows (in {', '.join(populated)})",
        )


def _back_up(target: Target, directory: Path) -> None:
    from carecli.backup import dump

    version = target.connection.info.server_version // 10_000
    file = dump(target.choice.conninfo, directory, server_version=version)
    if target.settings.verbosity >= 0:
        click.echo(f"Backup:   {file}", err=True)


def _print_up_to_date(state: State, dry_run: bool, output: str) -> None:
    at = state.deployed[-1].change if state.deployed else None
    if output == "json":
        if dry_run:
            print_json({"dry_run": True, "sql": ""})
        else:
            pending = [change.name for change in state.pending]
            answer = {"deployed": [], "tagged": [], "at": at, "pending": pending}
            print_json({"dry_run": False, **answer})
    elif not dry_run:
        where = f"up to date at {at}" if at else "the plan is empty"
        click.echo(f"Nothing to deploy: {where}.")


def _print_outcome(target: Target, outcome: Outcome, output: str, tagged: list[str]) -> None:
    state = target.state()
    at = state.deployed[-1].change if state.deployed else None
    if output == "json":
        done = [
            {"change": change.name, "change_id": change.id, "seconds": round(seconds, 6)}
            for change, seconds in outcome.changes
        ]
        pending = [change.name for change in state.pending]
        answer = {"deployed": done, "tagged": tagged, "at": at, "pending": pending}
        print_json({"dry_run": False, **answer})
        return
    if tagged:
        click.echo(f"Recorded what the plan has tagged since: {', '.join(tagged)}.")
    click.echo(f"Deployed {_count(len(outcome.changes))}; the database is at {at}.")
    if target.settings.verbosity >= 0:
        click.echo("Next: `carecli verify` proves it, `carecli status` shows it.", err=True)


def _count(number: int) -> str:
    return f"{number} change{'' if number == 1 else 's'}"
