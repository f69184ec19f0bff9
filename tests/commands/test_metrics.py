"""`carecli metrics`."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People


@pytest.fixture
def adopted(migrated: TestDatabase, people: People) -> TestDatabase:
    """Give a database with one conversation."""
    migrated.execute(
        "insert into public.conversations_v2"
        " (help_request_id, requester_id, helper_id, initial_message)"
        " values (%s, %s, %s, 'I can help you')",
        people.open_request,
        people.rosa,
        people.ben,
    )
    return migrated


def test_table_shows_every_metric(carecli_run: Run, adopted: TestDatabase) -> None:
    """Each metric stands there with its values, unit, window and target."""
    done = carecli_run("metrics", "-d", adopted.url, check=0)
    lines = done.stdout.splitlines()
    assert " ".join(lines[0].split()) == "metric series measure value unit window target"
    (adoption,) = [line for line in lines if line.startswith("v2_adoption ")]
    assert "v2_conversations" in adoption
    assert adoption.endswith("share by rollout")
    assert any(line.startswith("connection_pool_used") for line in lines)


def test_json_has_stable_fields(carecli_run: Run, adopted: TestDatabase) -> None:
    """A program gets numbers as numbers, and the header's words."""
    done = carecli_run(
        "metrics", "-d", adopted.url, "--metric", "v2_with_initial_message", "--format", "json"
    )
    (metric,) = json.loads(done.stdout)
    assert metric.pop("help")
    assert metric == {
        "metric": "v2_with_initial_message",
        "unit": "conversations",
        "type": "gauge",
        "window": "all",
        "window_seconds": None,
        "target": "percent 100",
        "status": "ok",
        "problem": None,
        "samples": [
            {"labels": {}, "measure": "total", "value": 1},
            {"labels": {}, "measure": "with_message", "value": 1},
            {"labels": {}, "measure": "percent", "value": 100.0},
        ],
    }


def test_csv_has_a_line_for_each_measure(carecli_run: Run, adopted: TestDatabase) -> None:
    """A spreadsheet gets one header and one line a value."""
    done = carecli_run(
        "metrics", "-d", adopted.url, "--metric", "v2_adoption", "--window", "30d",
        "--format", "csv",
    )  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["measure"], row["value"]) for row in rows] == [
        ("v2_conversations", "1"),
        ("v1_conversations", "0"),
        ("share", "1.0"),
    ]
    assert {row["window"] for row in rows} == {"30 days"}


def test_no_data_is_called_so(carecli_run: Run, migrated: TestDatabase) -> None:
    """Nothing was begun: the table says so, and the program is told."""
    arguments = ("metrics", "-d", migrated.url, "--metric", "v2_adoption")
    assert "no data" in carecli_run(*arguments, check=0).stdout
    (metric,) = json.loads(carecli_run(*arguments, "--format", "json", check=0).stdout)
    assert (metric["status"], metric["samples"]) == ("no data", [])


def test_reason_is_given_where_a_metric_is_unavailable(
    carecli_run: Run, database: TestDatabase
) -> None:
    """Without the tables of V2 the metric is unavailable, not zero."""
    done = carecli_run("metrics", "-d", database.url, "--metric", "active_conversations_v2_total")
    assert "unavailable" in done.stdout
    assert "public.conversations_v2" in done.stderr


def test_unknown_metric_is_a_usage_error(carecli_run: Run) -> None:
    """No database is asked."""
    done = carecli_run("metrics", "-d", "postgresql:///", "--metric", "v2_adoptoin", check=2)
    assert "v2_adoption" in done.stderr


def test_window_that_is_none_is_a_usage_error(carecli_run: Run) -> None:
    """The message shows how to write one."""
    done = carecli_run("metrics", "-d", "postgresql:///", "--window", "soon", check=2)
    assert "7 days" in done.stderr


def test_help_has_an_example(carecli_run: Run) -> None:
    """The help shows how the command is used."""
    assert "carecli metrics --metric v2_adoption" in carecli_run("metrics", "--help").stdout
