"""JUnit's XML, as Jenkins and most services of CI read it: a suite a part.

The schema is `junit-10.xsd` of Jenkins' xunit plugin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from xml.etree import ElementTree

from carecli.formats._common import place
from carecli.verification.findings import Finding, Part, Report

__all__ = ["render"]

# What XML 1.0 has no way to write.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """Return a report as an XML document.

    Each thing that was looked at is a test case where a part lists them; else each check with a
    finding is one, and a sound part is a single one. What only tells is the output of a case.

    Arguments:
        report: what a command found.
    """
    suites = [_suite(report, part) for part in report.parts]
    root = ElementTree.Element(
        "testsuites",
        name=f"carecli {report.command}",
        tests=str(sum(int(suite.attrib["tests"]) for suite in suites)),
        failures=str(sum(int(suite.attrib["failures"]) for suite in suites)),
        errors="0",
        time=_time(sum(part.seconds for part in report.parts)),
    )
    root.extend(suites)
    ElementTree.indent(root)
    declaration = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{declaration}\n{ElementTree.tostring(root, encoding='unicode')}"


def _suite(report: Report, part: Part) -> ElementTree.Element:
    cases = [_case(part, name, verdict, found) for name, verdict, found in _cases(part)]
    suite = ElementTree.Element(
        "testsuite",
        name=f"carecli.{report.command}.{part.name}",
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time=_time(part.seconds),
    )
    properties = ElementTree.SubElement(suite, "properties")
    facts = {
        "database": report.database,
        "checked": str(part.checked),
        "ignored": str(part.ignored),
        "pending": ", ".join(report.pending),
    }
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", name=name, value=_text(value))
    suite.extend(cases)
    return suite


def _cases(part: Part) -> Iterator[tuple[str, str, list[Finding]]]:
    """Yield the name, the verdict and the findings of each test case of a part."""
    rest = list(part.findings)
    for outcome in part.outcomes:
        found = [item for item in rest if outcome.name in (item.check, item.object)]
        rest = [item for item in rest if item not in found]
        yield outcome.name, outcome.verdict, found
    for check, among in groupby(sorted(rest, key=_check), key=_check):
        yield check, "failed", list(among)
    if not part.outcomes and not part.findings:
        yield part.name, "ok", []


def _check(finding: Finding) -> str:
    return finding.check


def _case(part: Part, name: str, verdict: str, found: list[Finding]) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", name=_text(name), classname=f"carecli.{part.name}", time="0"
    )
    if part.skipped is not None:
        ElementTree.SubElement(case, "skipped", message=_text(part.skipped))
    elif verdict in _NOT_DONE and not found:
        ElementTree.SubElement(case, "skipped", message=verdict)
    for finding in found:
        if finding.counts:
            message = _text(f"{finding.object}: {finding.detail}".splitlines()[0])
            kind = f"{finding.level}.{finding.check}"
            failure = ElementTree.SubElement(case, "failure", type=_text(kind), message=message)
            failure.text = _told(finding)
    remarks = [_told(finding) for finding in found if not finding.counts]
    if remarks:
        ElementTree.SubElement(case, "system-out").text = "\n\n".join(remarks)
    return case


_NOT_DONE = ("reworked", "no script")
"""Verdicts on what was not looked at and is no fault."""


def _told(finding: Finding) -> str:
    where = None
    if finding.path is not None:
        where = ":".join(str(part) for part in (place(finding.path), finding.line) if part)
    said = (finding.object, where, finding.detail, finding.remediation)
    return _text("\n".join(line for line in said if line))


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _text(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return _UNWRITABLE.sub("\ufffd", text)
