"""`carecli check`: the plan and its scripts alone, without a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from carecli.commands._common import format_option, project_options
from carecli.commands._console import print_json
from carecli.settings import Settings

if TYPE_CHECKING:
    from carecli.checking import Finding

__all__ = ["command"]

_COLORS = {"error": "red", "warning": "yellow"}


@click.command()
@click.option("--strict", is_flag=True, help="Let warnings fail the check too.")
@format_option("text", "json")
@project_options
@click.pass_context
def command(ctx: click.Context, strict: bool, output: str, settings: Settings) -> None:
    """Check plan and scripts without a database: names, requirements, missing files, syntax.

    Exit code 1 where there are errors; a missing verify script, as for sqitch, is a warning.

    \b
    Example:
      carecli check
      carecli -C db check --strict --format json
    """
    from carecli.checking import check
    from carecli.project import Project

    project = Project.load(settings.directory, plan_file=settings.plan_file)
    findings = check(project)
    if output == "json":
        answer = {
            "plan": str(project.plan_file),
            "findings": [_fields(finding) for finding in findings],
        }
        print_json(answer)
    else:
        for finding in findings:
            _show(finding)
    errors = sum(finding.level == "error" for finding in findings)
    warnings = len(findings) - errors
    if settings.verbosity >= 0:
        click.echo(f"{project.plan_file}: {errors} errors, {warnings} warnings", err=True)
    if errors or (strict and warnings):
        ctx.exit(1)


def _fields(finding: Finding) -> dict[str, object]:
    return {
        "level": finding.level,
        "code": finding.code,
        "message": finding.message,
        "path": str(finding.path),
        "line": finding.line,
        "column": finding.column,
        "hint": finding.hint,
    }


def _show(finding: Finding) -> None:
    level = click.style(finding.level, fg=_COLORS[finding.level])
    click.echo(f"{finding.place}: {level}: {finding.message}  [{finding.code}]")
    if finding.hint:
        click.echo(f"    {finding.hint}")
