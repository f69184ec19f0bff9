"""How far a database is that others have migrated, found with the scripts of small projects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from carecli.adoption import Adoption, adopt, examine
from carecli.errors import (
    CannotConnect,
    CarecliError,
    InvalidUsage,
    LockNotAvailable,
    Refused,
    SourceError,
)
from carecli.migrator.options import MigrationOptions
from carecli.migrator.target import Target, open_target
from carecli.plan import Change
from carecli.settings import Settings
from tests.plugins.chaos import Here, ProjectMaker, Step
from tests.plugins.databases import TestDatabase
from tests.plugins.sqitch import PlanWriter, registry_rows

STEPS = [
    Step(name, f"create table {name} (id int);", verify=f"select id from {name} where false;")
    for name in ("one", "two", "three", "four")
]
REWORKED = {
    "deploy/a@v1.sql": "create table a (x int);",
    "deploy/a.sql": "alter table a rename x to y;",
    "deploy/b.sql": "create table b (id int);",
    "deploy/c.sql": "create table c (id int);",
    "verify/a@v1.sql": "select x from a where false;",
    "verify/a.sql": "select y from a where false;",
    "verify/b.sql": "select id from b where false;",
    "verify/c.sql": "select id from c where false;",
}


class Silent:
    """A reporter that tells nobody."""

    def begin(self, total: int, width: int) -> None:
        """Begin."""

    def started(self, change: Change) -> None:
        """Start."""

    def finished(self, change: Change, seconds: float) -> None:
        """Finish."""

    def failed(self, change: Change) -> None:
        """Fail."""

    def say(self, message: str) -> None:
        """Say."""


@contextmanager
def opened(project: Path, database: TestDatabase) -> Iterator[Target]:
    """Give the target of a project and a database."""
    settings = Settings(directory=project, database_url=database.url, verbosity=-1)
    with open_target(settings) as target:
        yield target


def found(project: Path, database: TestDatabase) -> Adoption:
    """Return how far the database is."""
    with opened(project, database) as target:
        return examine(target)


def verdicts(adoption: Adoption) -> list[tuple[str, str]]:
    """Return names and verdicts, those that can be recorded first."""
    return [(item.change.name, item.verdict) for item in adoption.proofs]


def lenient(project: Path, name: str, test: str, mender: str | None) -> None:
    """Write an adopt script."""
    folder = project / "adopt"
    folder.mkdir(exist_ok=True)
    head = f"-- Mended by: {mender}\n" if mender else ""
    (folder / f"{name}.sql").write_text(f"{head}begin;\n{test}\nrollback;\n")


@pytest.mark.parametrize("count", range(5))
def test_the_point_is_found(
    count: int, empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """Whatever was deployed by hand in plan order is found, and no more."""
    for step in STEPS[:count]:
        empty_database.execute(str(step.deploy))
    adoption = found(make_project(*STEPS), empty_database)
    assert [item.change.name for item in adoption.found] == [step.name for step in STEPS[:count]]
    assert {item.verdict for item in adoption.proofs[count:]} <= {"not there"}


def test_what_is_behind_a_gap_is_told_and_not_recorded(
    empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """A change that is missing ends the adoption; later ones are named."""
    for step in (STEPS[0], STEPS[2]):
        empty_database.execute(str(step.deploy))
    adoption = found(make_project(*STEPS), empty_database)
    assert adoption.count == 1
    assert adoption.stop is not None
    assert adoption.stop.change.name == "two"
    assert 'relation "two" does not exist' in str(adoption.stop.message)
    assert [item.change.name for item in adoption.beyond] == ["three"]


@pytest.mark.parametrize(
    ("done", "count", "expected"),
    [
        (["a@v1"], 1, ["there", "not there", "not there", "not there"]),
        (["a@v1", "b"], 2, ["there", "there", "not there", "not there"]),
        (["a@v1", "b", "a"], 3, ["superseded", "there", "there", "not there"]),
        (["a@v1", "b", "a", "c"], 4, ["superseded", "there", "there", "there"]),
    ],
)
def test_reworked_changes_are_proved_by_their_last_version(
    done: list[str],
    count: int,
    expected: list[str],
    empty_database: TestDatabase,
    write_project: PlanWriter,
) -> None:
    """At the newest state the first version's verify script fails, which is as it should be."""
    for name in done:
        empty_database.execute(REWORKED[f"deploy/{name}.sql"])
    project = write_project("a # A\n@v1 # First\nb # B\na [a@v1] # Again\nc # C", REWORKED)
    adoption = found(project, empty_database)
    assert adoption.count == count
    assert [verdict for _, verdict in verdicts(adoption)] == expected


@pytest.mark.parametrize(
    "verify", [None, "", "-- nothing to see\n", "begin;\nrollback;\n", "\\i other.sql\n"]
)
def test_what_proves_nothing_ends_the_adoption(
    verify: str | None, empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """Without a verify script, or with one that has no statement, nobody can tell."""
    for step in STEPS[:3]:
        empty_database.execute(str(step.deploy))
    project = make_project(STEPS[0], Step("two", STEPS[1].deploy, verify=verify), STEPS[2])
    adoption = found(project, empty_database)
    assert verdicts(adoption)[:2] == [("one", "there"), ("two", "not proved")]
    assert adoption.count == 1
    assert adoption.stop is not None
    assert adoption.stop.message


def test_a_form_that_a_later_change_mends_is_taken(
    empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """The adopt script lets it pass; what the verify script said and what it warns of is kept."""
    project = make_project(*STEPS)
    empty_database.execute("create table one (id int); create table two (nr int)")
    test = "do $$ begin perform nr from two; raise warning 'two is open'; end $$;"
    lenient(project, "two", test, "three")
    adoption = found(project, empty_database)
    assert verdicts(adoption)[:3] == [
        ("one", "there"), ("two", "differs"), ("three", "not there")
    ]  # fmt: skip
    assert adoption.count == 2
    assert 'column "id" does not exist' in str(adoption.found[1].message)
    assert (adoption.found[1].mender, adoption.warnings) == ("three", ("two is open",))


def test_a_form_whose_mender_is_there_is_not_taken(
    empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """Nothing pending would mend it, so the adoption ends before it."""
    project = make_project(*STEPS)
    empty_database.execute(
        "create table one (id int); create table two (nr int); create table three (id int);"
        "create table four (id int)"
    )
    lenient(project, "two", "select nr from two where false;", "three")
    adoption = found(project, empty_database)
    assert [item.change.name for item in adoption.found] == ["one", "two"]
    lenient(project, "two", "select nr from two where false;", "four")
    assert [item.change.name for item in found(project, empty_database).found] == [
        "one", "two", "three"
    ]  # fmt: skip


def test_adopt_script_without_a_mender_is_a_fault(
    empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """It has to say what will mend, and that has to come later."""
    project = make_project(*STEPS)
    lenient(project, "two", "select 1;", None)
    with pytest.raises(SourceError, match="which change mends"):
        found(project, empty_database)
    lenient(project, "two", "select 1;", "one")
    with pytest.raises(InvalidUsage, match="not planned after two"):
        found(project, empty_database)


def test_verify_scripts_leave_nothing(
    empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """What a verify script writes is rolled back."""
    step = Step("one", "create table one (id int);", verify="insert into one values (1);")
    empty_database.execute(str(step.deploy))
    assert found(make_project(step), empty_database).count == 1
    assert empty_database.execute("select count(*) from one") == [(0,)]


def test_waiting_too_long_is_no_verdict(
    empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """A table that somebody has locked is not a table that is missing."""
    empty_database.execute("create table one (id int)")
    project = make_project(*STEPS)
    with empty_database.connect().transaction() as transaction:
        transaction.connection.execute("lock table one")
        with opened(project, empty_database) as target, pytest.raises(LockNotAvailable):
            examine(target, lock_timeout=50)


def test_nothing_is_recorded_where_another_was_faster(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """What was found counts only for the registry that it was found with."""
    empty_database.execute("create table one (id int)")
    project = make_project(*STEPS)
    with opened(project, empty_database) as target:
        adoption = examine(target)
        run_here(
            "migrate", "-y", "--log-only", "--to", "one", "-C", project, "-d", empty_database.url,
            check=0,
        )  # fmt: skip
        with pytest.raises(Refused, match="meanwhile"):
            adopt(target, adoption, options=MigrationOptions(), reporter=Silent())
    assert empty_database.execute("select change from sqitch.changes") == [("one",)]


def test_what_is_gone_meanwhile_is_not_recorded(
    empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """The proofs are repeated in the transaction that records, all of it or nothing."""
    empty_database.execute("create table one (id int); create table two (id int)")
    project = make_project(*STEPS)
    with opened(project, empty_database) as target:
        adoption = examine(target)
        empty_database.execute("drop table two")
        with pytest.raises(CarecliError, match='relation "two" does not exist'):
            adopt(target, adoption, options=MigrationOptions(), reporter=Silent())
    assert empty_database.execute("select change from sqitch.changes") == []


def test_rows_are_those_of_log_only(
    empty_database: TestDatabase,
    other_database: TestDatabase,
    write_project: PlanWriter,
    run_here: Here,
) -> None:
    """Changes, dependencies, tags and events are written as `migrate --log-only` writes them."""
    project = write_project(
        "a # A\n@v1 # First\nb [a !other:zz] # B\na [a@v1] # Again\n@v2 # Second\nc [b a] # C",
        REWORKED,
    )
    for name in ("a@v1", "b", "a", "c"):
        empty_database.execute(REWORKED[f"deploy/{name}.sql"])
    run_here("adopt", "-y", "-C", project, "-d", empty_database.url, check=0)
    options = ("-y", "--log-only", "--no-verify")
    run_here("migrate", *options, "-C", project, "-d", other_database.url, check=0)
    assert registry_rows(empty_database) == registry_rows(other_database)


def test_unmet_dependency_is_refused(
    empty_database: TestDatabase, write_project: PlanWriter
) -> None:
    """A change that needs another project is not recorded without it."""
    empty_database.execute(REWORKED["deploy/b.sql"])
    project = write_project("b [other:thing] # B", REWORKED)
    with opened(project, empty_database) as target:
        adoption = examine(target)
        with pytest.raises(Refused, match="dependencies are not met"):
            adopt(target, adoption, options=MigrationOptions(), reporter=Silent())
    assert empty_database.execute("select to_regclass('sqitch.changes')") == [(None,)]


def test_lost_connection_is_no_verdict(
    empty_database: TestDatabase, make_project: ProjectMaker
) -> None:
    """A server that goes away has not said that a change is missing."""
    step = Step("one", "", verify="select pg_terminate_backend(pg_backend_pid());")
    with pytest.raises(CannotConnect, match="lost"):
        found(make_project(step), empty_database)
