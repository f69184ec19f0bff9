"""`carecli metrics export`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from carecli.alerts import read_alerts
from carecli.monitoring import load_metrics
from tests.plugins.chaos import Here
from tests.plugins.databases import TestDatabase


@pytest.mark.peer("promtool")
def test_rules_are_those_of_the_database(
    run_here: Here, migrated: TestDatabase, peer: Callable[[str], Path], tmp_path: Path
) -> None:
    """A rule that was tuned is exported as it is now, and promtool accepts the file."""
    migrated.execute("select messaging.set_alert_rule('error_rate_warning', p_threshold => 0.07)")
    file = tmp_path / "carecli.rules.yml"
    run_here("metrics", "export", "prometheus-rules", "-d", migrated.url, "--out", file, check=0)
    text = file.read_text()
    assert 'carecli_rule_value{rule="error_rate_warning"} > 0.07' in text
    for alert in read_alerts(migrated.connect()):
        assert f"docs/runbook.md#{alert.name}" in text
    subprocess.run([peer("promtool"), "check", "rules", file], check=True, capture_output=True)


def test_rule_that_is_off_is_left_out(run_here: Here, migrated: TestDatabase) -> None:
    """It is not evaluated, so nothing could fire."""
    migrated.execute("select messaging.set_alert_rule('error_rate_warning', p_enabled => false)")
    done = run_here("metrics", "export", "prometheus-rules", "-d", migrated.url, check=0)
    assert "error_rate_warning" not in done.stdout
    assert "error_rate_critical" in done.stdout


def test_rules_need_a_database_that_has_them(run_here: Here, database: TestDatabase) -> None:
    """The error says what is missing; nothing is written."""
    done = run_here("metrics", "export", "prometheus-rules", "-d", database.url, check=1)
    assert "the database has no alert rules" in done.stderr
    assert done.stdout == ""


def test_dashboard_has_every_metric(run_here: Here, migrated: TestDatabase) -> None:
    """stdout is the file, for a pipe."""
    done = run_here("metrics", "export", "grafana", "-d", migrated.url, check=0)
    titles = " ".join(panel["title"] for panel in json.loads(done.stdout)["panels"])
    assert all(metric.name.replace("_", " ") in titles for metric in load_metrics())


def test_metric_without_columns_is_left_out(run_here: Here, database: TestDatabase) -> None:
    """A database without our plan has some metrics only; the others are named."""
    done = run_here("metrics", "export", "grafana", "-d", database.url, check=0)
    assert "v2_adoption is left out" in done.stderr
    assert "connection pool used" in done.stdout
    assert "v2 adoption" not in done.stdout


@pytest.mark.parametrize("kind", ["grafana", "prometheus-rules"])
def test_file_is_replaced(
    run_here: Here, migrated: TestDatabase, tmp_path: Path, kind: str
) -> None:
    """An export that is made again takes the place of the former one."""
    file = tmp_path / "export"
    file.write_text("former")
    run_here("metrics", "export", kind, "-d", migrated.url, "--out", file, check=0)
    assert file.read_text().startswith(("{", "#"))


def test_file_that_cannot_be_written_is_an_error(
    run_here: Here, migrated: TestDatabase, tmp_path: Path
) -> None:
    """It is named; there is no traceback."""
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "rules.yml"
    arguments = ("metrics", "export", "prometheus-rules", "-d", migrated.url, "--out", out)
    assert str(out.parent) in run_here(*arguments, check=1).stderr


@pytest.mark.parametrize("kind", ["grafana", "prometheus-rules"])
def test_dead_database_is_exit_3(run_here: Here, kind: str) -> None:
    """The place is named, the password is not."""
    done = run_here("metrics", "export", kind, "-d", "postgresql://me:hush@127.0.0.1:1/x", check=3)
    assert "hush" not in done.stdout + done.stderr


@pytest.mark.parametrize("names", [(), ("grafana",), ("prometheus-rules",)])
def test_help_has_an_example(run_here: Here, names: tuple[str, ...]) -> None:
    """The help shows how the command is used."""
    done = run_here("metrics", "export", *names, "--help", check=0)
    assert f"carecli metrics export {' '.join(names)}".strip() in done.stdout
