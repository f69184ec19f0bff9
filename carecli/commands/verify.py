"""`carecli verify`: prove that the database is what the plan says, and that nobody can cheat."""

from __future__ import annotations

from pathlib import Path

import click

from carecli.commands._common import database_options
from carecli.commands._reporting import ignore_option, report_format_option, show_report
from carecli.errors import InvalidUsage
from carecli.settings import Settings

__all__ = ["command"]


@click.command("verify", short_help="Prove that the database is what the plan says.")
@click.option("--changes", is_flag=True, help="Run the verify script of every deployed change.")
@click.option("--contract", is_flag=True, help="Check what must hold of the messaging schema.")
@click.option("--probes", is_flag=True, help="Play the attacker: as anybody, against everything.")
@click.option("--drift", is_flag=True, help="Compare with the plan built in a scratch server.")
@click.option("--from", "since", metavar="CHANGE|@TAG", help="First change to verify.")
@click.option("--to", metavar="CHANGE|@TAG", help="Last change to verify.")
@ignore_option
@report_format_option
@database_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    settings: Settings,
    since: str | None,
    to: str | None,
    ignore: Path | None,
    output: str,
    **chosen: bool,
) -> None:
    """Prove that the database is what the plan says, and that nobody can be somebody else.

    All four parts run unless some are named. Whatever they do is rolled back. Exits with 1 where
    there is an error or a warning, or where nothing could be looked at.

    \b
    Lines of the file for --ignore, with an object as the report names it:
      contract/table_privileges  table public.legacy_*   # old reports read it
      drift/*                    comment on *            # ours are longer

    \b
    Examples:
      carecli verify -d postgresql://db/app
      carecli verify --contract --probes --format sarif > carecli.sarif
      carecli verify --changes --from @v0.1.0
    """
    from carecli.migrator.target import open_target
    from carecli.verification.ignoring import read_patterns
    from carecli.verification.running import PARTS, run_verification

    parts = [name for name in PARTS if chosen[name]] or PARTS
    if (since or to) and "changes" not in parts:
        raise InvalidUsage(
            "--from and --to choose changes, and their verify scripts are not to be run",
            hint="Add --changes.",
        )
    patterns = () if ignore is None else read_patterns(ignore)
    with open_target(settings, read_only=True) as target:
        report = run_verification(target, parts=parts, since=since, to=to, ignore=patterns)
    show_report(ctx, report, output)
