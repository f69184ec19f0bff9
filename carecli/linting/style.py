"""Runs the rules of the house over scripts and leaves out what the scripts say to ignore."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType

from carecli.errors import CarecliError
from carecli.linting import rules
from carecli.linting.files import ScriptFile
from carecli.linting.reading import Fault, Text, read_text, script_name, unreadable
from carecli.verification.findings import Finding, Level, Part

__all__ = ["Rule", "check_style", "known_rules", "rule_names"]

_COMMENT = re.compile(r"--[ \t]*carecli-lint:[ \t]*(?P<said>.*)$", re.MULTILINE)
_IGNORE = re.compile(r"ignore\s+(?P<rule>[a-z][a-z0-9-]*)(?:\s*,\s*(?P<reason>\S.*))?")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Arguments:
        name: of its module, with hyphens.
        level: of what it finds.
        faults: yields what breaks it in a script.
    """

    name: str
    level: Level
    faults: Callable[[Text], Iterator[Fault]]


@dataclass(slots=True)
class _Ignored:
    """A comment that lets a rule rest.

    Arguments:
        rule: its name.
        offset: of the comment.
        lines: the lines that it holds for; None: the whole file.
        used: whether anything was left out for it.
    """

    rule: str
    offset: int
    lines: frozenset[int] | None
    used: bool = field(default=False)


@cache
def known_rules() -> Mapping[str, Rule]:
    """Return the rules by name: one for every module of `carecli.linting.rules`."""
    found = {}
    for info in pkgutil.iter_modules(rules.__path__):
        module = importlib.import_module(f"{rules.__name__}.{info.name}")
        name = info.name.replace("_", "-")
        found[name] = Rule(name, module.LEVEL, module.faults)
    return MappingProxyType(found)


def rule_names() -> list[str]:
    """Return the names of all rules."""
    return list(known_rules())


def check_style(files: Sequence[ScriptFile]) -> Part:
    """Hold scripts to the rules.

    Arguments:
        files: the scripts.

    Returns:
        The part `style`, with the scripts that cannot be read among the findings.
    """
    begun = time.monotonic()
    findings = tuple(finding for file in files for finding in _check(file))
    return Part("style", len(files), findings, time.monotonic() - begun)


def _check(file: ScriptFile) -> list[Finding]:
    try:
        text = read_text(file)
    except CarecliError as error:
        return [unreadable(file, error)]
    source = text.script.source
    ignored, findings = _ignored(text, file)
    for rule in known_rules().values():
        for fault in rule.faults(text):
            line = source.line(fault.offset)
            resting = [
                item
                for item in ignored
                if item.rule == rule.name and (item.lines is None or line in item.lines)
            ]
            for item in resting:
                item.used = True
            if not resting:
                findings.append(_finding(rule.name, rule.level, fault, file, line))
    for item in ignored:
        if not item.used:
            fault = Fault(
                item.offset,
                text.name,
                f"nothing here breaks the rule {item.rule}, which is to be ignored",
                "remove the comment",
            )
            line = source.line(item.offset)
            findings.append(_finding("ignore", "warning", fault, file, line))
    return sorted(findings, key=lambda finding: finding.line or 0)


def _finding(check: str, level: Level, fault: Fault, file: ScriptFile, line: int) -> Finding:
    return Finding(check, level, fault.object, fault.detail, fault.remedy, file.path, line)


def _ignored(text: Text, file: ScriptFile) -> tuple[list[_Ignored], list[Finding]]:
    """Read the comments `-- carecli-lint: ignore rule, reason`.

    One in the comment lines that the file begins with holds for the file; one behind a line's
    code for that line; one on a line of its own for the next line that is no comment.
    """
    ignored, findings = [], []
    source = text.script.source
    lines = source.text.splitlines()
    head = next((at for at, row in enumerate(lines) if not row.startswith("--")), len(lines))
    for match in _COMMENT.finditer(source.text):
        line = source.line(match.start())
        said = _IGNORE.fullmatch(match["said"].strip())
        if said is None or said["rule"] not in known_rules() or not said["reason"]:
            findings.append(_misunderstood(match["said"].strip(), said, file, line))
            continue
        scope: frozenset[int] | None = None
        if line > head:
            at = line
            while at <= len(lines) and lines[at - 1].lstrip().startswith("--"):
                at += 1
            scope = frozenset({at})
        ignored.append(_Ignored(said["rule"], match.start(), scope))
    return ignored, findings


def _misunderstood(
    written: str, said: re.Match[str] | None, file: ScriptFile, line: int
) -> Finding:
    if said is None:
        detail = f'"carecli-lint: {written}" is not understood'
    elif said["rule"] not in known_rules():
        detail = f'there is no rule "{said["rule"]}"; there are {", ".join(known_rules())}'
    else:
        detail = f"no reason is given for ignoring {said['rule']}"
    remedy = "write: -- carecli-lint: ignore RULE, REASON"
    return Finding("ignore", "error", script_name(file.path), detail, remedy, file.path, line)
