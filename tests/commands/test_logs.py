"""`carecli logs`: the event log, filtered, followed, or not there."""

from __future__ import annotations

import json
import re
import signal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.chaos import Start
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

GOOD = {"success": True}
DUPLICATE = {
    "success": False,
    "error": "conversation_exists",
    "http_status": 409,
    "message": "Twice",
}
BROKEN = {
    "success": False,
    "error": "server_error",
    "http_status": 500,
    "message": "Failed to send message",
    "internal": {"sqlstate": "22012", "error_message": "division\nby \x1b[31mzero"},
}


def record(
    database: TestDatabase, request_id: str, method: str, answer: dict[str, Any], user: UUID
) -> None:
    """Write the row of one call."""
    database.execute(
        "select messaging.record_call(%s, clock_timestamp(), %s, %s)",
        method,
        json.dumps({**answer, "request_id": request_id}),
        user,
    )


@pytest.fixture
def logged(migrated: TestDatabase, people: People) -> TestDatabase:
    """Give a database with three calls in its log."""
    record(migrated, "v2_1_a", "startHelpConversation", GOOD, people.ben)
    record(migrated, "v2_2_b", "startHelpConversation", DUPLICATE, people.ben)
    record(migrated, "v2_3_c", "sendMessage", BROKEN, people.rosa)
    return migrated


def chosen(run: Run, database: TestDatabase, *options: str) -> list[str]:
    """Return the request ids that the command shows."""
    done = run("logs", "-d", database.url, "--format", "json", *options, check=0)
    return [json.loads(line)["request_id"] for line in done.stdout.splitlines()]


def test_filters(carecli_run: Run, logged: TestDatabase, people: People) -> None:
    """The newest is the last; every option leaves out what it should."""
    assert chosen(carecli_run, logged) == ["v2_1_a", "v2_2_b", "v2_3_c"]
    assert chosen(carecli_run, logged, "--request-id", "v2_2_b") == ["v2_2_b"]
    assert chosen(carecli_run, logged, "--error", "server_error") == ["v2_3_c"]
    assert chosen(carecli_run, logged, "--method", "sendMessage") == ["v2_3_c"]
    assert chosen(carecli_run, logged, "--event", "success") == ["v2_1_a"]
    assert chosen(carecli_run, logged, "--user", str(people.ben)) == ["v2_1_a", "v2_2_b"]
    assert chosen(carecli_run, logged, "-n", "2") == ["v2_2_b", "v2_3_c"]
    assert chosen(carecli_run, logged, "--error", "no_such_code") == []


def test_since(carecli_run: Run, logged: TestDatabase) -> None:
    """Only calls of the last so long are shown, and then all of them."""
    logged.execute(
        "update messaging.rpc_events set occurred_at = occurred_at - interval '2 hours'"
        " where request_id = 'v2_1_a'"
    )
    assert chosen(carecli_run, logged, "--since", "1h") == ["v2_2_b", "v2_3_c"]
    assert chosen(carecli_run, logged, "--since", "3h") == ["v2_1_a", "v2_2_b", "v2_3_c"]


def test_all_of_a_window_and_a_hundred_without_one(carecli_run: Run, logged: TestDatabase) -> None:
    """A log of years is not poured out unasked."""
    logged.execute(
        "select messaging.record_call('sendMessage', clock_timestamp(), jsonb_build_object("
        "'success', true, 'request_id', 'v2_9_' || number), null)"
        " from generate_series(1, 120) as number"
    )
    assert len(chosen(carecli_run, logged)) == 100
    assert len(chosen(carecli_run, logged, "--since", "1h")) == 123


def test_json_lines_are_the_views_entries(
    carecli_run: Run, logged: TestDatabase, people: People
) -> None:
    """One log entry a line, as the application writes them."""
    done = carecli_run("logs", "-d", logged.url, "--format", "json", check=0)
    entries = logged.execute(
        "select entry::text from messaging.rpc_event_log order by occurred_at, request_id"
    )
    assert done.stdout.splitlines() == [entry for (entry,) in entries]
    duplicate = json.loads(done.stdout.splitlines()[1])
    assert duplicate["user_id"] == str(people.ben)
    assert (duplicate["event"], duplicate["code"]) == ("function_error", "conversation_exists")


def test_table(carecli_run: Run, logged: TestDatabase) -> None:
    """A line a call under one heading; what the server said cannot command the terminal."""
    lines = carecli_run("logs", "-d", logged.url, check=0).stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].split() == [
        "time", "event", "method", "code", "ms", "user", "request", "message",
    ]  # fmt: skip
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z  success +startHelpConversation  ", lines[1])
    assert lines[3].endswith("v2_3_c                      22012 division by  [31mzero")
    assert lines[0].index("request") == lines[3].index("v2_3_c")


def test_empty_log(carecli_run: Run, migrated: TestDatabase) -> None:
    """No call is no fault; a program gets nothing."""
    arguments = ("logs", "-d", migrated.url)
    assert carecli_run(*arguments, check=0).stdout == "No such call.\n"
    assert carecli_run(*arguments, "--format", "json", check=0).stdout == ""


def test_no_event_log(carecli_run: Run, database: TestDatabase) -> None:
    """Where the change is not deployed, the message names it and the way to it."""
    done = carecli_run("logs", "-d", database.url, check=1)
    assert "the event log is not deployed there" in done.stderr
    assert "event_log" in done.stderr
    assert "carecli migrate" in done.stderr


def test_role_without_rights(carecli_run: Run, migrated: TestDatabase) -> None:
    """Another role than the owner is told which one to take."""
    with migrated.server.administration() as connection:
        connection.execute("drop role if exists carecli_test_reader")
        connection.execute("create role carecli_test_reader login password 'x'")
    try:
        parameters = {**migrated.server.migrator, "user": "carecli_test_reader", "password": "x"}
        conninfo = psycopg.conninfo.make_conninfo("", **parameters, dbname=migrated.name)
        done = carecli_run("logs", "-d", conninfo, check=1)
        assert "this role may not read the event log" in done.stderr
    finally:
        with migrated.server.administration() as connection:
            connection.execute("drop role carecli_test_reader")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_following(
    carecli_start: Start, logged: TestDatabase, people: People, number: int, code: int
) -> None:
    """What comes is shown once, as it comes; a signal ends it without a word."""
    running = carecli_start(
        "logs", "-d", logged.url, "--follow", "--format", "json", "-n", "1", "--user", people.ben
    )
    stdout = running.process.stdout
    assert stdout is not None
    assert json.loads(stdout.readline())["request_id"] == "v2_2_b"
    record(logged, "v2_4_d", "sendMessage", GOOD, people.rosa)
    record(logged, "v2_5_e", "sendMessage", GOOD, people.ben)
    assert json.loads(stdout.readline())["request_id"] == "v2_5_e"
    running.send(number)
    done = running.finish()
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.splitlines()[1:] == []


def test_bad_window_is_a_usage_error(carecli_run: Run) -> None:
    """The message shows how to write one; no database is asked."""
    done = carecli_run("logs", "-d", "postgresql:///", "--since", "yesterday", check=2)
    assert "7 days" in done.stderr


def test_bad_user_is_a_usage_error(carecli_run: Run) -> None:
    """No database is asked for somebody who cannot be."""
    carecli_run("logs", "-d", "postgresql:///", "--user", "ben", check=2)
