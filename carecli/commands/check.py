"""`carecli check`: the plan and its scripts, without a database unless one is named."""

from __future__ import annotations

from pathlib import Path

import click

from carecli.commands._common import database_options
from carecli.commands._reporting import ignore_option, report_format_option, show_report
from carecli.settings import Settings

__all__ = ["command"]


@click.command("check", short_help="Check plan and scripts without a database.")
@click.option("--strict", is_flag=True, help="Let warnings fail the check too.")
@ignore_option
@report_format_option
@database_options
@click.pass_context
def command(
    ctx: click.Context, *, settings: Settings, strict: bool, ignore: Path | None, output: str
) -> None:
    """Check plan and scripts without a database: names, requirements, missing files, syntax,
    headers, and reverts that take back what their deploys do.

    Where a database is named by --database-url, --target or --embedded, the scripts are compared
    with the hashes of those that were deployed there. What the environment says is not used.

    Exits with 1 where there is an error. Warnings, such as a missing verify script, are told as
    info; with --strict they count. A revert script that is not to take everything back says so:

    \b
      -- carecli-check: ignore revert, the tables are shared

    \b
    Example:
      carecli check
      carecli -C db check --strict --format json
    """
    from carecli.checking import check_project
    from carecli.project import Project
    from carecli.verification.findings import Report
    from carecli.verification.ignoring import leave_out, read_patterns

    patterns = () if ignore is None else read_patterns(ignore)
    project = Project.load(settings.directory, plan_file=settings.plan_file, target=settings.target)
    parts = check_project(project, strict=strict)
    named = settings.database_url or settings.target or settings.embedded
    if named and parts[0].name == "plan" and parts[0].checked:
        from carecli.checking.registry import check_registry
        from carecli.migrator.target import open_target

        with open_target(settings, read_only=True) as target:
            parts += (check_registry(target),)
    report = Report(str(project.plan_file), parts, command="check", plan=project.plan_file)
    report = leave_out(report, patterns)
    if settings.verbosity < 0 and output == "text" and not report.exit_code:
        return
    show_report(ctx, report, output)
