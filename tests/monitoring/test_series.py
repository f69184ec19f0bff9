"""The course of a metric over its window."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from carecli.monitoring import Line, read_courses, read_metric, read_series
from tests.plugins.databases import TestDatabase
from tests.plugins.metrics import CALLS, make_metric

UNTIL = datetime(2026, 3, 29, 12, 30, 20, tzinfo=UTC)
GONE = "select %(until)s - %(window)s, count(*) as value from public.gone"

EVENTS = """\
select count(*) as value
from public.probe_events
where at >= %(until)s - %(window)s and at < %(until)s
"""
events = make_metric(EVENTS, window="1 hour")


@pytest.fixture
def database_of_events(empty_database: TestDatabase) -> TestDatabase:
    """Give a database with a table of moments."""
    empty_database.execute("create table public.probe_events (at timestamptz not null)")
    return empty_database


def insert(database: TestDatabase, *moments: datetime) -> None:
    """Write rows of these moments."""
    database.execute(
        "insert into public.probe_events select unnest(%s::timestamptz[])", list(moments)
    )


def test_slots_of_whole_minutes(database_of_events: TestDatabase) -> None:
    """From a minute on, the inner edges are those of the roll-ups; the outer ones are exact."""
    series = read_series(database_of_events.connect(), events, until=UNTIL)
    assert (series.edges[0], series.edges[-1]) == (UNTIL - timedelta(hours=1), UNTIL)
    inner = series.edges[1:-1]
    assert all(isinstance(edge, datetime) and edge.second == 0 for edge in inner)
    assert {later - earlier for earlier, later in pairwise(inner)} == {timedelta(minutes=3)}
    assert len(series.edges) - 1 == 20


@pytest.mark.parametrize(
    ("window", "slots"),
    [("24 hours", 24), ("7 days", 24), ("24 min", 24), ("5 min", 24), ("7s", 24), ("25 min", 13)],
)
def test_no_more_slots_than_asked_for(
    database_of_events: TestDatabase, window: str, slots: int
) -> None:
    """Short windows have equal slots; others may have fewer."""
    found = make_metric(EVENTS, window=window)
    series = read_series(database_of_events.connect(), found, until=UNTIL)
    assert len(series.edges) - 1 == slots


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture],
          max_examples=30)  # fmt: skip
@given(
    ages=st.lists(st.integers(-5_000, 200_000), max_size=30),
    window=st.integers(1, 100_000),
    slots=st.integers(1, 40),
    until=st.integers(0, 100_000),
)
@example(ages=[0, 1, 30, 1440, 1441, 1442], window=1441, slots=24, until=0)
def test_all_slots_together_are_the_window(
    database_of_events: TestDatabase, ages: list[int], window: int, slots: int, until: int
) -> None:
    """Each event is in the slot whose edges are around it, and none is lost or counted twice."""
    database, end = database_of_events, UNTIL + timedelta(seconds=until)
    connection = database.connect()
    moments = [end - timedelta(seconds=age) for age in ages]
    length = timedelta(seconds=window)
    database.execute("truncate public.probe_events")
    insert(database, *moments)
    series = read_series(connection, events, length, slots=slots, until=end)
    edges = [edge for edge in series.edges if isinstance(edge, datetime)]
    assert edges == sorted(set(edges))
    assert len(edges) - 1 <= slots
    expected = tuple(
        sum(start <= moment < stop for moment in moments) for start, stop in pairwise(edges)
    )
    assert [line.values for line in series.lines] == [expected]
    (sample,) = read_metric(connection, events, length, until=end).samples
    assert sum(expected) == sample.value
    connection.close()


def test_series_that_is_absent_in_a_slot_has_a_gap(migrated: TestDatabase) -> None:
    """A method nobody called has no data there, not zero."""
    migrated.execute(
        "select messaging.record_call('sendMessage', clock_timestamp(), "
        "jsonb_build_object('success', true, 'request_id', 'v2_1_a'), null)"
    )
    found = make_metric(CALLS, window="5 min", labels="method")
    # Slots end at whole minutes, the last one with that of the call.
    ((until,),) = migrated.execute(
        "select date_trunc('minute', occurred_at) + interval '1 minute' from messaging.rpc_events"
    )
    (line,) = read_series(migrated.connect(), found, until=until, slots=5).lines
    assert (line.labels, line.measure) == ({"method": "sendMessage"}, "calls")
    assert line.values == (None, None, None, None, 1)


def test_metric_without_any_data_has_no_line(migrated: TestDatabase) -> None:
    """There is nothing to draw, of no rows as of nothing but nulls."""
    nulls = "select null::float8 as value where %(until)s is not null and %(window)s is not null"
    for found in (
        make_metric(CALLS, window="1h", labels="method"),
        make_metric(nulls, window="1h"),
    ):
        series = read_series(migrated.connect(), found)
        assert (series.lines, series.problem) == ((), None)


def test_slots_are_seen_without_a_window(database_of_events: TestDatabase) -> None:
    """What is only now has no course."""
    series = read_series(database_of_events.connect(), make_metric("select 1 as value"))
    assert (series.window, series.edges, series.lines) == (None, (), ())


def test_query_with_expressions_of_its_own(database_of_events: TestDatabase) -> None:
    """Common table expressions, comments and an order of the rows stay what they are."""
    insert(database_of_events, UNTIL - timedelta(minutes=1))
    found = make_metric(
        "with seen as (\n"
        + EVENTS
        + ")\nselect value % 5 as value from seen\norder by value limit 1 -- to the end".replace(
            "% ", "%% "
        ),
        window="1 hour",
    )
    series = read_series(database_of_events.connect(), found, until=UNTIL, slots=2)
    assert [line.values for line in series.lines] == [(0, 1)]


def test_course_that_fails_spoils_no_other(database_of_events: TestDatabase) -> None:
    """Each metric is read on its own."""
    missing = make_metric(GONE, window="1 hour")
    read = read_courses(database_of_events.connect(), [events, missing, events], until=UNTIL)
    assert [series.problem is None for series in read] == [True, False, True]
    assert "public.gone" in (read[1].problem or "")


@pytest.mark.parametrize(
    "query",
    [
        "select %(until)s::text || %(window)s as value",
        "select 'x' as code, %(until)s - %(window)s as value",
    ],
    ids=["no label", "no number"],
)
def test_query_that_does_not_keep_its_header(database_of_events: TestDatabase, query: str) -> None:
    """The course is not there, with what is wrong."""
    found = make_metric(query, window="1 hour", labels="code")
    assert read_series(database_of_events.connect(), found).problem


def test_metric_by_day_is_its_own_course(database_of_events: TestDatabase) -> None:
    """Its slots are the days, from the first that has a row to the newest; a day between, gap."""
    insert(
        database_of_events,
        UNTIL - timedelta(days=3),
        UNTIL - timedelta(days=3, minutes=1),
        UNTIL - timedelta(days=1),
    )
    found = make_metric(
        "select 'all' as kind, at::date as day, count(*) as value from public.probe_events"
        " where at >= %(until)s - %(window)s and at < %(until)s group by day order by day desc",
        labels="kind, day",
        window="7 days",
    )
    series = read_series(database_of_events.connect(), found, until=UNTIL)
    assert series.lines == (Line({"kind": "all"}, "value", (2, None, 1)),)
    assert series.edges == tuple(date(2026, 3, day) for day in (26, 27, 28, 29))


def test_line_is_found_by_its_labels(migrated: TestDatabase) -> None:
    """The table asks for the course of the series that it shows."""
    migrated.execute(
        "select messaging.record_call(method, clock_timestamp(), "
        "jsonb_build_object('success', true, 'request_id', 'v2_' || method), null)"
        " from unnest(array['sendMessage', 'getMessages']) as method"
    )
    found = make_metric(CALLS, window="5 min", labels="method")
    series = read_series(migrated.connect(), found, slots=2)
    line = series.line_of({"method": "sendMessage"}, "calls")
    assert line is not None
    assert line.values == (None, 1)
    assert series.line_of({"method": "startHelpConversation"}, "calls") is None
    assert series.line_of({"method": "sendMessage"}, "value") is None
