"""What `carecli rollback` does when others stand in its way."""

from __future__ import annotations

import pytest

from tests.plugins.chaos import Here, ProjectMaker, Step
from tests.plugins.databases import TestDatabase


def test_nothing_to_revert(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """On a database without a registry there is nothing to do, which is no fault."""
    project = make_project(Step("one", "create table one ();"))
    said = run_here("rollback", "-C", project, "-d", empty_database.url, check=0).stdout
    assert said == "Nothing to revert.\n"


def test_to_and_count_exclude_each_other(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """Both at once say two things: exit 2."""
    project = make_project(Step("one", "create table one ();"))
    options = ("--to", "one", "--count", "1")
    run_here("rollback", *options, "-C", project, "-d", empty_database.url, check=2)


def test_failing_revert_keeps_the_change(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """A revert script that fails in the middle leaves the change whole and recorded."""
    project = make_project(
        Step("one", "create table one ();", "drop table one;\ndrop table nosuch;\n"),
        Step("two", "create table two ();", "drop table two;\n"),
    )
    place = ("-C", project, "-d", empty_database.url)
    run_here("migrate", "-y", *place, check=0)
    said = run_here("rollback", "-y", *place, check=1).stderr
    assert 'revert/one.sql:2:1: revert of one failed: table "nosuch" does not exist' in said
    assert "State: deployed through one, 1 pending; one is deployed" in said
    there = "select to_regclass('one') is not null, to_regclass('two') is not null"
    assert empty_database.execute(there) == [(True, False)]


@pytest.mark.parametrize("reference", ["nosuch", "@nosuch"])
def test_unknown_reference(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here, reference: str
) -> None:
    """A reference that means no deployed change is exit 2, and nothing is reverted."""
    project = make_project(Step("one", "create table one ();", "drop table one;"))
    place = ("-C", project, "-d", empty_database.url)
    run_here("migrate", "-y", *place, check=0)
    run_here("rollback", "-y", "--to", reference, *place, check=2)
    assert empty_database.execute("select change from sqitch.changes") == [("one",)]


def test_back_to_what_is_not_deployed(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """A change of the plan that is not deployed is called so, and nothing is reverted."""
    project = make_project(Step("one", "select 1;"), Step("two", "select 2;"))
    place = ("-C", project, "-d", empty_database.url)
    run_here("migrate", "-y", "--to", "one", *place, check=0)
    said = run_here("rollback", "-y", "--to", "two", *place, check=2).stderr
    assert "two is not deployed" in said
    left = empty_database.execute("select change from sqitch.changes")
    assert left == [("one",)]
