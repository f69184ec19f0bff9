"""What a metric says now, and the verdict on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from carecli.monitoring import read_metric, read_metrics
from tests.plugins.databases import TestDatabase
from tests.plugins.metrics import make_metric, values_of

GONE = "select count(*) as value from public.gone"
SPAN = "select extract(epoch from %(until)s) as until, extract(epoch from %(window)s) as length"


def test_null_is_no_data(empty_database: TestDatabase) -> None:
    """A metric whose only value is null has none."""
    reading = read_metric(
        empty_database.connect(), make_metric("select null::numeric as value", target="value < 1")
    )
    assert (reading.status, reading.verdict) == ("no data", "no data")


@pytest.mark.parametrize("value", ["'nan'::float8", "'infinity'::float8", "'nan'::numeric"])
def test_what_is_no_number_is_no_data(empty_database: TestDatabase, value: str) -> None:
    """It is neither a value nor on any side of a target."""
    reading = read_metric(
        empty_database.connect(), make_metric(f"select {value} as value", target="value > 0")
    )
    assert (values_of(reading), reading.verdict) == ([("value", None)], "no data")


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ("('a', 0.4, 1.0)", "ok"),
        ("('a', 0.5, 1.0)", "breach"),
        ("('a', 0.4, 1.0), ('b', 0.6, 1.0)", "breach"),
        ("('a', 0.4, 3.0)", "breach"),
        ("('a', null, 1.0)", "no data"),
        ("('a', null, null)", "no data"),
        ("('a', null, 1.0), ('b', 0.1, null)", "ok"),
        ("('a', null, 1.0), ('b', 0.9, null)", "breach"),
    ],
)
def test_verdict(empty_database: TestDatabase, rows: str, verdict: str) -> None:
    """One value on the wrong side breaks the target; a target that has no value is not met."""
    found = make_metric(
        f"select * from (values {rows}) as seen (method, p95, p99)",
        labels="method",
        target="p95 < 0.5, p99 < 2",
    )
    assert read_metric(empty_database.connect(), found).verdict == verdict


def test_verdict_without_a_target(empty_database: TestDatabase) -> None:
    """There is none; but no data is said to be that."""
    connection = empty_database.connect()
    assert read_metric(connection, make_metric("select 1 as value")).verdict == ""
    assert read_metric(connection, make_metric("select 1 as value where false")).verdict == (
        "no data"
    )


def test_verdict_of_each_sample(empty_database: TestDatabase) -> None:
    """A measure without a target has none."""
    reading = read_metric(
        empty_database.connect(),
        make_metric("select 9 as p50, 0.4 as p95, null::int as p99", target="p95 < 1, p99 < 2"),
    )
    assert [reading.verdict_of(sample) for sample in reading.samples] == ["", "ok", "no data"]


def test_metric_that_fails_spoils_no_other(empty_database: TestDatabase) -> None:
    """Each metric is read on its own; the one that failed is neither ok nor without data."""
    sound, missing = make_metric("select 1 as value"), make_metric(GONE, target="value < 1")
    readings = read_metrics(empty_database.connect(), [sound, missing, sound])
    assert [reading.status for reading in readings] == ["ok", "unavailable", "ok"]
    assert (readings[1].verdict, readings[1].samples) == ("unavailable", ())
    assert "public.gone" in (readings[1].problem or "")


@pytest.mark.parametrize(
    ("query", "fields", "problem"),
    [
        ("select 1 as value", {"labels": "method"}, "no column method"),
        ("select 1 as value where false", {"target": "p95 < 1"}, "no column p95"),
        ("select 'x' as value", {}, "must be a number"),
    ],
)
def test_query_that_does_not_keep_its_header(
    empty_database: TestDatabase, query: str, fields: dict[str, str], problem: str
) -> None:
    """The metric is unavailable, with what is wrong with it."""
    reading = read_metric(empty_database.connect(), make_metric(query, **fields))
    assert reading.status == "unavailable"
    assert problem in (reading.problem or "")


def test_metric_that_takes_too_long_is_unavailable(empty_database: TestDatabase) -> None:
    """The time limit is the query's own, and does not stay on the connection."""
    connection = empty_database.connect()
    slow = make_metric("select count(pg_sleep(60)) as value")
    reading = read_metric(connection, slow, timeout=timedelta(milliseconds=50))
    assert "statement timeout" in (reading.problem or "")
    assert connection.execute("show statement_timeout").fetchone() == ("0",)


def test_window_ends_now(empty_database: TestDatabase) -> None:
    """Nothing else being said, the end is the moment of the reading, by the server's clock."""
    connection = empty_database.connect()
    span = make_metric(SPAN, window="7 days")
    before, after = (
        connection.execute("select extract(epoch from clock_timestamp())").fetchone(),
        values_of(read_metric(connection, span)),
    )
    assert before is not None
    (_, until), (_, length) = after
    assert 0 <= until - float(before[0]) < 30
    assert length == 7 * 86_400


def test_window_and_its_end_can_be_chosen(empty_database: TestDatabase) -> None:
    """Both are the query's parameters."""
    until = datetime(2026, 3, 29, 3, tzinfo=UTC)
    reading = read_metric(
        empty_database.connect(),
        make_metric(SPAN, window="7 days"),
        timedelta(hours=6),
        until=until,
    )
    assert values_of(reading) == [("until", until.timestamp()), ("length", 21_600)]
    assert reading.window == timedelta(hours=6)


def test_day_has_24_hours(empty_database: TestDatabase) -> None:
    """The clocks of the session's time zone, which go forward that night, have no say in it."""
    connection = empty_database.connect(options="-c timezone=Europe/Berlin")
    query = "select extract(epoch from %(until)s - (%(until)s - %(window)s)) as value"
    reading = read_metric(
        connection,
        make_metric(query, window="1 day"),
        until=datetime(2026, 3, 29, 12, tzinfo=UTC),
    )
    assert values_of(reading) == [("value", 86_400)]


def test_metric_without_a_window_keeps_its_percent_signs(empty_database: TestDatabase) -> None:
    """It has no parameters, and so no placeholders."""
    query = "select count(*) as value where 'abc' like '%b%'"
    assert values_of(read_metric(empty_database.connect(), make_metric(query))) == [("value", 1)]
