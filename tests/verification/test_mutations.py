"""Each fault of the catalogue in `mutations/` is found, by name and with what mends it."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
import pytest

from carecli.database import Choice, connect
from carecli.migrator.target import Target
from carecli.project import Project
from carecli.resources import data_directory
from carecli.settings import Settings
from carecli.verification import Finding
from carecli.verification.drift import Plan, compare, read_catalogue
from carecli.verification.running import run_verification
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.postgres import TestServer

Inspect = Callable[[TestDatabase, str], list[Finding]]

CATALOGUE = Path(__file__).parent / "mutations"

# What is quick goes first: a fault that one part has found and named is found.
QUICK = ("contract", "drift", "changes", "probes")

# The real command is slow to start, so it is shown some of the catalogue: the first of these files.
COMMANDED = ("functions", "identity", "registry")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One fault to make in a sound database; or one of a kind in each object that can have it.

    Arguments:
        area: stem of the file that it is in.
        name: what is wrong then, in a few words.
        remedy: part of what mends it, in lower case.
        sql: statements that make the fault; "" where `each` is given.
        object: part of the name of what is at fault; "" where `each` is given.
        each: query for the names of the objects and the statement for each of them; or "".
        superuser: whether it takes one; else the owner makes it.
        undo: statements for the superuser that undo it, where it is in more than one database.
        since: first major version of PostgreSQL that has it.
        parts: the parts that each have to find it; none: any of them.
    """

    area: str
    name: str
    remedy: str
    sql: str = ""
    object: str = ""
    each: str = ""
    superuser: bool = False
    undo: str = ""
    since: int = 0
    parts: tuple[str, ...] = ()

    def apply(self, database: TestDatabase) -> set[str]:
        """Make the fault; return the names of the objects that have it now."""
        connection = database.connect(superuser=self.superuser)
        connection.execute("set search_path = ''")
        if not self.each:
            connection.execute(self.sql.encode())
            return {self.object}
        faults = connection.execute(self.each.encode()).fetchall()
        for _, statement in faults:
            connection.execute(statement.encode())
        return {name for name, _ in faults}

    def is_named(self, name: str, finding: Finding) -> bool:
        """Return whether a finding is about the fault in the object and says how to mend it."""
        return (
            finding.level != "info"
            and re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", finding.object) is not None
            and self.remedy in finding.remediation.lower()
        )


def read_mutations() -> Iterator[Mutation]:
    """Yield the mutations of all files, in the order of the files."""
    for path in sorted(CATALOGUE.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["mutation"]:
            superuser = entry.pop("as", "owner") == "superuser"
            parts = tuple(entry.pop("parts", ()))
            yield Mutation(area=path.stem, superuser=superuser, parts=parts, **entry)


MUTATIONS = tuple(read_mutations())


@pytest.fixture
def inspect(our_plan: Plan) -> Inspect:
    """Give a function that returns what one part finds in a database.

    Drift takes the plan as it was built once, not in a scratch server for each fault.
    """

    def run(database: TestDatabase, part: str) -> list[Finding]:
        with opened(database) as target:
            if part == "drift":
                return compare(our_plan, read_catalogue(target.connection))
            report = run_verification(target, parts=[part])
        return [finding for part in report.parts for finding in part.findings]

    return run


@cache
def our_project() -> Project:
    """Return our project; it is read once."""
    return Project.load(data_directory("migrations"))


@contextmanager
def opened(database: TestDatabase) -> Iterator[Target]:
    """Give the target that the command would make of a database, and close it."""
    with connect(database.url) as connection:
        yield Target(our_project(), Choice(database.url, "test"), connection, Settings())


@pytest.fixture
def undoing(server: TestServer) -> Iterator[list[str]]:
    """Give a list for statements that the superuser runs when the test ends."""
    statements: list[str] = []
    yield statements
    with server.administration() as connection:
        for statement in statements:
            connection.execute(statement.encode())


def make(mutation: Mutation, database: TestDatabase, undoing: list[str]) -> set[str]:
    """Make the fault in a database; return the objects that have it."""
    if mutation.undo:
        undoing.append(mutation.undo)
    return mutation.apply(database)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda found: f"{found.area}: {found.name}")
def test_fault_is_found(
    migrated: TestDatabase,
    inspect: Inspect,
    undoing: list[str],
    mutation: Mutation,
) -> None:
    """Verify names each object that has the fault, and what mends it."""
    if migrated.server.version < mutation.since:
        # An older server cannot have the fault.
        with pytest.raises((psycopg.errors.SyntaxError, psycopg.errors.InvalidParameterValue)):
            mutation.apply(migrated)
        return
    faulty = make(mutation, migrated, undoing)
    assert faulty, "the query of the mutation finds no object to change"
    told: list[Finding] = []
    for part in mutation.parts or QUICK:
        found = inspect(migrated, part)
        told += found
        unnamed = {
            name
            for name in faulty
            if not any(mutation.is_named(name, finding) for finding in found)
        }
        if mutation.parts:
            assert not unnamed, f"{part} does not name {sorted(unnamed)}: {shown(found)}"
        else:
            faulty = unnamed
        if not faulty:
            return
    assert mutation.parts, f"nothing names {sorted(faulty)}: {shown(told)}"


def with_programs(database: TestDatabase) -> dict[str, str | None]:
    """Return an environment in which drift finds the programs of the server under test."""
    programs = database.server.bin
    return {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"} if programs else {}


def shown(findings: list[Finding]) -> str:
    """Return findings as lines for a person."""
    lines = (
        f"{finding.level} {finding.check}: {finding.object}: {finding.remediation}"
        for finding in findings
    )
    return "\n".join(("", *lines))


@pytest.mark.parametrize("part", QUICK)
def test_sound_database_has_no_findings(
    migrated: TestDatabase, inspect: Inspect, part: str
) -> None:
    """What the plan makes is as the plan says, so each finding above is of the fault."""
    found = inspect(migrated, part)
    assert not found, shown(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "mutation",
    [next(found for found in MUTATIONS if found.area == area) for area in COMMANDED],
    ids=COMMANDED,
)
def test_command_tells_of_a_fault(
    migrated: TestDatabase, carecli_run: Run, undoing: list[str], mutation: Mutation
) -> None:
    """`carecli verify` itself exits with 1 and shows the object and the remedy."""
    faulty = make(mutation, migrated, undoing)
    done = carecli_run(
        "verify", "-d", migrated.url, "--format", "json", env=with_programs(migrated), check=1
    )
    found = [
        (finding["object"], finding["remediation"].lower())
        for part in json.loads(done.stdout)["parts"]
        for finding in part["findings"]
    ]
    for name in faulty:
        assert any(name in about and mutation.remedy in remedy for about, remedy in found)


def test_catalogue_is_large() -> None:
    """There are well over sixty faults in it, and no two have one name."""
    names = Counter(mutation.name for mutation in MUTATIONS)
    assert len(names) >= 80
    assert [name for name, count in names.items() if count > 1] == []


def test_catalogue_knows_its_words() -> None:
    """Each entry names parts that there are, and what it looks for is in lower case."""
    for mutation in MUTATIONS:
        assert set(mutation.parts) <= set(QUICK), mutation.name
        assert mutation.remedy == mutation.remedy.lower(), mutation.name
        assert bool(mutation.each) != bool(mutation.sql and mutation.object), mutation.name
