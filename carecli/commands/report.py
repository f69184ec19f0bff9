"""`carecli report`: the page for a hand-over."""

from __future__ import annotations

import click

from carecli.commands._common import database_options
from carecli.settings import Settings

__all__ = ["command"]


@click.command("report", short_help="Write the page for a hand-over: what is, and what was.")
@click.option(
    "-o",
    "--out",
    "out",
    required=True,
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE.html",
    help="Write the page there; - is standard output. A report that is there is replaced.",
)
@click.option(
    "--window",
    default="24h",
    show_default=True,
    metavar="LENGTH",
    help="Length of time that the plots show, for instance 8h or 7 days.",
)
@click.option("--force", is_flag=True, help="Replace a file that is no report, too.")
@database_options
def command(*, settings: Settings, out: str, window: str, force: bool) -> None:
    """Write the page for a hand-over: the verdict and what to do, alerts, metrics as plots over the
    window, errors, the rollout with its gate and history, tables, migrations.

    It is one file of HTML that loads nothing from elsewhere and reads well on a telephone. What
    this role may not read, or the database has not got, is said in its place. Reads only, on a
    standby too.

    \b
    Examples:
      carecli report --out handover.html
      carecli report --out - --window 7d -d postgresql://... | mail -s report team@example.org
    """
    from datetime import timedelta
    from pathlib import Path

    from carecli.errors import InvalidUsage
    from carecli.migrator.target import open_target
    from carecli.monitoring import parse_window
    from carecli.reporting.gathering import gather
    from carecli.reporting.page import render
    from carecli.reporting.verdict import verdict
    from carecli.reporting.writing import check_place, write_page

    length = parse_window(window)
    if not timedelta(minutes=1) <= length <= timedelta(days=3660):
        raise InvalidUsage(
            f"--window {window!r} makes no plot", hint="Give from a minute to ten years."
        )
    path = None if out == "-" else Path(out)
    if path is not None:
        check_place(path, force=force)
    with open_target(settings, read_only=True) as target:
        report = gather(target, length)
    page = render(report)
    if path is None:
        click.echo(page.encode(), nl=False)
        return
    write_page(path, page, force=force)
    click.echo(f"{verdict(report).headline}. The report is in {path}")
