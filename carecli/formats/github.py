"""Workflow commands of GitHub Actions, which show each finding as an annotation.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from carecli.formats._common import place, printable, summary
from carecli.verification.findings import Finding, Report

__all__ = ["render"]

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def render(report: Report) -> str:
    """Return a line a finding, and one for people at the end.

    GitHub shows the first ten errors and the first ten warnings of a step; all are in its log.

    Arguments:
        report: what a command found.
    """
    lines = [_command(part.name, finding) for part in report.parts for finding in part.findings]
    return "\n".join([*lines, f"carecli {report.command}: {summary(report)}"])


def _command(part: str, finding: Finding) -> str:
    properties = {}
    if finding.path is not None:
        properties["file"] = place(finding.path)
        if finding.line is not None:
            properties["line"] = str(finding.line)
    properties["title"] = f"{part}/{finding.check}: {finding.object}"
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    message = _data(f"{finding.detail}\n{finding.remediation}")
    return f"::{_COMMANDS[finding.level]} {said}::{message}"


def _data(text: str) -> str:
    """Return a text as a command's message; the sign of the escapes goes first."""
    clean = printable(text.replace("\r\n", "\n").replace("\r", "\n"))
    return clean.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    """Return a text as the value of a property, which `,` would end and `:` too."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
