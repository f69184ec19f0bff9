"""carecli and stock sqitch take turns at every point of a plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from carecli.plan import read_plan
from carecli.resources import data_directory
from tests.plugins.databases import TestDatabase
from tests.plugins.sqitch import Tools, catalogue, registry_rows

pytestmark = [pytest.mark.peer("sqitch"), pytest.mark.peer("psql"), pytest.mark.slow]

MIGRATIONS = data_directory("migrations")
FIRST = pytest.mark.parametrize("first", ["sqitch", "carecli"])


def take_turns(tools: Tools, first: str, project: Path, database: TestDatabase, count: int) -> None:
    """Deploy `count` changes with one tool, go on with the other, and back again."""
    here, there = tools[first], tools.other(first)
    changes = read_plan(project / "sqitch.plan").changes
    at = changes[count - 1].id
    here.deploy(project, database, "--to", at)
    there.verify(project, database)
    said = json.loads(tools.carecli.status(project, database).stdout)
    assert [item["change_id"] for item in said["deployed"]] == [c.id for c in changes[:count]]
    assert (said["edited"], said["unknown"]) == ([], [])
    there.deploy(project, database)
    assert "up-to-date" in tools.sqitch.status(project, database).stdout
    here.verify(project, database)
    here.revert(project, database, "--to", at)
    there.verify(project, database)
    there.revert(project, database)
    assert registry_rows(database)["changes"] == []


@FIRST
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_at_every_point(
    tools: Tools, everything: Path, empty_database: TestDatabase, first: str, count: int
) -> None:
    """Whichever tool begins, the other one verifies, goes on and reverts."""
    before = catalogue(empty_database)
    take_turns(tools, first, everything, empty_database, count)
    left = [row for row in catalogue(empty_database) if not row[0].startswith("sqitch.")]
    assert left == before


@FIRST
@pytest.mark.parametrize("count", range(1, len(read_plan(MIGRATIONS / "sqitch.plan").changes)))
def test_our_plan_at_every_point(
    tools: Tools, database: TestDatabase, first: str, count: int
) -> None:
    """The plan that comes with carecli is an ordinary sqitch project."""
    take_turns(tools, first, MIGRATIONS, database, count)


def test_check_is_clean(tools: Tools, everything: Path, empty_database: TestDatabase) -> None:
    """After carecli, `sqitch check` finds every script as it was deployed."""
    tools.carecli.deploy(everything, empty_database)
    done = tools.sqitch.call("check", "-t", empty_database.sqitch_uri, cwd=everything)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "Check successful")


def test_both_make_the_same_database(
    tools: Tools, everything: Path, empty_database: TestDatabase, other_database: TestDatabase
) -> None:
    """Every relation, column, constraint, index and function is the same, the registry's too."""
    tools.sqitch.deploy(everything, empty_database)
    tools.carecli.deploy(everything, other_database)
    assert catalogue(other_database) == catalogue(empty_database)
