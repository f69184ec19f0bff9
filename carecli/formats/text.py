"""The form for people: a block a part, one line where it is sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from carecli.formats._common import plural, printable, summary
from carecli.verification.findings import Finding, Part, Report

__all__ = ["render"]

_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}


def render(report: Report) -> str:
    """Return a report as text, with colours, which `click.echo` takes out of a file.

    Arguments:
        report: what a command found.
    """
    width = max((len(part.name) for part in report.parts), default=0)
    lines = [line for part in report.parts for line in _part(part, width)]
    lines.append(summary(report))
    if report.pending:
        lines.append(f"Pending: {', '.join(report.pending)}")
    return "\n".join(lines)


def _part(part: Part, width: int) -> Iterator[str]:
    yield f"{part.name} {'.' * (width - len(part.name) + 2)} {_state(part)}"
    by_verdict: dict[str, list[str]] = {}
    found = {name for finding in part.findings for name in (finding.check, finding.object)}
    for outcome in part.outcomes:
        # What is wrong is told by the findings; what is neither ok nor wrong, here.
        if outcome.verdict != "ok" and outcome.name not in found:
            by_verdict.setdefault(outcome.verdict, []).append(outcome.name)
    for verdict, names in by_verdict.items():
        yield f"  {click.style(verdict, fg='yellow')}: {', '.join(names)}"
    for finding in part.findings:
        yield from _finding(finding)


def _state(part: Part) -> str:
    """Return what became of a part, in a few words."""
    if part.skipped is not None:
        return click.style(f"not looked at: {part.skipped}", fg="yellow")
    count = sum(finding.counts for finding in part.findings)
    word = click.style(plural(count, "finding"), fg="red") if count else _green("ok")
    ignored = f", {part.ignored:,} ignored" if part.ignored else ""
    return f"{word}  {part.checked:,} checked in {part.seconds:.1f} s{ignored}"


def _green(word: str) -> str:
    return click.style(word, fg="green")


def _finding(finding: Finding) -> Iterator[str]:
    level = click.style(finding.level, fg=_COLOURS[finding.level])
    yield printable(f"  {finding.object}").replace("\n", " ") + f"  [{level}: {finding.check}]"
    told = [_where(finding.path, finding.line), finding.detail]
    for line in "\n".join(filter(None, told)).splitlines():
        yield f"      {printable(line)}"
    for number, line in enumerate(finding.remediation.splitlines()):
        yield f"    {'>' if number == 0 else ' '} {printable(line)}"


def _where(path: Path | None, line: int | None) -> str:
    """Return the file and line of a finding, where it has them."""
    return ":".join(str(part) for part in (path, line) if part is not None)
