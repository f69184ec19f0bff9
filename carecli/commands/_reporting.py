"""What commands that report findings have in common: the form, the ignored, the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from carecli.commands._common import format_option
from carecli.formats import format_names, render

if TYPE_CHECKING:
    from carecli.verification.findings import Report

__all__ = ["ignore_option", "report_format_option", "show_report"]

report_format_option = format_option(*format_names())

ignore_option = click.option(
    "--ignore",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Leave out the findings that this file's lines name: part/check, the object, and "
    "# the reason; * ? [abc] stand for other characters.",
)


def show_report(ctx: click.Context, report: Report, output: str) -> NoReturn:
    """Print a report on stdout and its notes on stderr, and exit with its code.

    Arguments:
        ctx: of the command; its settings say how much to tell.
        report: what the command found.
        output: name of the form.
    """
    click.echo(render(report, output))
    if ctx.obj.verbosity >= 0:
        for note in report.notes:
            click.secho(f"Note: {note}", err=True, fg="yellow")
    ctx.exit(report.exit_code)
