"""Event logs that hypothesis makes up, rolled up at any moment, and what a reader then counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plugins.databases import TestDatabase
from tests.plugins.eventlog import (
    BEGAN,
    KINDS,
    ZONES,
    LoggedCall,
    counts,
    percentile,
    roll_up,
    start_anew,
    within,
    write_calls,
)

pytestmark = pytest.mark.slow

# Seconds that the clock goes on: an instant, minutes, hours, more than a day.
STEPS = st.one_of(
    st.integers(0, 90),
    st.integers(0, 7_200),
    st.sampled_from([60, 3_600, 86_400, 200_000]),
)
ACTIONS = st.one_of(
    st.tuples(st.just("call"), STEPS, st.lists(KINDS, min_size=1, max_size=5)),
    st.tuples(st.just("roll up"), STEPS, st.none()),
    st.tuples(st.just("write and go on"), STEPS, st.lists(KINDS, min_size=1, max_size=3)),
    st.tuples(st.just("end"), STEPS, st.none()),
    # Set back: calls, and the next run of roll_up().
    st.tuples(st.just("set back"), st.integers(1, 80_000), st.lists(KINDS, max_size=4)),
)
STORIES = st.lists(ACTIONS, min_size=1, max_size=12)
EDGES = st.lists(
    st.tuples(
        st.integers(-300_000, 60), st.sampled_from([0, 0, 1, 500_000]), st.integers(0, 300_000)
    ),
    min_size=1,
    max_size=4,
)
LENIENT = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(slots=True)
class Story:
    """A log that is written, and what is in it.

    Arguments:
        database: where.
        caller: the session of calls that end at once.
        writer: the session of a transaction that is open for long.
    """

    database: TestDatabase
    caller: psycopg.Connection
    writer: psycopg.Connection
    clock: datetime = BEGAN
    calls: list[LoggedCall] = field(default_factory=list)
    open_calls: list[LoggedCall] = field(default_factory=list)

    def play(self, actions: list[tuple[str, int, Any]]) -> None:
        """Do what the story says, in its order."""
        for action, seconds, kinds in actions:
            back = action == "set back"
            self.clock += timedelta(seconds=-seconds if back else seconds)
            new = [
                LoggedCall(at=self.clock - timedelta(milliseconds=number), **kind)
                for number, kind in enumerate(kinds or ())
            ]
            if action == "write and go on":
                if not self.open_calls:
                    self.writer.execute("begin")
                write_calls(self.writer, new)
                self.open_calls += new
            elif action == "end":
                self.end()
            else:
                write_calls(self.caller, new)
                self.calls += new
            if action in ("roll up", "set back"):
                roll_up(self.database, self.clock)

    def end(self) -> None:
        """End the long transaction."""
        if self.open_calls:
            self.writer.execute("commit")
        self.calls += self.open_calls
        self.open_calls = []

    def windows(self, edges: list[tuple[int, int, int]]) -> list[tuple[datetime, datetime]]:
        """Return windows about the present moment of the story, minutes and hours among them."""
        found = []
        for back, microseconds, length in edges:
            since = self.clock + timedelta(seconds=back, microseconds=microseconds)
            found += [
                (since, since + timedelta(seconds=length)),
                (since.replace(second=0, microsecond=0), self.clock),
                (since.replace(minute=0, second=0, microsecond=0), self.clock),
            ]
        return found


@contextmanager
def played(database: TestDatabase, actions: list[tuple[str, int, Any]]) -> Iterator[Story]:
    """Give a story that has been played, in a log of its own."""
    start_anew(database, days=[BEGAN, BEGAN + timedelta(days=1)])
    with database.connect() as caller, database.connect() as writer:
        story = Story(database, caller, writer)
        story.play(actions)
        yield story


def counted(
    database: TestDatabase, since: datetime | str, until: datetime | str
) -> dict[tuple[str | None, ...], tuple[int, float]]:
    """Return what a reader counts in a window."""
    rows = database.execute(
        "select method, version, event, error_code, calls, duration_ms_max"
        " from messaging.call_counts(%s, %s)",
        *(since, until),
    )
    return {row[:4]: row[4:] for row in rows}


@LENIENT
@given(actions=STORIES, edges=EDGES, zone=st.sampled_from(ZONES))
def test_reader_counts_what_is_in_the_log(
    migrated: TestDatabase, actions: list[tuple[str, int, Any]], edges: list[Any], zone: str
) -> None:
    """Whenever it is rolled up, with long transactions and a clock set back, in any zone."""
    migrated.execute(f"set timezone to '{zone}'")
    with played(migrated, actions) as story:
        for since, until in story.windows(edges):
            assert counted(migrated, since, until) == counts(within(story.calls, since, until))
        story.end()
        # All that was written can be rolled up in the end.
        story.clock += timedelta(days=5)
        while roll_up(migrated, story.clock)["more"]:
            pass
        ((rolled_up,),) = migrated.execute("select sum(calls)::int from messaging.rpc_minutes")
        assert (rolled_up or 0) == len(story.calls)
        for since, until in story.windows(edges):
            assert counted(migrated, since, until) == counts(within(story.calls, since, until))
        assert counted(migrated, "-infinity", "infinity") == counts(story.calls)


@LENIENT
@given(actions=STORIES, edges=EDGES)
def test_percentiles_are_those_of_the_calls(
    migrated: TestDatabase, actions: list[tuple[str, int, Any]], edges: list[Any]
) -> None:
    """Up to an hour exactly, beyond with at most 1 % beside it."""
    with played(migrated, actions) as story:
        for since, until in story.windows(edges):
            calls = within(story.calls, since, until)
            error = 0.0 if until - since <= timedelta(hours=1) else 0.01
            compare_percentiles(migrated, calls, since, until, error)


def compare_percentiles(
    database: TestDatabase,
    calls: list[LoggedCall],
    since: datetime,
    until: datetime,
    error: float,
) -> None:
    """Hold the percentiles of a window to those of its calls, with that relative error."""
    found = {
        method: (number, *values)
        for method, number, *values in database.execute(
            "select * from messaging.latencies(%s, %s)", since, until
        )
    }
    calls = [call for call in calls if call.version != "v1"]
    assert set(found) == {call.method for call in calls} | ({"all"} if calls else set())
    for method, (number, *values) in found.items():
        durations = [call.duration for call in calls if method in ("all", call.method)]
        assert number == len(durations)
        for value, share in zip(values, (0.5, 0.95, 0.99), strict=True):
            wanted = percentile(durations, share) / 1000
            assert value == pytest.approx(wanted, rel=error + 1e-9)


@LENIENT
@given(
    kinds=st.lists(st.tuples(st.integers(0, 3 * 86_400), KINDS), max_size=25),
    edges=st.lists(st.integers(-10_000, 3 * 86_400), min_size=2, max_size=5),
    gone=st.sampled_from([1, 2]),
)
def test_days_that_are_dropped_stay_counted(
    migrated: TestDatabase, kinds: list[tuple[int, dict[str, Any]]], edges: list[int], gone: int
) -> None:
    """Where the log is gone, each minute counts in the window that it begins in; none twice."""
    days = [BEGAN + timedelta(days=number) for number in range(4)]
    start_anew(migrated, days=days)
    calls = [LoggedCall(at=BEGAN + timedelta(seconds=second), **kind) for second, kind in kinds]
    with migrated.connect() as caller:
        write_calls(caller, calls)
    before = counted(migrated, "-infinity", "infinity")
    while roll_up(migrated, BEGAN + timedelta(days=5))["more"]:
        pass
    for day in days[:gone]:
        migrated.execute(f"drop table messaging.rpc_events_{day:%Y%m%d}")
    assert counted(migrated, "-infinity", "infinity") == before

    kept = days[gone].replace(hour=0, minute=0)
    told = [
        call.at if call.at >= kept else call.at.replace(second=0, microsecond=0) for call in calls
    ]
    moments = [BEGAN + timedelta(seconds=second) for second in sorted(edges)]
    for since, until in pairwise(moments):
        found = counted(migrated, since, until)
        wanted = [call for at, call in zip(told, calls, strict=True) if since <= at < until]
        assert found == counts(wanted)
