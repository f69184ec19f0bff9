"""The metrics of `sql/metrics`, on a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from carecli.monitoring import load_metrics, read_courses, read_metric, read_metrics
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People
from tests.plugins.metrics import shipped_metric, values_of


@pytest.fixture
def begin(migrated: TestDatabase, people: People) -> Callable[..., UUID]:
    """Give a function that makes a V2 conversation which is so many days old."""

    def begin_conversation(days: int = 0, status: str = "active", **columns: Any) -> UUID:
        ((request,),) = migrated.execute(
            "insert into public.help_requests (user_id, title, category, status)"
            " values (%s, 'x', 'other', %s) returning id",
            people.rosa,
            columns.get("request_status", "open"),
        )
        ((key,),) = migrated.execute(
            "insert into public.conversations_v2 (help_request_id, requester_id, helper_id,"
            " initial_message, status, origin, created_at)"
            " values (%s, %s, %s, 'I can help you', %s, %s, now() - make_interval(days => %s))"
            " returning id",
            request,
            people.rosa,
            people.ben,
            status,
            columns.get("origin", "v2"),
            days,
        )
        return UUID(str(key))

    return begin_conversation


def test_every_metric_can_be_read(migrated: TestDatabase) -> None:
    """On a database with nothing in it each one answers; none is unavailable."""
    readings = read_metrics(migrated.connect(), load_metrics())
    assert [reading.problem for reading in readings] == [None] * len(readings)


def test_every_course_can_be_read(migrated: TestDatabase) -> None:
    """Each query with a window does with slots for windows."""
    courses = read_courses(migrated.connect(), load_metrics())
    assert [course.problem for course in courses] == [None] * len(courses)


@pytest.mark.parametrize("role", ["pg_monitor", "service_role"])
def test_whoever_may_watch_reads_every_metric(migrated: TestDatabase, role: str) -> None:
    """Neither role owns a table, nor does row security show it anything."""
    connection = migrated.connect(superuser=True)
    connection.execute(f"set role {role}")
    metrics = load_metrics()
    for read in (read_metrics(connection, metrics), read_courses(connection, metrics)):
        assert [found.problem for found in read] == [None] * len(metrics)


def test_whoever_may_not_gets_no_number(migrated: TestDatabase, begin: Callable[..., UUID]) -> None:
    """Row security would make it zero; the metric is unavailable, with the server's reason."""
    begin()
    connection = migrated.as_role("authenticated")
    reading = read_metric(connection, shipped_metric("active_conversations_v2_total"))
    assert (reading.status, reading.samples) == ("unavailable", ())
    assert "permission denied" in (reading.problem or "")


@pytest.mark.parametrize(
    "name",
    [
        "v2_adoption",
        "v2_with_initial_message",
        "messages_sent_v2_daily",
        "help_offer_completion_rate",
    ],
)
def test_no_data_is_not_zero(migrated: TestDatabase, name: str) -> None:
    """Where nothing was ever begun, there is no data."""
    assert read_metric(migrated.connect(), shipped_metric(name)).verdict == "no data"


def test_adoption_counts_both_versions_by_day(
    migrated: TestDatabase, people: People, begin: Callable[..., UUID]
) -> None:
    """The copy of a V1 conversation is not counted twice; older days are outside the window."""
    begin()
    begin()
    begin(days=1)
    begin(days=30)
    begin(origin="v1_backfill")
    migrated.execute("insert into public.conversations (created_by) values (%s)", people.ben)
    reading = read_metric(migrated.connect(), shipped_metric("v2_adoption"))
    ((today, yesterday),) = migrated.execute(
        "select (now() at time zone 'UTC')::date::text, (now() at time zone 'UTC')::date - 1"
    )
    found = {(day, measure): value for day, measure, value in values_of(reading)}
    assert found == {
        (today, "v2_conversations"): 2,
        (today, "v1_conversations"): 1,
        (today, "share"): pytest.approx(2 / 3, abs=1e-4),
        (str(yesterday), "v2_conversations"): 1,
        (str(yesterday), "v1_conversations"): 0,
        (str(yesterday), "share"): 1,
    }


def test_another_window_looks_further_back(
    migrated: TestDatabase, begin: Callable[..., UUID]
) -> None:
    """The window that was asked for replaces the metric's own."""
    begin(days=30)
    adoption = shipped_metric("v2_adoption")
    assert read_metric(migrated.connect(), adoption).samples == ()
    longer = read_metric(migrated.connect(), adoption, timedelta(days=31))
    assert longer.window == timedelta(days=31)
    assert len(longer.samples) == 3


def test_first_messages_are_counted(migrated: TestDatabase, begin: Callable[..., UUID]) -> None:
    """All conversations have their first message."""
    begin()
    begin(status="closed")
    reading = read_metric(migrated.connect(), shipped_metric("v2_with_initial_message"))
    assert values_of(reading) == [("total", 2), ("with_message", 2), ("percent", 100.0)]
    assert reading.verdict == "ok"
    active = read_metric(migrated.connect(), shipped_metric("active_conversations_v2_total"))
    assert values_of(active) == [("value", 1)]


def test_messages_of_a_day_include_the_first_ones(
    migrated: TestDatabase, people: People, begin: Callable[..., UUID]
) -> None:
    """One conversation with two follow-ups is three messages."""
    key = begin()
    for user in (people.rosa, people.ben):
        migrated.execute(
            "insert into public.messages_v2 (conversation_id, sender_id, content)"
            " values (%s, %s, 'x')",
            key,
            user,
        )
    reading = read_metric(migrated.connect(), shipped_metric("messages_sent_v2_daily"))
    assert [sample.value for sample in reading.samples] == [3]


def test_completion_is_that_of_the_requests(
    migrated: TestDatabase, begin: Callable[..., UUID]
) -> None:
    """One of four conversations led to completed help."""
    for status in ("open", "in_progress", "cancelled", "completed"):
        begin(request_status=status)
    reading = read_metric(migrated.connect(), shipped_metric("help_offer_completion_rate"))
    assert values_of(reading) == [("conversations", 4), ("value", 0.25)]


def test_connections_are_counted_by_state(migrated: TestDatabase) -> None:
    """The total has every client's connection, our own included, as a share of the places."""
    idle = migrated.connect(superuser=True)
    reading = read_metric(idle, shipped_metric("connection_pool_used"))
    found = {(sample.labels["state"], sample.measure): sample.value for sample in reading.samples}
    total, share = found["total", "connections"], found["total", "share"]
    assert isinstance(total, int)
    assert isinstance(share, float)
    assert total >= 1
    assert 0 < share < 1
    states = [value for (state, measure), value in found.items() if measure == "connections"]
    assert sum(states) == 2 * total  # type: ignore[arg-type]
