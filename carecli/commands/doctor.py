"""`carecli doctor`: what would stop a migration, before one is begun."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from carecli.commands._common import DURATION, database_options
from carecli.commands._reporting import ignore_option, report_format_option, show_report
from carecli.settings import Settings

__all__ = ["command"]


class Size(click.ParamType[int]):
    """A number of bytes as PostgreSQL writes it: `512MB`, `10GB`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes, or fail with the form that is wanted."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"\s*(\d+)\s*(kB|MB|GB|TB)\s*", value)
        if match is None:
            self.fail(f"{value!r} is not a size such as 512MB or 10GB", param, ctx)
        power = ("kB", "MB", "GB", "TB").index(match[2]) + 1
        return int(match[1]) * int(1024**power)


@click.command("doctor", short_help="Look for what would stop a migration.")
@click.option(
    "--lock-timeout",
    type=DURATION,
    default="5s",
    show_default=True,
    help="How long a migration will wait for a lock: older transactions are in its way.",
)
@click.option(
    "--room",
    type=Size(),
    default="1GB",
    show_default=True,
    help="What should be free on the server's disk.",
)
@ignore_option
@report_format_option
@database_options
@click.pass_context
def command(
    ctx: click.Context,
    *,
    settings: Settings,
    lock_timeout: int,
    room: int,
    ignore: Path | None,
    output: str,
) -> None:
    """Look for what would stop a migration: the server's version, a standby, a pooler, clocks,
    connections, disk, privileges, what the plan needs, transactions and locks in the way.

    Changes nothing. A check that cannot be made is a finding, and the others go on. Exits with 1
    where there is something to mend.

    \b
    Example:
      carecli doctor -d postgresql://db/app
    """
    from carecli.database import redact
    from carecli.doctor import DoctorOptions, diagnose
    from carecli.migrator.target import open_target
    from carecli.verification.findings import Report
    from carecli.verification.ignoring import leave_out, read_patterns

    patterns = () if ignore is None else read_patterns(ignore)
    with open_target(settings, read_only=True) as target:
        parts = diagnose(target, DoctorOptions(patience=lock_timeout, room=room))
        database = redact(target.choice.conninfo)
        plan = target.project.plan_file
    report = Report(database, parts, command="doctor", plan=plan)
    show_report(ctx, leave_out(report, patterns), output)
