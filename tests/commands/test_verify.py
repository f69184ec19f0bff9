"""`carecli verify` finds what is not as the plan says, and leaves no trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.chaos import ProjectMaker, Step
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase

STEPS = [
    Step(name, f"create table {name} ();", f"drop table {name};", f"select from {name};")
    for name in ("one", "two", "three")
]


@pytest.fixture
def project(make_project: ProjectMaker, carecli_run: Run, empty_database: TestDatabase) -> Path:
    """Give a project of three changes, deployed."""
    folder = make_project(*STEPS)
    carecli_run("migrate", "-C", folder, "-d", empty_database.url, "--yes", check=0)
    return folder


class Verify:
    """Calls `carecli verify` on the project."""

    def __init__(self, run: Run, project: Path, url: str) -> None:
        self._run, self._where = run, ("-C", project, "-d", url)

    def text(self, *options: str, check: int = 0) -> str:
        """Return what it prints."""
        return self._run("verify", *self._where, *options, check=check).stdout

    def verdicts(self, *options: str, check: int = 0) -> dict[str, str]:
        """Return the verdict of each change."""
        answer = json.loads(self.text("--format", "json", *options, check=check))
        return {item["change"]: item["verdict"] for item in answer["changes"]}


@pytest.fixture
def verify(carecli_run: Run, project: Path, empty_database: TestDatabase) -> Verify:
    """Give the command for the deployed project."""
    return Verify(carecli_run, project, empty_database.url)


def test_all_is_well(verify: Verify) -> None:
    """A sound database passes."""
    assert "All 3 deployed changes are as the plan says." in verify.text()


def test_json_has_stable_names(verify: Verify) -> None:
    """Programs find the same fields in every answer."""
    answer: dict[str, Any] = json.loads(verify.text("--format", "json"))
    assert list(answer) == ["changes", "pending"]
    assert list(answer["changes"][0]) == ["change", "change_id", "verdict", "message", "detail"]


def test_failed_script(verify: Verify, empty_database: TestDatabase) -> None:
    """A change that was undone by hand is a finding; the place in its script is named."""
    empty_database.execute("drop table two")
    assert verify.verdicts(check=1) == {"one": "ok", "two": "failed", "three": "ok"}
    text = verify.text(check=1)
    assert "verify/two.sql:1:13: relation" in text
    assert "1 of 3 changes are not as the plan says." in text


def test_range(verify: Verify, empty_database: TestDatabase) -> None:
    """`--from` and `--to` leave the rest out."""
    empty_database.execute("drop table two")
    assert verify.verdicts("--from", "three") == {"three": "ok"}
    assert verify.verdicts("--to", "one") == {"one": "ok"}


def test_unknown_change(
    verify: Verify, make_project: ProjectMaker, empty_database: TestDatabase
) -> None:
    """A deployed change that the plan does not have is a finding."""
    make_project(*STEPS[:2])
    assert verify.verdicts(check=1) == {"one": "ok", "two": "ok", "three": "unknown"}


def test_gap(verify: Verify, empty_database: TestDatabase) -> None:
    """A change that is missing between deployed ones is a finding."""
    empty_database.execute("delete from sqitch.changes where change = 'two'")
    assert verify.verdicts(check=1) == {"one": "ok", "three": "ok", "two": "not deployed"}


def test_order(verify: Verify, empty_database: TestDatabase) -> None:
    """Changes that were deployed in another order than planned are a finding."""
    empty_database.execute(
        "update sqitch.changes set committed_at = clock_timestamp() where change = 'two'"
    )
    assert verify.verdicts(check=1) == {"one": "ok", "three": "ok", "two": "out of order"}


def test_missing_script(verify: Verify, project: Path) -> None:
    """A change without a verify script is shown, and is no finding."""
    (project / "verify/two.sql").unlink()
    assert verify.verdicts() == {"one": "ok", "two": "no script", "three": "ok"}


def test_leaves_no_trace(verify: Verify, project: Path, empty_database: TestDatabase) -> None:
    """Whatever a verify script does is rolled back, with and without its own BEGIN."""
    write = "create table trace (); insert into sqitch.projects values ('x', null, now(), '', '');"
    (project / "verify/one.sql").write_text(write)
    (project / "verify/two.sql").write_text(f"begin; {write} rollback;")
    verify.verdicts()
    assert empty_database.execute("select to_regclass('trace')") == [(None,)]
    assert empty_database.execute("select project from sqitch.projects") == [("small",)]


def test_goes_on_after_a_failure(
    verify: Verify, project: Path, empty_database: TestDatabase
) -> None:
    """One broken script does not hide what the later ones find."""
    (project / "verify/one.sql").write_text("\\! rm")
    empty_database.execute("drop table three")
    assert verify.verdicts(check=1) == {"one": "failed", "two": "ok", "three": "failed"}


def test_nothing_deployed(
    carecli_run: Run, make_project: ProjectMaker, empty_database: TestDatabase
) -> None:
    """An empty database has no finding, and no registry afterwards."""
    text = Verify(carecli_run, make_project(*STEPS), empty_database.url).text()
    assert "Nothing to verify" in text
    assert "Pending: one, two, three" in text
    assert empty_database.execute("select to_regnamespace('sqitch')") == [(None,)]


def test_range_that_runs_backwards(
    empty_database: TestDatabase, project: Path, carecli_run: Run
) -> None:
    """A range with nothing in it is an error, not a success."""
    place = ("-C", project, "-d", empty_database.url)
    said = carecli_run("verify", "--from", "two", "--to", "one", *place, check=2).stderr
    assert "two was deployed after one" in said
