"""`carecli status` shows how a database stands to the plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier

from tests.plugins.chaos import ProjectMaker, Step
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase

STEPS = [Step(name, f"create table {name} ();") for name in ("one", "two", "three")]
Status = Callable[..., str]


@pytest.fixture
def project(make_project: ProjectMaker) -> Path:
    """Give a project of three changes."""
    return make_project(*STEPS)


@pytest.fixture
def run(carecli_run: Run, project: Path, empty_database: TestDatabase) -> Status:
    """Give a function that runs a command on the project and returns what it prints."""

    def call(command: str, *options: str) -> str:
        where = ("-C", project, "-d", empty_database.url)
        return carecli_run(command, *where, *options, check=0).stdout

    return call


def answer(run: Status) -> dict[str, Any]:
    """Return the status as JSON."""
    found: dict[str, Any] = json.loads(run("status", "--format", "json"))
    return found


def test_nothing_is_deployed(run: Status) -> None:
    """All changes are pending where there is no registry."""
    text = run("status")
    assert "Deployed: nothing\nPending:  3\n  + one  one\n" in text


def test_half_way(run: Status) -> None:
    """What is deployed and what is pending, with the notes of the plan."""
    run("migrate", "--yes", "--to", "two")
    text = run("status")
    assert "Deployed: 2, the last one two\n" in text
    assert "Pending:  1\n  + three  three\n" in text
    assert "Up to date" not in text


def test_up_to_date(run: Status) -> None:
    """With nothing pending it says so."""
    run("migrate", "--yes")
    assert run("status").endswith("Pending:  0\nUp to date.\n")


def test_json_has_stable_names(run: Status) -> None:
    """Programs find the same fields in every answer."""
    run("migrate", "--yes", "--to", "one")
    found = answer(run)
    assert list(found) == ["project", "registry", "deployed", "pending", "edited", "unknown"]
    assert set(found["deployed"][0]) == {
        "change",
        "change_id",
        "tags",
        "deployed_at",
        "deployed_by",
    }
    assert set(found["pending"][0]) == {"change", "change_id", "note"}


def test_edited_script(run: Status, project: Path) -> None:
    """A deployed script that was edited since is named with its file."""
    run("migrate", "--yes")
    (project / "deploy/two.sql").write_text("-- other\n")
    assert [item["change"] for item in answer(run)["edited"]] == ["two"]
    assert "Edited since it was deployed: two (" in run("status")


def test_unknown_change(run: Status, make_project: ProjectMaker) -> None:
    """A deployed change that the plan does not have is named."""
    run("migrate", "--yes")
    make_project(*STEPS[:2])
    assert [item["change"] for item in answer(run)["unknown"]] == ["three"]
    text = run("status")
    assert "Not in the plan: three (" in text
    assert "Up to date" not in text


def test_late_tag(run: Status, project: Path) -> None:
    """A tag that the plan got after the deployment shows once it is recorded."""
    run("migrate", "--yes")
    with (project / "sqitch.plan").open("a") as plan:
        plan.write("@v1 2026-02-01T00:00:00Z A <a@example.org>\n")
    run("migrate", "--yes")
    assert answer(run)["deployed"][-1]["tags"] == ["@v1"]


@pytest.mark.parametrize(
    "command", ["migrate --yes", "status", "log", "logs", "rollout", "verify --changes"]
)
def test_times_are_read_whatever_the_datestyle(
    migrated: TestDatabase, carecli_run: Run, command: str
) -> None:
    """A database may write its times as its country does."""
    call = "select public.get_conversation_v2(gen_random_uuid(), gen_random_uuid())"
    migrated.as_role("authenticated").execute(call)
    migrated.connect(superuser=True).execute(
        SQL("alter database {} set datestyle = 'German, DMY'").format(Identifier(migrated.name))
    )
    carecli_run(*command.split(), "-d", migrated.url, check=0)
