"""`carecli check` finds what is wrong without a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.command import Run

ORIGIN = "2026-01-31T12:00:00Z Ann <ann@example.com>"
FIRST_LINES = {"deploy": "Deploy shop:{} to pg", "revert": "Revert shop:{} from pg",
               "verify": "Verify shop:{} on pg"}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project of two changes in which nothing is wrong."""
    (tmp_path / "sqitch.plan").write_text(
        f"%syntax-version=1.0.0\n%project=shop\n\nusers {ORIGIN}\nlists [users] {ORIGIN}\n"
    )
    for action, line in FIRST_LINES.items():
        (tmp_path / action).mkdir()
        for name in ("users", "lists"):
            first = f"-- {line.format(name)}\n--\n-- Requires: users.\n\n"
            (tmp_path / action / f"{name}.sql").write_text(f"{first}begin;\nselect 1;\ncommit;\n")
    return tmp_path


def findings(run: Run, project: Path, code: int) -> list[dict[str, Any]]:
    """Return what the check finds, when it exits with this code."""
    done = run("check", "--format", "json", cwd=project, check=code)
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["database"] == "sqitch.plan"
    return [finding for part in answer["parts"] for finding in part["findings"]]


def only(found: list[dict[str, Any]]) -> tuple[str, str, str]:
    """Return level, check and path of the one finding."""
    [finding] = found
    return finding["level"], finding["check"], finding["path"]


def test_nothing_is_wrong(carecli_run: Run, project: Path) -> None:
    """A project in order has no findings."""
    assert findings(carecli_run, project, 0) == []


def test_own_migrations_are_in_order(carecli_run: Run) -> None:
    """The migrations that come with carecli have no findings, warnings included."""
    assert "No findings" in carecli_run("check", "--strict", check=True).stdout
    assert carecli_run("--quiet", "check", "--strict", check=True).stdout == ""


@pytest.mark.parametrize("action", ["deploy", "revert"])
def test_missing_script(carecli_run: Run, project: Path, action: str) -> None:
    """A missing deploy or revert script is an error."""
    (project / action / "lists.sql").unlink()
    found = findings(carecli_run, project, 1)
    assert only(found) == ("error", f"missing-{action}", f"{action}/lists.sql")


def test_missing_verify_script(carecli_run: Run, project: Path) -> None:
    """A missing verify script is told, and only --strict takes it for a failure."""
    (project / "verify/lists.sql").unlink()
    assert only(findings(carecli_run, project, 0)) == (
        "info", "missing-verify", "verify/lists.sql",
    )  # fmt: skip
    carecli_run("check", "--strict", cwd=project, check=1)


def test_verify_script_without_a_statement(carecli_run: Run, project: Path) -> None:
    """A verify script that does nothing is a warning."""
    (project / "verify/lists.sql").write_text("-- Verify shop:lists on pg\nbegin;\nrollback;\n")
    assert only(findings(carecli_run, project, 0)) == (
        "info", "empty-verify", "verify/lists.sql",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lists [user] ", 'unknown change "user"'),
        ("lists [lists] ", "cannot require itself"),
        ("users ", "duplicates"),
        ("lists! ", "invalid name"),
    ],
)
def test_faulty_plan(carecli_run: Run, project: Path, line: str, message: str) -> None:
    """A fault in the plan is found with its place."""
    plan = project / "sqitch.plan"
    plan.write_text(plan.read_text().replace("lists [users] ", line))
    [finding] = findings(carecli_run, project, 1)
    assert (finding["check"], finding["path"], finding["line"]) == ("plan", "sqitch.plan", 5)
    assert finding["detail"].startswith("change") or "(column " in finding["detail"]
    assert message in finding["detail"]


def test_circle(carecli_run: Run, project: Path) -> None:
    """Changes that require each other are found."""
    plan = project / "sqitch.plan"
    plan.write_text(plan.read_text().replace("users 2026", "users [lists] 2026"))
    [finding] = findings(carecli_run, project, 1)
    assert "users -> lists -> users" in finding["remediation"]


def test_equal_scripts(carecli_run: Run, project: Path) -> None:
    """Two changes with one deploy script, which the registry would refuse, are found."""
    text = "begin;\nselect 1;\ncommit;\n"
    for name in ("users", "lists"):
        (project / f"deploy/{name}.sql").write_text(text)
    found = [item for item in findings(carecli_run, project, 1) if item["level"] == "error"]
    assert only(found) == ("error", "equal-scripts", "deploy/lists.sql")


def test_script_that_is_refused(carecli_run: Run, project: Path) -> None:
    """A script that would be refused when it is run is found at the place."""
    path = project / "deploy/lists.sql"
    path.write_text(path.read_text().replace("select 1", "select 1;\ncommit;\nselect 'open"))
    [finding] = findings(carecli_run, project, 1)
    assert (finding["level"], finding["check"]) == ("error", "script")
    assert finding["path"] == "deploy/lists.sql"
    assert finding["line"] >= 6


def test_script_that_no_change_uses(carecli_run: Run, project: Path) -> None:
    """A script on disk that the plan does not know is found."""
    (project / "revert/app").mkdir()
    (project / "revert/app/stray.sql").write_text("select 1;\n")
    assert only(findings(carecli_run, project, 1)) == (
        "error", "unplanned-script", "revert/app/stray.sql",
    )  # fmt: skip


def test_header_of_another_script(carecli_run: Run, project: Path) -> None:
    """A first line that names another change is an error."""
    path = project / "verify/lists.sql"
    path.write_text(path.read_text().replace("shop:lists", "shop:list"))
    [finding] = findings(carecli_run, project, 1)
    assert (finding["level"], finding["check"], finding["line"]) == ("error", "header", 1)


def test_missing_header(carecli_run: Run, project: Path) -> None:
    """A script without a header is a warning."""
    (project / "deploy/lists.sql").write_text("select 2;\n")
    assert only(findings(carecli_run, project, 0)) == ("info", "header", "deploy/lists.sql")


def test_header_that_lacks_a_requirement(carecli_run: Run, project: Path) -> None:
    """A header that does not name what the plan requires is a warning."""
    path = project / "deploy/lists.sql"
    path.write_text(path.read_text().replace("Requires: users", "Requires: nothing"))
    [finding] = findings(carecli_run, project, 0)
    assert (finding["level"], finding["line"]) == ("info", 3)
    assert "users" in finding["detail"]


def test_pragma_twice(carecli_run: Run, project: Path) -> None:
    """A repeated pragma is a warning: sqitch takes the last."""
    plan = project / "sqitch.plan"
    plan.write_text(f"%project=store\n{plan.read_text()}")
    [finding] = findings(carecli_run, project, 0)
    assert (finding["check"], finding["line"]) == ("repeated-pragma", 3)


def test_bare_id(carecli_run: Run, project: Path) -> None:
    """A dependency by id alone is a warning: stock sqitch would never end."""
    plan = project / "sqitch.plan"
    plan.write_text(plan.read_text().replace("[users]", f"[users {'0' * 40}]"))
    found = findings(carecli_run, project, 0)
    [finding] = [item for item in found if item["check"] == "bare-id"]
    assert finding["line"] == 5
    assert "(column 14)" in finding["detail"]


def test_text(carecli_run: Run, project: Path) -> None:
    """A finding tells what it is about, where that is, and what would be right."""
    (project / "deploy/lists.sql").unlink()
    done = carecli_run("check", cwd=project, check=1)
    assert "change lists@HEAD  [error: missing-deploy]" in done.stdout
    assert "deploy/lists.sql" in done.stdout
    assert "> write it; the change is on line 5 of sqitch.plan" in done.stdout


def test_reworked_change_may_revert_by_its_former_deploy_script(
    carecli_run: Run, project: Path
) -> None:
    """The header of a revert script that `rework` copied from the deploy script is no error."""
    plan = project / "sqitch.plan"
    plan.write_text(f"{plan.read_text()}@v1 {ORIGIN}\nlists [lists@v1] {ORIGIN}\n")
    for action in FIRST_LINES:
        path = project / action / "lists.sql"
        path.with_name("lists@v1.sql").write_text(path.read_text())
        path.write_text(path.read_text().replace("users.", "users, lists@v1.").replace("1", "2"))
    (project / "revert/lists.sql").write_bytes((project / "deploy/lists@v1.sql").read_bytes())
    levels = {item["level"] for item in findings(carecli_run, project, 0)}
    assert levels == {"info"}
