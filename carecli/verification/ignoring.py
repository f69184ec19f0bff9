"""Findings that a project has decided to live with: a file of patterns leaves them out.

A pattern a line, in two columns: the part and the check, and the object.

    contract/table_privileges  table public.legacy_*    # read by the old reports until May
    drift/*                    comment on *             # ours are longer
    contract/function_security function public.f(text[])

`*`, `?` and `[abc]` stand for other characters, as in a shell, also across `/`, `.` and spaces;
`[[]` is a bracket. An object that is written out in full needs no such care. `#` at the start of
a line or after a space begins a comment, which is where the reason belongs; `[#]` is that sign.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from carecli.errors import InvalidUsage, excerpt
from carecli.verification.findings import Finding, Part, Report

__all__ = ["Pattern", "leave_out", "read_patterns"]

_COMMENT = re.compile(r"(^|\s)#.*")
_FORM = "Write the part and the check, then the object: contract/table_privileges table public.x_*"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which findings to leave out.

    Arguments:
        part: pattern of the name of a part.
        check: pattern of the name of a check.
        object: pattern of what the finding is about, or that itself.
        path: the file that it is in.
        line: its line there, from 1.
    """

    part: str
    check: str
    object: str
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.part}/{self.check} {self.object}"

    def matches(self, part: str, finding: Finding) -> bool:
        """Return whether it means this finding of the part of that name."""
        return (
            fnmatchcase(part, self.part)
            and fnmatchcase(finding.check, self.check)
            and (finding.object == self.object or fnmatchcase(finding.object, self.object))
        )


def read_patterns(path: Path) -> tuple[Pattern, ...]:
    """Return the patterns of a file, in its order; the module's docstring is its format.

    Raises:
        InvalidUsage: the file cannot be read, or a line of it is no pattern.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidUsage(f"{path} cannot be read: {error}") from None
    lines = enumerate(text.split("\n"), 1)
    bare = ((number, line, _COMMENT.sub("", line).strip()) for number, line in lines)
    return tuple(_pattern(path, number, line, pattern) for number, line, pattern in bare if pattern)


def _pattern(path: Path, number: int, line: str, pattern: str) -> Pattern:
    words = pattern.split(maxsplit=1)
    part, slash, check = words[0].partition("/")
    if not slash:
        fault = f"{words[0]!r} does not name a part and a check"
    elif not part or not check or "/" in check:
        fault = f"{words[0]!r} is not one part and one check"
    elif len(words) == 1:
        fault = "no object follows the check; * means all of them"
    else:
        return Pattern(part, check, words[1], path, number)
    raise InvalidUsage(f"{path}:{number}: {fault}", detail=excerpt(number, None, line), hint=_FORM)


def leave_out(report: Report, patterns: Sequence[Pattern]) -> Report:
    """Return a report without the findings that a pattern means; each part counts its own.

    A pattern that means nothing, though its part ran, becomes a note: what it was written for
    is mended, or it never meant what was meant.

    Arguments:
        report: what was found.
        patterns: of any files.
    """
    used: set[Pattern] = set()
    parts = []
    for part in report.parts:
        kept: list[Finding] = []
        gone: list[Finding] = []
        for finding in part.findings:
            meant = [pattern for pattern in patterns if pattern.matches(part.name, finding)]
            used.update(meant)
            (gone if meant else kept).append(finding)
        parts.append(_without(part, kept, gone))
    ran = [part.name for part in report.parts if part.skipped is None]
    idle = (
        f"{pattern.path}:{pattern.line}: nothing was found that {pattern} would ignore"
        for pattern in patterns
        if pattern not in used and any(fnmatchcase(name, pattern.part) for name in ran)
    )
    return replace(report, parts=tuple(parts), notes=(*report.notes, *idle))


def _without(part: Part, kept: list[Finding], gone: list[Finding]) -> Part:
    """Return a part with the findings that are kept; what has no other is `ignored`."""
    hidden = _names(gone) - _names(kept)
    outcomes = tuple(
        replace(outcome, verdict="ignored") if outcome.name in hidden else outcome
        for outcome in part.outcomes
    )
    ignored = part.ignored + len(gone)
    return replace(part, findings=tuple(kept), ignored=ignored, outcomes=outcomes)


def _names(findings: list[Finding]) -> set[str]:
    """Return the names that an outcome of these findings can have."""
    return {name for finding in findings for name in (finding.check, finding.object)}
