"""`carecli check -d` compares the scripts with those that were deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.chaos import Here, ProjectMaker, Step
from tests.plugins.databases import TestDatabase


@pytest.fixture
def project(make_project: ProjectMaker) -> Path:
    """Give a project of two changes."""
    return make_project(
        *(Step(name, f"create table {name} ();\n", f"drop table {name};\n", f"table {name};\n")
          for name in ("one", "two"))
    )  # fmt: skip


def registry(run: Here, project: Path, url: str, code: int) -> dict[str, Any]:
    """Return the part of the registry."""
    done = run("-C", project, "check", "-d", url, "--format", "json", check=code)
    [part] = [part for part in json.loads(done.stdout)["parts"] if part["part"] == "registry"]
    return dict(part)


def test_edited_script(empty_database: TestDatabase, run_here: Here, project: Path) -> None:
    """A script that was edited since it was deployed is an error; restored, it is none."""
    url = empty_database.url
    assert (
        registry(run_here, project, url, 0)["skipped"] == "nothing of the project is deployed there"
    )
    run_here("-C", project, "migrate", "-y", "--to", "one", "-d", url, check=0)
    assert registry(run_here, project, url, 0)["findings"] == []
    script = project / "deploy/one.sql"
    sound = script.read_bytes()
    script.write_bytes(sound + b"-- more\n")
    [found] = registry(run_here, project, url, 1)["findings"]
    assert (found["check"], found["object"]) == ("edited-script", "change one")
    assert Path(found["path"]) == script
    assert "carecli rework one" in found["remediation"]
    script.write_bytes(sound)
    # One that is not deployed may be edited.
    (project / "deploy/two.sql").write_text("create table two (id int);\n")
    assert registry(run_here, project, url, 0)["findings"] == []


def test_unknown_change(empty_database: TestDatabase, run_here: Here, project: Path) -> None:
    """A deployed change whose entry in the plan was edited is an error."""
    url = empty_database.url
    run_here("-C", project, "migrate", "-y", "-d", url, check=0)
    plan = project / "sqitch.plan"
    plan.write_text(plan.read_text().replace("# two", "# edited"))
    [found] = registry(run_here, project, url, 1)["findings"]
    assert (found["check"], found["object"]) == ("unknown-change", "change two")


def test_database_of_the_environment_is_left_alone(
    run_here: Here, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without being asked for by an option no database is looked for."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    done = run_here("-C", project, "check", check=0)
    assert "registry" not in done.stdout
