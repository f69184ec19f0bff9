"""carecli writes the rows into the registry that stock sqitch writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.sqitch import PlanWriter, Tool, Tools, registry_rows

pytestmark = [pytest.mark.peer("sqitch"), pytest.mark.peer("psql"), pytest.mark.slow]

TABLE = {
    "deploy/one.sql": "create table one ();\n",
    "revert/one.sql": "drop table one;\n",
    "verify/one.sql": "select from one;\n",
    "deploy/two.sql": "create table two ();\n",
    "revert/two.sql": "drop table two;\n",
    "verify/two.sql": "select from two;\n",
}


def test_rows_after_deploying(
    tools: Tools, everything: Path, empty_database: TestDatabase, other_database: TestDatabase
) -> None:
    """All tables are equal but for the times, and nothing is missing from them."""
    tools.sqitch.deploy(everything, empty_database)
    tools.carecli.deploy(everything, other_database)
    expected = registry_rows(empty_database)
    assert registry_rows(other_database) == expected
    assert {table: len(rows) for table, rows in expected.items()} == {
        "releases": 1,
        "projects": 1,
        "changes": 6,
        "tags": 3,
        "dependencies": 9,
        "events": 6,
    }


def test_rows_after_reverting(
    tools: Tools, everything: Path, empty_database: TestDatabase, other_database: TestDatabase
) -> None:
    """Reverts leave the same events, with the tags and dependencies that the rows had."""
    for tool, database in ((tools.sqitch, empty_database), (tools.carecli, other_database)):
        tool.deploy(everything, database)
        tool.revert(everything, database, "--to", "schema")
    expected = registry_rows(empty_database)
    assert registry_rows(other_database) == expected
    assert [row["event"] for row in expected["events"]] == ["deploy"] * 6 + ["revert"] * 5


@pytest.mark.parametrize(
    ("script", "text"),
    [("deploy/two.sql", "select 1/0;\n"), ("verify/two.sql", "select 1/0;\n")],
    ids=["deploy", "verify"],
)
def test_rows_after_a_failure(
    tools: Tools,
    write_project: PlanWriter,
    empty_database: TestDatabase,
    other_database: TestDatabase,
    script: str,
    text: str,
) -> None:
    """A failed script leaves the event that sqitch writes, and the change before it deployed."""
    project = write_project("one\ntwo [one !three] # Note.\n@v1\nthree", {**TABLE, script: text})
    tools.sqitch.deploy(project, empty_database, check=2)
    # Meanwhile nothing of `three` is there: sqitch runs into `two` first.
    for kind in ("deploy", "revert", "verify"):
        write_project.write(project, f"{kind}/three.sql", "select 3;\n")
    tools.carecli.deploy(project, other_database, check=1)
    expected = registry_rows(empty_database)
    assert registry_rows(other_database) == expected
    assert [row["event"] for row in expected["events"]] == ["deploy", "fail"]


def test_rows_after_log_only(
    tools: Tools, everything: Path, empty_database: TestDatabase, other_database: TestDatabase
) -> None:
    """`--log-only` records the same and runs no deploy or revert script."""
    for tool, database in ((tools.sqitch, empty_database), (tools.carecli, other_database)):
        quiet = ("--no-verify",)
        tool.deploy(everything, database, "--log-only", *quiet)
        tool.revert(everything, database, "--log-only", "--to", "orders.v2")
        assert database.execute("select to_regnamespace('app')") == [(None,)]
    assert registry_rows(other_database) == registry_rows(empty_database)


def test_rows_after_a_late_tag(
    tools: Tools,
    write_project: PlanWriter,
    empty_database: TestDatabase,
    other_database: TestDatabase,
) -> None:
    """A tag on a change that is deployed already is recorded, alone and with a new change."""

    def migrate(tool: Tool, database: TestDatabase) -> None:
        for plan in ("one", "one\n@v1 # Late.\n@v1b", "one\n@v1 # Late.\n@v1b\n@v1c\ntwo\n@v2"):
            tool.deploy(write_project(plan, TABLE), database)

    migrate(tools.sqitch, empty_database)
    migrate(tools.carecli, other_database)
    expected = registry_rows(empty_database)
    assert registry_rows(other_database) == expected
    assert [row["tag"] for row in expected["tags"]] == ["@v1", "@v1b", "@v1c", "@v2"]


def test_project_of_another_uri(
    tools: Tools, write_project: PlanWriter, empty_database: TestDatabase
) -> None:
    """A plan whose URI is not the registered one is refused by both, and nothing is deployed."""
    project = write_project("one", TABLE, pragmas="%uri=https://a.example/\n")
    tools.carecli.deploy(project, empty_database)
    tools.carecli.revert(project, empty_database)
    other = write_project("one", TABLE, pragmas="%uri=https://b.example/\n")
    tools.sqitch.deploy(other, empty_database, check=2)
    done = tools.carecli.deploy(other, empty_database, check=None)
    assert done.returncode == 5
    assert "https://a.example/" in done.stderr
    assert registry_rows(empty_database)["changes"] == []
