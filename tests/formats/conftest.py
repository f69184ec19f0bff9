"""Reports that any form has to render."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecli.verification import Finding, Outcome, Part, Report

ROOT = Path(__file__).resolve().parents[2]
PLAN = ROOT / "migrations/sqitch.plan"

NASTY = "100%, a:b,c\r\nthe \x1b[31msecond\x00 line ::error::<&\"']]>\u2028 é 🎉 \ud7ff"
"""What breaks one form or another: its own signs, control characters, line ends, any script."""


@pytest.fixture
def sound() -> Report:
    """Give a report with nothing to mend."""
    changes = Part(
        "changes", 2, (), 0.25, outcomes=(Outcome("change one"), Outcome("change two", "reworked"))
    )
    drift = Part("drift", 0, (), 0, skipped="no server of this version is here")
    return Report("postgresql://db/app", (changes, Part("probes", 412, (), 1.5), drift), plan=PLAN)


@pytest.fixture
def unsound(sound: Report) -> Report:
    """Give a report with findings of each level, with and without a file."""
    failed = Finding(
        "failed",
        "error",
        "change two",
        "relation does not exist\nline | select",
        "Mend it.",
        ROOT / "migrations/verify/error_codes.sql",
        7,
    )
    open_table = Finding(
        "row_security",
        "error",
        "table public.messages_v2",
        "row level security is off",
        "alter table public.messages_v2 enable row level security;",
    )
    widened = Finding(
        "row_security", "warning", f"policy {NASTY}", NASTY, NASTY, Path(f"a b%/{'ä'}:,.sql"), 3
    )
    told = Finding("comments", "info", "function public.f(uuid, text[])", "no comment", "comment")
    outcomes = (Outcome("change one"), Outcome("change two", "failed"))
    changes = Part("changes", 2, (failed,), 0.25, outcomes=outcomes)
    contract = Part("contract", 21, (open_table, widened, told), 1234.5, ignored=2)
    return Report(
        "postgresql://db/app",
        (changes, contract, sound.parts[-1]),
        pending=("three @v1", "four"),
        plan=PLAN,
        notes=("a pattern ignored nothing",),
    )
