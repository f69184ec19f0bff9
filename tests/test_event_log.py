"""The event log as it is read: what was, and what comes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from inspect import getgeneratorlocals

import psycopg
import pytest

from carecli import event_log
from carecli.event_log import Event, Filter, follow_events, read_events
from tests.plugins.databases import TestDatabase


@pytest.fixture(autouse=True)
def no_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests show that nothing rests on the margin alone."""
    monkeypatch.setattr(event_log, "_MARGIN", timedelta(0))


def log(connection: psycopg.Connection, request_id: str) -> None:
    """Write the row of a call that succeeded."""
    connection.execute(
        "select messaging.record_call('sendMessage', clock_timestamp(),"
        " jsonb_build_object('success', true, 'request_id', %s::text), null)",
        [request_id],
    )


def until(events: Iterator[Event], last: str) -> list[str]:
    """Return the ids of the calls that come, up to the one of this id."""
    found = [next(events).request_id]
    while found[-1] != last:
        found.append(next(events).request_id)
    return found


def test_newest_are_given_oldest_first(migrated: TestDatabase) -> None:
    """A limit leaves out the oldest."""
    connection = migrated.connect()
    for name in ("one", "two", "three"):
        log(connection, name)
    found = [event.request_id for event in read_events(connection, Filter(), limit=2)]
    assert found == ["two", "three"]


def test_window_looks_back_so_long(migrated: TestDatabase) -> None:
    """What is older than the window is left out."""
    connection = migrated.connect()
    log(connection, "old")
    migrated.execute("update messaging.rpc_events set occurred_at = now() - interval '2 hours'")
    log(connection, "new")
    recent = read_events(connection, Filter(), window=timedelta(hours=1))
    assert [event.request_id for event in recent] == ["new"]
    assert len(list(read_events(connection, Filter()))) == 2


def test_following_misses_nothing_that_commits_late(migrated: TestDatabase) -> None:
    """A row whose transaction was open for long comes after newer ones, and comes once."""
    reader, late, other = migrated.connect(), migrated.connect(), migrated.connect()
    log(other, "before")
    with late.transaction():
        log(late, "early and late")
        log(other, "first")
        events = follow_events(reader, Filter(), limit=1, poll=0)
        assert next(events).request_id == "first"
        for name in ("second", "third", "fourth"):
            log(other, name)
            assert next(events).request_id == name
    log(other, "last")
    assert until(events, "last") == ["early and late", "last"]
    log(other, "end")
    assert until(events, "end") == ["end"]


def test_following_misses_nothing_begun_on_the_way(migrated: TestDatabase) -> None:
    """The same holds for a transaction that begins while the log is followed."""
    reader, late, other = migrated.connect(), migrated.connect(), migrated.connect()
    log(other, "zeroth")
    events = follow_events(reader, Filter(), poll=0)
    assert next(events).request_id == "zeroth"
    with late.transaction():
        log(late, "early and late")
        for name in ("first", "second"):
            log(other, name)
            assert next(events).request_id == name
    log(other, "third")
    assert until(events, "third") == ["early and late", "third"]


def test_following_forgets_what_cannot_come_again(migrated: TestDatabase) -> None:
    """The memory of it does not grow with the log."""
    reader, other = migrated.connect(), migrated.connect()
    events = follow_events(reader, Filter(), poll=0)
    for number in range(20):
        log(other, str(number))
        assert next(events).request_id == str(number)
    assert len(getgeneratorlocals(events)["given"]) <= 3
