"""The contract part runs its checks read-only, and expects what is deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecli.database import Choice, connect
from carecli.migrator.deploying import deploy
from carecli.migrator.options import MigrationOptions
from carecli.migrator.target import Target
from carecli.plan import Change
from carecli.project import Project
from carecli.resources import data_directory
from carecli.settings import Settings
from carecli.verification.contract import Check, load_checks, verify_contract
from carecli.verification.findings import Finding
from tests.plugins.chaos import ProjectMaker, Step
from tests.plugins.contract import Verify
from tests.plugins.databases import TestDatabase
from tests.plugins.handmade import HANDMADE, MakeByHand


class Silence:
    """A reporter that nobody listens to."""

    def begin(self, total: int, width: int) -> None:
        """Say nothing."""

    def started(self, change: Change) -> None:
        """Say nothing."""

    def finished(self, change: Change, seconds: float) -> None:
        """Say nothing."""

    def failed(self, change: Change) -> None:
        """Say nothing."""

    def say(self, message: str) -> None:
        """Say nothing."""


def check(query: str, name: str = "mine", *reads: str) -> Check:
    """Return a check that was written for a test."""
    return Check(name, reads, query)


def lines(findings: tuple[Finding, ...]) -> list[str]:
    """Return findings as a person would want them in a failed test."""
    return [f"{found.check}: {found.object}: {found.detail}" for found in findings]


def test_sound_database(migrated: TestDatabase, verify: Verify) -> None:
    """At the end of the plan every check runs, and none finds anything."""
    part = verify(migrated)
    assert (part.name, part.checked, part.skipped) == ("contract", len(load_checks()), None)
    assert lines(part.findings) == []


@pytest.mark.slow
def test_every_change_of_the_plan(database: TestDatabase) -> None:
    """After each change nothing is found: what is pending is not expected yet."""
    project = Project.load(data_directory("migrations"))
    options = MigrationOptions(verify=False)
    with connect(database.url) as connection:
        target = Target(project, Choice(database.url, "test"), connection, Settings())
        for change in project.plan:
            deploy(target, to=change.id, options=options, reporter=Silence())
            part = verify_contract(target)
            assert (change.name, lines(part.findings)) == (change.name, [])
            assert part.checked > 0


def test_pending_change_is_not_expected(migrated: TestDatabase, verify: Verify) -> None:
    """What is missing is a finding as long as the registry says that its change is there."""
    migrated.execute("drop function messaging.backfill_progress()")
    assert lines(verify(migrated).findings) == [
        "internal_functions: function messaging.backfill_progress(): is missing"
    ]
    migrated.execute(
        "delete from sqitch.dependencies; delete from sqitch.changes where change = 'v1_backfill'"
    )
    assert lines(verify(migrated).findings) == []


def test_without_a_registry_the_whole_plan_is_expected(
    migrated: TestDatabase, verify: Verify
) -> None:
    """A database that carecli did not make is judged all the same."""
    migrated.execute("drop schema sqitch cascade")
    assert lines(verify(migrated).findings) == []
    migrated.execute("drop function messaging.backfill_progress()")
    assert lines(verify(migrated).findings) == [
        "internal_functions: function messaging.backfill_progress(): is missing"
    ]


@pytest.mark.parametrize("kind", HANDMADE)
def test_database_made_by_hand(kind: str, make_by_hand: MakeByHand, verify: Verify) -> None:
    """Each of the holes that such a database has is found, and no check fails on it."""
    findings = verify(make_by_hand(kind)).findings
    assert [found for found in findings if found.object.startswith("check ")] == []
    assert {"execute_privileges", "function_settings", "table_privileges", "columns"} <= {
        found.check for found in findings
    }


def test_superuser_finds_the_same(migrated: TestDatabase, verify: Verify) -> None:
    """The owner that is expected is the one that nearly everything has, not whoever asks."""
    superuser = TestDatabase(migrated.server, migrated.name)
    with connect(superuser.superuser_url) as connection:
        project = Project.load(data_directory("migrations"))
        choice = Choice(superuser.superuser_url, "test")
        part = verify_contract(Target(project, choice, connection, Settings()))
    assert lines(part.findings) == []


def test_nothing_deployed(database: TestDatabase, verify: Verify) -> None:
    """A database with nothing of ours is not full of missing objects."""
    part = verify(database)
    assert (part.checked, part.findings) == (0, ())
    assert part.skipped == "nothing of the plan is in the database"


def test_another_project(
    migrated: TestDatabase, verify: Verify, make_project: ProjectMaker
) -> None:
    """The contract is about messaging, and says so where a project is about something else."""
    folder = make_project(Step("one", "select 1;", "select 1;", "select 1;"))
    part = verify(migrated, project=Project.load(folder))
    assert part.skipped == "it is about care_collective_messaging, and this is small"


def test_failing_check_is_a_finding(migrated: TestDatabase, verify: Verify) -> None:
    """A check that cannot run is an error by name, and the next one runs."""
    sound = "select 'info' as level, 'a' as object, 'b' as detail, 'c' as remediation"
    part = verify(migrated, (check("select 1 / 0", "broken"), check(sound, "sound")))
    broken, told = part.findings
    assert (broken.check, broken.level, broken.object) == ("broken", "error", "check broken")
    assert "division by zero" in broken.detail
    assert told == Finding("sound", "info", "a", "b", "c")


@pytest.mark.parametrize(
    "query",
    [
        "delete from messaging.limits returning 'error' as level",
        "do 'begin delete from messaging.limits; end'; select 1",
    ],
)
def test_checks_cannot_write(migrated: TestDatabase, verify: Verify, query: str) -> None:
    """Each runs in a read-only transaction, whatever is in it."""
    (finding,) = verify(migrated, (check(query),)).findings
    assert "read-only transaction" in finding.detail
    assert migrated.execute("select count(*) from messaging.limits") == [(2,)]


def test_checks_have_a_time_limit(migrated: TestDatabase, verify: Verify) -> None:
    """None runs or waits for a lock without end; neither does one see the settings of others."""
    query = """
        select 'info' as level, current_setting('statement_timeout') as object,
            current_setting('lock_timeout') as detail, current_setting('search_path') as remediation
    """
    (finding,) = verify(migrated, (check(query),)).findings
    assert (finding.object, finding.detail, finding.remediation) == ("30s", "5s", "")


def test_settings_end_with_the_check(migrated: TestDatabase) -> None:
    """The connection of the caller is what it was before."""
    settings = "select name, setting from pg_settings where name !~ '[.]' order by name"
    with connect(migrated.url) as connection:
        before = connection.execute(settings).fetchall()
        project = Project.load(data_directory("migrations"))
        verify_contract(Target(project, Choice(migrated.url, "test"), connection, Settings()))
        assert connection.execute(settings).fetchall() == before


def test_check_of_rows_needs_its_table(migrated: TestDatabase, verify: Verify) -> None:
    """Where a table is missing, another check says so, and those of its rows do not run."""
    query = "select 'error' as level, 'a' as object, 'b' as detail, 'c' as remediation"
    both = "messaging.limits", "messaging.rollout"
    assert verify(migrated, (check(query, "mine", *both),)).checked == 1
    migrated.execute("drop table messaging.limits")
    assert verify(migrated, (check(query, "mine", *both),)).checked == 0


def test_new_file_is_a_new_check(tmp_path: Path) -> None:
    """Nothing but the file is needed; its header says whose rows it reads."""
    header = "-- What: a.\n-- Reads: public.users, public.teams.\n"
    (tmp_path / "two.sql").write_text(f"{header}select 2")
    (tmp_path / "one.sql").write_text("select 1")
    assert load_checks(tmp_path) == (
        Check("one", (), "select 1"),
        Check("two", ("public.users", "public.teams"), f"{header}select 2"),
    )
