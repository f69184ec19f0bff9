"""What a verification finds, in the same five columns whichever part of it looked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Finding", "Level", "Part", "Report"]

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Arguments:
        check: name of what looked: the stem of the check's file, such as `function_security`.
        level: `error` and `warning` are for somebody to mend; `info` only tells.
        object: what it is about, as SQL names it, such as `table public.messages_v2`.
        detail: what is wrong with it.
        remediation: what mends it: SQL where there is some, else what to do.
        path: the file that it is about, or None.
        line: number in that file, from 1; None where no line is meant.
    """

    check: str
    level: Level
    object: str
    detail: str
    remediation: str
    path: Path | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of a verification did.

    Arguments:
        name: `changes`, `contract`, `probes` or `drift`; other commands have names of their own.
        checked: how many things it looked at: changes, checks, attacks, objects.
        findings: in the order in which they are shown; none where all is well.
        seconds: how long it took.
        skipped: why it did not run; None where it did.
    """

    name: str
    checked: int
    findings: tuple[Finding, ...]
    seconds: float
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All parts of one verification.

    Arguments:
        database: what was looked at, without its password.
        parts: in the order in which they ran.
        pending: changes of the plan that are not deployed, with their tags.
    """

    database: str
    parts: tuple[Part, ...]
    pending: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 1 where anything has to be mended, else 0."""
        found = (finding for part in self.parts for finding in part.findings)
        return int(any(finding.level != "info" for finding in found))
