"""Proves that the catalogue is as the contract wants it: runs the checks of `sql/checks`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from carecli.migrator.target import Target
from carecli.plan import Change
from carecli.resources import data_directory, read_sql
from carecli.verification.findings import Finding, Part

__all__ = ["Check", "load_checks", "verify_contract"]

_PROJECT = "care_collective_messaging"
_TIMEOUT = "30s"
_READS = re.compile(r"^-- Reads: (?P<relations>.+)\.$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Check:
    """One file of `sql/checks`: a query whose rows are findings.

    Arguments:
        name: stem of the file.
        reads: relations of ours whose rows it looks at; where one is missing, which is for another
            check to say, it does not run.
        query: one statement with the columns level, object, detail and remediation. Its
            parameters are `deployed` (names of changes, text[]), `owner` (the role that ours
            should belong to), `relations` and `functions` (ours, oid[]), and `registry` (schema
            of sqitch's registry). A `do` block may come first.
    """

    name: str
    reads: tuple[str, ...]
    query: str


def load_checks(folder: Path | None = None) -> tuple[Check, ...]:
    """Return the checks of a folder, by name.

    Arguments:
        folder: where the files are; default: `sql/checks` of carecli.
    """
    if folder is None:
        folder = data_directory("sql") / "checks"
    return tuple(_load(path) for path in sorted(folder.glob("*.sql")))


def verify_contract(target: Target, checks: tuple[Check, ...] | None = None) -> Part:
    """Run every check, each in a read-only transaction of its own.

    A check that fails is a finding itself. Where the registry knows of no change of ours, but our
    objects are there, they were made by hand, and are judged by the whole plan.

    Arguments:
        target: project and database.
        checks: what to run; default: all of `sql/checks`.
    """
    started = time.perf_counter()
    if (project := target.project.plan.project) != _PROJECT:
        return Part("contract", 0, (), 0.0, f"it is about {_PROJECT}, and this is {project}")
    parameters = _parameters(target)
    if parameters is None:
        return Part("contract", 0, (), 0.0, "nothing of the plan is in the database")
    there = set(parameters["names"])
    chosen = [
        check
        for check in (load_checks() if checks is None else checks)
        if there.issuperset(check.reads)
    ]
    findings = [found for check in chosen for found in _run(target, check, parameters)]
    return Part("contract", len(chosen), tuple(findings), time.perf_counter() - started)


def _load(path: Path) -> Check:
    query = path.read_text(encoding="utf-8")
    found = _READS.search(query)
    return Check(path.stem, tuple(found["relations"].split(", ")) if found else (), query)


def _parameters(target: Target) -> dict[str, Any] | None:
    """Return what the checks are about, or None where there is nothing to check."""
    state = target.state()
    registered = [_script_name(state.change_of(row)) for row in state.deployed]
    deployed = registered or [_script_name(change) for change in target.project.plan]
    query = read_sql("queries/contract_subject")
    (subject,) = _query(target.connection, query, {"deployed": deployed})
    if not (registered or subject["relations"] or subject["functions"]):
        return None
    registry = target.settings.registry or target.project.registry
    return {"deployed": deployed, "registry": registry, **subject}


def _script_name(change: Change) -> str:
    """Return the name of the scripts of a change, which tells it from its reworks."""
    return change.name + (change.rework_tags[0].format_name if change.rework_tags else "")


def _run(target: Target, check: Check, parameters: dict[str, Any]) -> Iterator[Finding]:
    try:
        for row in _query(target.connection, check.query, parameters):
            yield Finding(
                check.name, row["level"], row["object"], row["detail"], row["remediation"]
            )
    except psycopg.Error as error:
        # Who holds a table for so long is no fault of the catalogue: the whole part has to wait.
        if error.sqlstate is None or isinstance(error, psycopg.errors.LockNotAvailable):
            raise
        yield Finding(
            check.name,
            "error",
            f"check {check.name}",
            f"could not be carried out: {error.diag.message_primary}",
            "Mend what the other findings name, see to it that the role which verifies owns the "
            "objects or may read them, and verify again.",
        )


def _query(
    connection: psycopg.Connection, query: str, parameters: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the rows of the last statement, from a read-only transaction that is rolled back."""
    # Parameters are bound here, not by the server, which takes several statements only so.
    with (
        connection.transaction(force_rollback=True),
        psycopg.ClientCursor(connection, row_factory=dict_row) as cursor,
    ):
        cursor.execute(read_sql("queries/contract_session"), {"timeout": _TIMEOUT})
        cursor.execute(query.encode(), parameters)
        while cursor.nextset():
            pass
        return cursor.fetchall()
