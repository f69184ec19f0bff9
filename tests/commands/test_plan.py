"""`carecli plan` shows the plan."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.plugins.command import Run

ORIGIN = "2026-01-31T12:00:00Z Ann <ann@example.com>"
PLAN = f"""%project=shop
%uri=https://example.com/shop

users {ORIGIN} # Who may sign in.\\n\\nMore of it.
@v1 {ORIGIN} # First.
app/lists [users other:x !old] {ORIGIN}
"""


def project(tmp_path: Path, text: str = PLAN) -> Path:
    """Write a project with this plan."""
    (tmp_path / "sqitch.plan").write_text(text)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/users.sql").write_text("select 1;\n")
    return tmp_path


def test_text(carecli_run: Run, tmp_path: Path) -> None:
    """Each change has its number, name, tags, dependencies, and the first line of its note."""
    done = carecli_run("-C", project(tmp_path), "plan", check=True)
    assert done.stdout.splitlines() == [
        "1  users @v1",
        "   Who may sign in.",
        "2  app/lists [users other:x !old]",
    ]
    assert "Project shop (https://example.com/shop)" in done.stderr


def test_verbose_text(carecli_run: Run, tmp_path: Path) -> None:
    """With -v there are id, time, planner and the whole note too."""
    shown = carecli_run("-v", "plan", "-C", project(tmp_path), check=True).stdout
    assert "2026-01-31 12:00:00 UTC, Ann <ann@example.com>" in shown
    assert "   More of it." in shown


def test_json(carecli_run: Run, tmp_path: Path) -> None:
    """JSON has everything, under names that stay."""
    done = carecli_run("plan", "--format", "json", cwd=project(tmp_path), check=True)
    answer = json.loads(done.stdout)
    first, second = answer.pop("changes")
    assert answer == {"project": "shop", "uri": "https://example.com/shop", "plan": "sqitch.plan"}
    assert first["change"] == "users"
    assert first["note"] == "Who may sign in.\n\nMore of it."
    assert first["planned_at"] == "2026-01-31T12:00:00+00:00"
    assert [tag["tag"] for tag in first["tags"]] == ["@v1"]
    assert first["script_hash"] == hashlib.sha1(b"select 1;\n").hexdigest()  # noqa: S324
    assert second["parent_id"] == first["change_id"]
    assert second["requires"] == ["users", "other:x"]
    assert second["conflicts"] == ["old"]
    assert second["scripts"]["deploy"] == "deploy/app/lists.sql"
    assert second["script_hash"] is None


def test_plan_file_option(carecli_run: Run, tmp_path: Path) -> None:
    """--plan-file shows another plan."""
    other = project(tmp_path).joinpath("sqitch.plan").rename(tmp_path / "other.plan")
    assert "app/lists" in carecli_run("plan", "--plan-file", other, check=True).stdout


def test_own_plan_is_shown_anywhere(carecli_run: Run) -> None:
    """Outside of a project it is the plan that comes with carecli."""
    assert "messaging_system_v2_atomic" in carecli_run("plan", check=True).stdout


def test_faulty_plan(carecli_run: Run, tmp_path: Path) -> None:
    """A fault is shown with its place, the line and a caret, and nothing on stdout."""
    done = carecli_run("plan", "-C", project(tmp_path, "%project=shop\n\nusers\n"), check=1)
    assert done.stdout == ""
    assert "sqitch.plan:3:6: missing timestamp and planner name and email" in done.stderr
    assert "  3 | users\n    |      ^\n" in done.stderr


def test_empty_plan(carecli_run: Run, tmp_path: Path) -> None:
    """A plan without changes says how to begin."""
    done = carecli_run("plan", "-C", project(tmp_path, "%project=shop\n\n"), check=True)
    assert done.stdout == ""
    assert "carecli add" in done.stderr
