"""SARIF 2.1.0, which GitHub's code scanning and many editors read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from carecli import __version__
from carecli.formats._common import describe, place
from carecli.verification.findings import Finding, Report

__all__ = ["render"]

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_SEVERITIES = {"error": "error", "warning": "warning", "info": "recommendation"}

Found = tuple[str, Finding]
"""The name of a part, and one of its findings."""


def render(report: Report) -> str:
    """Return a report as a log of one run.

    Arguments:
        report: what a command found.
    """
    found = [(part.name, finding) for part in report.parts for finding in part.findings]
    rules = {_rule_id(item): _rule(item, among) for item, among in _by_rule(found)}
    run = {
        "tool": {
            "driver": {
                "name": "carecli",
                "semanticVersion": __version__,
                "rules": list(rules.values()),
            }
        },
        # So that a lint and a verification of one commit do not replace each other.
        "automationDetails": {"id": f"carecli/{report.command}/"},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": _told(report)}],
        "columnKind": "unicodeCodePoints",
        "results": list(_results(report, found, list(rules))),
        "properties": {"database": report.database, "pending": list(report.pending)},
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def _rule_id(found: Found) -> str:
    part, finding = found
    return f"{part}/{finding.check}"


def _by_rule(found: list[Found]) -> Iterator[tuple[Found, list[Finding]]]:
    """Yield one finding of each rule with all the findings of it."""
    for _, group in groupby(sorted(found, key=_rule_id), key=_rule_id):
        items = list(group)
        yield items[0], [finding for _, finding in items]


def _rule(found: Found, among: list[Finding]) -> dict[str, Any]:
    part, finding = found
    text = describe(part, finding.check)
    levels = {item.level for item in among}
    level = next(level for level in _LEVELS if level in levels)
    return {
        "id": _rule_id(found),
        "name": "".join(word.capitalize() for word in finding.check.replace("-", "_").split("_")),
        "shortDescription": {"text": text.partition("\n")[0]},
        "fullDescription": {"text": text},
        "help": {"text": text},
        "defaultConfiguration": {"level": _LEVELS[level]},
        "properties": {"tags": ["database", part], "problem.severity": _SEVERITIES[level]},
    }


def _results(report: Report, found: list[Found], rules: list[str]) -> Iterator[dict[str, Any]]:
    seen: Counter[str] = Counter()
    for part, finding in found:
        rule = _rule_id((part, finding))
        same = hashlib.sha256(f"{rule} {finding.object}".encode()).hexdigest()[:16]
        seen[same] += 1
        yield {
            "ruleId": rule,
            "ruleIndex": rules.index(rule),
            "level": _LEVELS[finding.level],
            "message": {"text": f"{finding.object}: {finding.detail}\n{finding.remediation}"},
            "locations": [_location(report, finding)],
            # Most findings share one line of the plan: what tells them apart is the object.
            "partialFingerprints": {"primaryLocationLineHash": f"{same}:{seen[same]}"},
        }


def _location(report: Report, finding: Finding) -> dict[str, Any]:
    """Return the file of a finding, or the plan, and the object of the database."""
    kind, _, name = finding.object.partition(" ")
    logical = {"fullyQualifiedName": name, "kind": kind} if name else {"fullyQualifiedName": kind}
    location: dict[str, Any] = {"logicalLocations": [logical]}
    path = finding.path or report.plan
    if path is not None:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(path)},
            # Code scanning shows nothing that has no line.
            "region": {"startLine": finding.line or 1},
        }
    return location


def _uri(path: Path) -> str:
    name = place(path)
    return path.absolute().as_uri() if name.startswith("/") else quote(name)


def _told(report: Report) -> list[dict[str, Any]]:
    """Return what a run has to say beside its results: parts that did not run, and notes."""
    skipped = [
        f"The {part.name} part did not run: {part.skipped}."
        for part in report.parts
        if part.skipped is not None
    ]
    return [{"level": "note", "message": {"text": text}} for text in (*skipped, *report.notes)]
