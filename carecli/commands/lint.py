"""`carecli lint`: find unsafe DDL and what is not in the style of the house."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from carecli.commands._common import project_options
from carecli.commands._reporting import ignore_option, report_format_option, show_report
from carecli.errors import InvalidUsage
from carecli.settings import Settings

if TYPE_CHECKING:
    from carecli.project import Project

__all__ = ["command"]


@click.command("lint", short_help="Find unsafe DDL and what is not in our style.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--squawk/--no-squawk",
    default=None,
    help="Let squawk look for unsafe DDL.  [default: where it is installed; in CI it has to be]",
)
@click.option(
    "--style/--no-style",
    default=None,
    help="Hold the scripts to the style of this house.  [default: as lint.style of sqitch.conf]",
)
@ignore_option
@report_format_option
@project_options
@click.pass_context
def command(
    ctx: click.Context,
    *,
    settings: Settings,
    files: tuple[Path, ...],
    squawk: bool | None,
    style: bool | None,
    ignore: Path | None,
    output: str,
) -> None:
    """Find unsafe DDL with squawk, and what is not in the style of the house.

    FILES are scripts or folders of them; by default all scripts of the plan, those of reworked
    changes too. Exits with 1 where there is a finding. Where squawk is not installed its part is
    left out, and said to be; with --squawk, or where CI is set, that is a finding.

    A comment lets a rule of style rest, for the file where it is in the first comment lines, else
    for the line that it stands in or before. Squawk's rules have its own comments.

    \b
      -- carecli-lint: ignore enum-types, the application has them
      -- squawk-ignore ban-drop-table

    \b
    Example:
      carecli lint
      carecli lint migrations/deploy/limits.sql --format github
    """
    from carecli.linting import check_style, chosen_files, project_files, run_squawk
    from carecli.project import Project
    from carecli.verification.findings import Report
    from carecli.verification.ignoring import leave_out, read_patterns

    patterns = () if ignore is None else read_patterns(ignore)
    project = Project.load(settings.directory, plan_file=settings.plan_file)
    scripts = chosen_files(project, files) if files else project_files(project)
    parts = []
    if style is None:
        style = _style_by_default(project)
    if squawk is False and not style:
        raise InvalidUsage(
            "nothing is to look at the scripts: neither squawk nor the rules of style",
            hint="Add --style, or leave --no-squawk out.",
        )
    if squawk is not False:
        parts.append(run_squawk(scripts, required=bool(squawk or _in_ci()), alone=not style))
    if style:
        parts.append(check_style(scripts))
    report = Report(str(project.plan_file), tuple(parts), command="lint", plan=project.plan_file)
    report = leave_out(report, patterns)
    if settings.verbosity < 0 and output == "text" and not report.exit_code:
        return
    show_report(ctx, report, output)


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _style_by_default(project: Project) -> bool:
    """Return what `style` says in the section `[lint]` of the configuration; else: no."""
    said = project.config.get("lint.style", "false")
    return str(said).lower() in ("true", "yes", "on", "1")
