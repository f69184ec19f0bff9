"""Looks before a migration at whatever could stop it; never writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import psycopg

from carecli.doctor.disk import check_disk
from carecli.doctor.options import DoctorOptions
from carecli.doctor.prerequisites import check_prerequisites
from carecli.doctor.session import check_migration_lock, check_session_of
from carecli.doctor.statements import load_statements, run_statement
from carecli.migrator.target import Target
from carecli.verification.findings import Finding, Outcome, Part

__all__ = ["Check", "DoctorOptions", "checks_of", "diagnose"]

Check = tuple[str, Callable[[], list[Finding]]]


def diagnose(target: Target, options: DoctorOptions) -> tuple[Part, ...]:
    """Look at a server and a database.

    Arguments:
        target: project and database.
        options: what counts as too long, and as too little.

    Returns:
        The parts `session`, `server` and `project`. A check that cannot be made is a finding, and
        the others go on.

    Raises:
        psycopg.Error: the connection was lost where nothing explains it.
    """
    session = _part("session", [("session", lambda: check_session_of(target))])
    parts = [session]
    try:
        for name, checks in checks_of(target, options).items():
            parts.append(_part(name, checks))
    except psycopg.Error as error:
        if not session.findings:
            raise
        # A pooler that knows no transactions hangs up on who begins one.
        words = str(error).strip()
        why = f"the connection was lost: {words}"
        parts.append(Part("project", 0, (), 0.0, why))
    return tuple(parts)


def checks_of(target: Target, options: DoctorOptions) -> dict[str, Sequence[Check]]:
    """Return the checks of server and project, by part.

    Arguments:
        target: project and database.
        options: what counts as too long, and as too little.
    """

    def statements(folder: str) -> Iterator[Check]:
        for path in load_statements(folder):
            yield path.stem, partial(run_statement, target, path, options)

    return {
        "server": [
            *statements(""),
            ("disk", lambda: check_disk(target, options)),
            ("migration_lock", lambda: check_migration_lock(target)),
        ],
        "project": [
            *statements(target.project.plan.project),
            ("prerequisites", lambda: check_prerequisites(target)),
        ],
    }


def _part(name: str, checks: Sequence[Check]) -> Part:
    begun = time.monotonic()
    findings: list[Finding] = []
    outcomes: list[Outcome] = []
    for check, run in checks:
        found = _run(check, run)
        findings += found
        verdict = "ok" if not any(item.counts for item in found) else "found something"
        outcomes.append(Outcome(check, verdict))
    seconds = time.monotonic() - begun
    return Part(name, len(checks), tuple(findings), seconds, outcomes=tuple(outcomes))


def _run(name: str, run: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return run()
    except psycopg.OperationalError as error:
        if error.sqlstate is None or error.sqlstate.startswith("57P"):
            raise
        return [_not_made(name, error)]
    except psycopg.Error as error:
        return [_not_made(name, error)]


def _not_made(name: str, error: psycopg.Error) -> Finding:
    said = error.diag.message_primary or str(error).strip()
    return Finding(
        name,
        "warning",
        f"check {name}",
        f"it cannot be made: {said}",
        "connect to the server itself, as the role that migrates, and run it again",
    )
