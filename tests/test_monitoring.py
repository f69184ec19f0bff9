"""The metrics: their headers, and what they read from a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from carecli.errors import InvalidUsage, SourceError
from carecli.monitoring import (
    Metric,
    Reading,
    chosen_metrics,
    load_metrics,
    parse_metric,
    parse_window,
    read_metric,
    read_metrics,
)
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

HEADER = """\
-- name: probe
-- help: Something.
-- unit: things
-- type: gauge
-- labels:
-- window: now
-- target:
"""


def metric(query: str, **fields: str) -> Metric:
    """Return a metric with this query and these header fields."""
    lines = HEADER.splitlines()
    for field, value in fields.items():
        lines = [f"-- {field}: {value}" if f" {field}:" in line else line for line in lines]
    return parse_metric("\n".join([*lines, query]), Path("probe.sql"))


def shipped(name: str) -> Metric:
    (found,) = chosen_metrics(load_metrics(), [name])
    return found


def values(reading: Reading) -> list[tuple[Any, ...]]:
    """Return the labels' values, the measure and the value of each sample."""
    return [
        (*map(str, sample.labels.values()), sample.measure, sample.value)
        for sample in reading.samples
    ]


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


def test_every_shipped_metric_has_a_sound_header() -> None:
    """The folder is read as it is; each file is a metric of the file's name."""
    names = [metric.name for metric in load_metrics()]
    assert names == sorted(names)
    assert {"v2_adoption", "v2_with_initial_message", "connection_pool_used"} <= set(names)


def test_new_file_is_a_new_metric(tmp_path: Path) -> None:
    """Nothing but the file is needed."""
    (tmp_path / "probe.sql").write_text(f"{HEADER}select 1 as value;\n", encoding="utf-8")
    (found,) = load_metrics(tmp_path)
    assert (found.name, found.query, found.target) == ("probe", "select 1 as value", None)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (HEADER.replace("-- unit: things\n", ""), 7, "says nothing of 'unit'"),
        (HEADER.replace("Something.", ""), 2, "says nothing of 'help'"),
        (HEADER + "-- owner: me\n", 8, "'owner' is unknown"),
        (HEADER + "-- unit: things\n", 8, "'unit' is there twice"),
        (HEADER.replace("probe", "other"), 1, "not named as its file"),
        (HEADER.replace("gauge", "histogram"), 4, "no type of metric"),
        (HEADER.replace("now", "a while"), 6, "not a length of time"),
        (HEADER.replace("now", "7 days"), 6, "do not agree"),
        (HEADER + "select %(window)s\n", 6, "do not agree"),
    ],
)
def test_fault_in_a_header_is_shown_with_its_line(text: str, line: int, message: str) -> None:
    """The error says file, line, and what would be right."""
    with pytest.raises(SourceError) as caught:
        parse_metric(text, Path("sql/metrics/probe.sql"))
    assert caught.value.line == line
    assert caught.value.message.startswith(f"sql/metrics/probe.sql:{line}: ")
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("30 min", timedelta(minutes=30)),
        ("6h", timedelta(hours=6)),
        ("1.5 hours", timedelta(minutes=90)),
        ("7 days", timedelta(days=7)),
        ("2W", timedelta(weeks=2)),
    ],
)
def test_window_is_a_length_of_time(text: str, expected: timedelta) -> None:
    """Each unit has its short and its long name."""
    assert parse_window(text) == expected


@pytest.mark.parametrize("text", ["", "7", "0 days", "-1h", "a day", "1 month", "1h30m"])
def test_window_that_is_none_is_refused(text: str) -> None:
    """The hint shows how to write one."""
    with pytest.raises(InvalidUsage, match="not a length of time"):
        parse_window(text)


def test_unknown_metric_is_refused_with_near_names() -> None:
    """A slip of the pen gets a proposal."""
    with pytest.raises(InvalidUsage) as caught:
        chosen_metrics(load_metrics(), ["v2_adoptoin"])
    assert "v2_adoption" in (caught.value.hint or "")


def test_every_shipped_metric_can_be_read(migrated: TestDatabase) -> None:
    """On a database with nothing in it each metric answers; none is unavailable."""
    readings = read_metrics(migrated.connect(), load_metrics())
    assert [reading.problem for reading in readings] == [None] * len(readings)


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
    reading = read_metric(migrated.connect(), shipped(name))
    assert (reading.status, reading.samples) == ("no data", ())


def test_null_is_no_data(migrated: TestDatabase) -> None:
    """A metric whose only value is null has none."""
    reading = read_metric(migrated.connect(), metric("select null::numeric as value"))
    assert reading.status == "no data"


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
    reading = read_metric(migrated.connect(), shipped("v2_adoption"))
    ((today, yesterday),) = migrated.execute(
        "select (now() at time zone 'UTC')::date::text, (now() at time zone 'UTC')::date - 1"
    )
    assert values(reading) == [
        (today, "v2_conversations", 2),
        (today, "v1_conversations", 1),
        (today, "share", 0.6667),
        (str(yesterday), "v2_conversations", 1),
        (str(yesterday), "v1_conversations", 0),
        (str(yesterday), "share", 1.0),
    ]


def test_another_window_looks_further_back(
    migrated: TestDatabase, begin: Callable[..., UUID]
) -> None:
    """The window that was asked for replaces the metric's own."""
    begin(days=30)
    adoption = shipped("v2_adoption")
    assert read_metric(migrated.connect(), adoption).samples == ()
    longer = read_metric(migrated.connect(), adoption, timedelta(days=31))
    assert longer.window == timedelta(days=31)
    assert len(longer.samples) == 3


def test_success_is_estimated_from_the_rows(
    migrated: TestDatabase, begin: Callable[..., UUID]
) -> None:
    """All conversations have their first message."""
    begin()
    begin(status="closed")
    reading = read_metric(migrated.connect(), shipped("v2_with_initial_message"))
    assert values(reading) == [("total", 2), ("with_message", 2), ("percent", 100.0)]
    active = read_metric(migrated.connect(), shipped("active_conversations_v2_total"))
    assert values(active) == [("value", 1)]


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
    reading = read_metric(migrated.connect(), shipped("messages_sent_v2_daily"))
    assert [sample.value for sample in reading.samples] == [3]


def test_completion_is_that_of_the_requests(
    migrated: TestDatabase, begin: Callable[..., UUID]
) -> None:
    """One of four conversations led to completed help."""
    for status in ("open", "in_progress", "cancelled", "completed"):
        begin(request_status=status)
    reading = read_metric(migrated.connect(), shipped("help_offer_completion_rate"))
    assert values(reading) == [("conversations", 4), ("value", 0.25)]


def test_connections_are_counted_by_state(migrated: TestDatabase) -> None:
    """The total has every client's connection, our own included, as a share of the places."""
    idle = migrated.connect(superuser=True)
    reading = read_metric(idle, shipped("connection_pool_used"))
    found = {(sample.labels["state"], sample.measure): sample.value for sample in reading.samples}
    total, share = found["total", "connections"], found["total", "share"]
    assert isinstance(total, int)
    assert isinstance(share, float)
    assert total >= 1
    assert 0 < share < 1
    states = [value for (state, measure), value in found.items() if measure == "connections"]
    assert sum(states) == 2 * total  # type: ignore[arg-type]


def test_role_that_may_not_see_all_rows_gets_no_number(
    migrated: TestDatabase, begin: Callable[..., UUID]
) -> None:
    """Row security would make it zero; the metric is unavailable, with the server's reason."""
    begin()
    connection = migrated.as_role("authenticated")
    reading = read_metric(connection, shipped("active_conversations_v2_total"))
    assert (reading.status, reading.samples) == ("unavailable", ())
    assert "row-level security" in (reading.problem or "")


def test_metric_that_fails_spoils_no_other(migrated: TestDatabase) -> None:
    """Each metric is read on its own."""
    sound = metric("select 1 as value")
    missing = metric("select count(*) as value from public.gone")
    readings = read_metrics(migrated.connect(), [sound, missing, sound])
    assert [reading.status for reading in readings] == ["ok", "unavailable", "ok"]
    assert "public.gone" in (readings[1].problem or "")


def test_metric_that_takes_too_long_is_unavailable(migrated: TestDatabase) -> None:
    """The time limit is the query's own, and does not stay on the connection."""
    connection = migrated.connect()
    slow = metric("select count(pg_sleep(60)) as value")
    reading = read_metric(connection, slow, timeout=timedelta(milliseconds=50))
    assert "statement timeout" in (reading.problem or "")
    assert connection.execute("show statement_timeout").fetchone() == ("0",)


def test_metric_cannot_write(migrated: TestDatabase) -> None:
    """Each query runs in a read-only transaction, as on a replica."""
    writing = metric("delete from public.conversations_v2 returning 1 as value")
    assert "read-only transaction" in (read_metric(migrated.connect(), writing).problem or "")
