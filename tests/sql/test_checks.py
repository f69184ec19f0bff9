"""Each check of `sql/checks` finds what is broken, says what mends it, and is silent otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from carecli.verification.contract import Check, load_checks
from tests.plugins.contract import Verify
from tests.plugins.databases import TestDatabase

CHECKS = {check.name: check for check in load_checks()}
FOLDER = Path(__file__).parent / "checks"
COLUMNS = ["level", "object", "detail", "remediation"]


@dataclass(frozen=True, slots=True)
class Case:
    """One way to break what a check looks at.

    Arguments:
        check: name of the check.
        name: what is broken, in a few words.
        is_for_superuser: whether it takes one; else the owner breaks it, and mends it.
        since: first major version of PostgreSQL that has it.
        findings: level, object and beginning of the detail of each finding; none where the check
            has to be silent.
        sql: statements that break it.
        mending: statements that mend it, where no statement can be told in general; else "".
    """

    check: str
    name: str
    is_for_superuser: bool
    since: int
    findings: tuple[str, ...]
    sql: str
    mending: str


def cases() -> Iterator[Case]:
    """Yield what is in the files: `-- case:`, `-- as:`, `-- since:`, `-- finds:`, `-- mend:`.

    The role that owns what is ours is `{owner}` in them.
    """
    for path in sorted(FOLDER.glob("*.sql")):
        for text in path.read_text(encoding="utf-8").split("-- case: ")[1:]:
            sql, _, mending = text.partition("-- mend:\n")
            fields = re.findall(r"^-- (as|since|finds): (.+)$", sql, re.MULTILINE)
            yield Case(
                check=path.stem,
                name=text.splitlines()[0],
                is_for_superuser=("as", "superuser") in fields,
                since=next((int(value) for field, value in fields if field == "since"), 0),
                findings=tuple(value for field, value in fields if field == "finds"),
                sql=f"-- {sql}",
                mending=mending,
            )


CASES = tuple(cases())


def found(verify: Verify, database: TestDatabase, check: Check) -> list[tuple[str, str]]:
    """Return level, object and detail of each finding in one line, and its remediation."""
    return [
        (f"{finding.level} {finding.object}: {finding.detail}", finding.remediation)
        for finding in verify(database, (check,)).findings
    ]


def run(database: TestDatabase, script: str, *, superuser: bool) -> None:
    """Run statements in a session of their own."""
    connection = database.connect(superuser=superuser)
    script = script.replace("{owner}", database.server.migrating_role)
    # One at a time where they are in one line: some cannot run in a transaction.
    for statement in script.split("; ") if "\n" not in script else [script]:
        connection.execute(statement.encode())


def test_every_check_is_broken_once() -> None:
    """A new check needs a file of cases of the same name, and no file is left without its check."""
    assert sorted({case.check for case in CASES if case.findings}) == sorted(CHECKS)
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_check_says_what_it_is_for(name: str) -> None:
    """Its header says what it looks at, why, and when it is silent."""
    header = CHECKS[name].query.partition("\n\n")[0]
    assert re.match(r"-- What: .+?\n-- Why: .+?\n-- Silent: .+?\n", header, re.DOTALL)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.findings], ids=lambda case: f"{case.check}: {case.name}"
)
def test_what_is_broken_is_found_and_mended(
    migrated: TestDatabase, verify: Verify, case: Case
) -> None:
    """Nothing is found; then what was broken, by name; nothing again when the remedy has run."""
    if migrated.server.version < case.since:
        # An older server cannot be broken in this way.
        with pytest.raises(psycopg.errors.SyntaxError):
            run(migrated, case.sql, superuser=case.is_for_superuser)
        return
    check = CHECKS[case.check]
    assert found(verify, migrated, check) == []
    run(migrated, case.sql, superuser=case.is_for_superuser)
    broken = found(verify, migrated, check)
    # First of all, since roles are of the whole server.
    for script in [case.mending] if case.mending else [remedy for _, remedy in broken]:
        run(migrated, script, superuser=case.is_for_superuser)
    for told, remediation in broken:
        assert remediation.endswith("." if case.mending else ";"), told
    owner = migrated.server.migrating_role
    assert len(broken) == len(case.findings), broken
    for (told, _), wanted in zip(broken, case.findings, strict=True):
        assert told.startswith(wanted.replace("{owner}", owner))
    assert found(verify, migrated, check) == []


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if not case.findings],
    ids=lambda case: f"{case.check}: {case.name}",
)
def test_what_is_no_fault_is_not_found(migrated: TestDatabase, verify: Verify, case: Case) -> None:
    """What belongs to others, or is for an operator to choose, is nobody's finding."""
    run(migrated, case.sql, superuser=case.is_for_superuser)
    assert found(verify, migrated, CHECKS[case.check]) == []
