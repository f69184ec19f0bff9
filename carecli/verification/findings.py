"""What a verification finds, in the same columns whichever part of it looked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Finding", "Level", "Outcome", "Part", "Report"]

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

    @property
    def counts(self) -> bool:
        """Whether somebody has to do something about it."""
        return self.level != "info"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one thing that a part looked at.

    Arguments:
        name: the check, or the object, as the findings on it name it.
        verdict: `ok`, or in a word or two what else: `failed`, `ignored`, `reworked`.
    """

    name: str
    verdict: str = "ok"


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of a verification did.

    Arguments:
        name: `changes`, `contract`, `probes` or `drift`; other commands have names of their own.
        checked: how many things it looked at: changes, checks, attacks, objects.
        findings: in the order in which they are shown; none where all is well.
        seconds: how long it took.
        skipped: why it did not run; None where it did.
        outcomes: the things that it looked at, where they are few enough to be listed.
        ignored: how many findings were left out because a file of patterns says so.
    """

    name: str
    checked: int
    findings: tuple[Finding, ...]
    seconds: float
    skipped: str | None = None
    outcomes: tuple[Outcome, ...] = ()
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All parts of one verification.

    Arguments:
        database: what was looked at, without its password; the plan, where it was no database.
        parts: in the order in which they ran.
        pending: changes of the plan that are not deployed, with their tags.
        command: the command that made it, for forms that name it.
        plan: the plan that was compared with, as the place of what has no file of its own.
        notes: what the user should know beside the findings.
    """

    database: str
    parts: tuple[Part, ...]
    pending: tuple[str, ...] = ()
    command: str = "verify"
    plan: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all parts."""
        return tuple(finding for part in self.parts for finding in part.findings)

    @property
    def proves_nothing(self) -> bool:
        """Whether a verification looked at nothing: a wrong database must not pass for sound."""
        return self.command == "verify" and all(part.skipped is not None for part in self.parts)

    @property
    def exit_code(self) -> int:
        """Return 1 where anything has to be mended, or nothing was verified; else 0."""
        return int(self.proves_nothing or any(finding.counts for finding in self.findings))
