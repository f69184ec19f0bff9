"""The form for programs; `report.schema.json` beside this file says what is in it."""

from __future__ import annotations

import json
from typing import Any

from carecli.verification.findings import Finding, Part, Report

__all__ = ["render"]


def render(report: Report) -> str:
    """Return a report as indented JSON whose names stay.

    Arguments:
        report: what a command found.
    """
    answer = {
        "command": report.command,
        "database": report.database,
        "sound": report.exit_code == 0,
        "parts": [_part(part) for part in report.parts],
        "pending": list(report.pending),
        "notes": list(report.notes),
    }
    return json.dumps(answer, indent=2, ensure_ascii=False)


def _part(part: Part) -> dict[str, Any]:
    return {
        "part": part.name,
        "checked": part.checked,
        "seconds": round(part.seconds, 3),
        "skipped": part.skipped,
        "ignored": part.ignored,
        "outcomes": [{"name": item.name, "verdict": item.verdict} for item in part.outcomes],
        "findings": [_finding(finding) for finding in part.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "level": finding.level,
        "object": finding.object,
        "detail": finding.detail,
        "remediation": finding.remediation,
        "path": None if finding.path is None else str(finding.path),
        "line": finding.line,
    }
