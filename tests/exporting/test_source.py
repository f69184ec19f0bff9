"""Rounds of queries on a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from carecli.exporting.rounds import TIMEOUT
from carecli.exporting.source import DatabaseSource
from carecli.monitoring import Metric, load_metrics
from tests.plugins.databases import TestDatabase
from tests.plugins.metrics import make_metric

OURS = "carecli metrics serve"
SLEEPS = "select 1 as value from pg_catalog.pg_sleep(60)"
Open = Callable[..., DatabaseSource]


@pytest.fixture
def source() -> Iterator[Open]:
    """Give a function that makes sources; they are closed at the end."""
    made: list[DatabaseSource] = []

    def make(conninfo: str, metrics: tuple[Metric, ...] = (), **options: object) -> DatabaseSource:
        made.append(DatabaseSource(conninfo, metrics, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


def sessions(database: TestDatabase) -> list[int]:
    """Return the server's processes that serve the exporter."""
    rows = database.connect(superuser=True).execute(
        "select pid from pg_stat_activity where application_name = %s and datname = %s",
        [OURS, database.name],
    )
    return [pid for (pid,) in rows]


def test_round_reads_metrics_and_rules(migrated: TestDatabase, source: Open) -> None:
    """Everything of the folder, and every rule of the database."""
    metrics = load_metrics()
    found = source(migrated.url, metrics).read(60)
    assert (found.up, found.error) == (True, None)
    assert [reading.metric for reading in found.readings] == list(metrics)
    assert {reading.status for reading in found.readings} <= {"ok", "no data"}
    ((rules,),) = migrated.execute("select count(*) from messaging.alert_rules where enabled")
    assert len({alert.name for alert in found.alerts or ()}) == rules


def test_connection_is_kept(migrated: TestDatabase, source: Open) -> None:
    """Two rounds have one connection, and the second one no start of a session."""
    opened = source(migrated.url, load_metrics())
    opened.read(60)
    before = sessions(migrated)
    opened.read(60)
    assert sessions(migrated) == before
    assert len(before) == 1


def test_connection_that_was_lost_is_opened_again(migrated: TestDatabase, source: Open) -> None:
    """A session that was ended between two rounds costs none of them."""
    opened = source(migrated.url, load_metrics())
    opened.read(60)
    (pid,) = sessions(migrated)
    migrated.connect(superuser=True).execute("select pg_terminate_backend(%s, 10000)", [pid])
    assert opened.read(60).up
    assert len(sessions(migrated)) == 1


def test_database_without_our_plan_is_up(database: TestDatabase, source: Open) -> None:
    """The rules cannot be evaluated there, and that is told by its kind."""
    found = source(database.url).read(60)
    assert (found.up, found.alerts, found.error) == (True, None, "InvalidSchemaName")


@pytest.mark.parametrize(
    ("conninfo", "kind"),
    [
        ("postgresql://me:hush@127.0.0.1:1/x", "CannotConnect"),
        ("host=/nowhere dbname=x password=hush", "CannotConnect"),
    ],
)
def test_dead_database_is_not_up(source: Open, conninfo: str, kind: str) -> None:
    """The kind of fault is told, and no word of the connection string."""
    lines: list[str] = []
    found = source(conninfo, load_metrics(), tell=lines.append).read(30)
    assert (found.up, found.error, found.readings) == (False, kind, ())
    assert lines == [f"not everything can be read: {kind}"]


def test_trouble_is_told_once(migrated: TestDatabase, source: Open) -> None:
    """When it begins and when it is over; not at each scrape."""
    lines: list[str] = []
    opened = source(migrated.url, tell=lines.append)
    opened.read(60)
    migrated.execute("alter function messaging.evaluate_alerts rename to gone")
    opened.read(60)
    opened.read(60)
    migrated.execute("alter function messaging.gone rename to evaluate_alerts")
    opened.read(60)
    opened.read(60)
    assert lines == [
        "not everything can be read: UndefinedFunction",
        "everything can be read again",
    ]


def test_slow_metric_leaves_time_for_the_others(migrated: TestDatabase, source: Open) -> None:
    """Its query is stopped by the server; the round is whole but for that."""
    metrics = (make_metric(SLEEPS, "slow"), make_metric("select 1 as value", "swift"))
    found = source(migrated.url, metrics).read(8)
    assert [(reading.metric.name, reading.status) for reading in found.readings] == [
        ("slow", "unavailable"),
        ("swift", "ok"),
    ]
    assert found.up


def test_round_ends_in_time(migrated: TestDatabase, source: Open) -> None:
    """What is not come to any more is unavailable, and the round is no good one."""
    metrics = tuple(make_metric(SLEEPS, f"slow_{number}") for number in range(6))
    found = source(migrated.url, metrics).read(0.5)
    assert (found.up, found.error) == (False, TIMEOUT)
    assert [reading.status for reading in found.readings] == ["unavailable"] * 6
    assert found.readings[-1].problem == "the round's time was up"


def test_lock_on_a_table_does_not_hold_the_round(migrated: TestDatabase, source: Open) -> None:
    """A migration that holds the conversations' table costs the metrics that read it, no more."""
    with migrated.connect() as other, other.transaction():
        other.execute("lock table public.conversations_v2")
        found = source(migrated.url, load_metrics()).read(4)
    status = {reading.metric.name: reading.status for reading in found.readings}
    assert status["active_conversations_v2_total"] == "unavailable"


def test_metrics_are_read_in_transactions_that_only_read(
    migrated: TestDatabase, source: Open
) -> None:
    """A query that would write is unavailable."""
    migrated.execute("create sequence public.writes")
    writes = make_metric("select nextval('public.writes') as value")
    (reading,) = source(migrated.url, (writes,)).read(60).readings
    assert "read-only transaction" in (reading.problem or "")


def test_member_of_pg_monitor_sees_everything(migrated: TestDatabase, source: Open) -> None:
    """That is who an exporter should log in as."""
    with migrated.server.administration() as connection:
        connection.execute("create role exporter_watching login")
        connection.execute("grant pg_monitor to exporter_watching")
    try:
        url = psycopg.conninfo.make_conninfo(migrated.url, user="exporter_watching")
        opened = source(url, load_metrics())
        found = opened.read(60)
        opened.close()
        unread = {r.metric.name: r.problem for r in found.readings if r.status == "unavailable"}
        assert (found.up, found.error, unread) == (True, None, {})
        assert found.alerts
    finally:
        with migrated.server.administration() as connection:
            connection.execute("drop role exporter_watching")
