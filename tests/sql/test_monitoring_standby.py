"""On a hot standby everything is read, and says what the primary says."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from carecli.embedded.prepare import prepare_database
from carecli.monitoring import load_metrics, read_metric
from tests.plugins.chaos import wait_for
from tests.plugins.command import Run
from tests.plugins.eventlog import LoggedCall, write_calls
from tests.plugins.messaging import MIGRATIONS
from tests.plugins.obstacles import standby
from tests.plugins.postgres import TestServer

pytestmark = pytest.mark.slow

COUNTS = "select * from messaging.call_counts('-infinity', 'infinity') order by 1, 2, 3, 4"
LATENCIES = "select * from messaging.latencies(now() - interval '3 days', now()) order by 1"


@pytest.fixture
def primary(server: TestServer) -> Iterator[Server]:
    """Give a server that a standby can follow."""
    home = Path(tempfile.mkdtemp(prefix="carecli-primary-", dir="/tmp"))
    home.chmod(0o711)
    settings = {"fsync": "off", "wal_level": "replica"}
    running = Server(
        server.bin or wheel_binaries(), home / "data", home / "socket", settings=settings
    )
    try:
        running.initialise(["--no-sync"])
        running.start()
        yield running
    finally:
        running.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


def test_standby_says_what_the_primary_says(primary: Server, carecli_run: Run) -> None:
    """Every metric is read there, from roll-ups and from the log; the verify scripts pass."""
    prepare_database(primary.url, "app", "postgres", sample=True)
    carecli_run("migrate", "--yes", "-d", primary.url("app", "postgres"), check=0)
    with psycopg.connect(primary.url("app", "postgres"), autocommit=True) as connection:
        ((now,),) = connection.execute("select now() - interval '1 second'").fetchall()
        write_calls(connection, [LoggedCall(at=now), LoggedCall(at=now.replace(hour=0, minute=0))])
        connection.execute("select messaging.roll_up()")
        write_calls(connection, [LoggedCall(at=now, event="server_error", code="server_error")])
        with standby(primary, primary.url("postgres")) as copy:
            replica = psycopg.connect(copy.url("app", "postgres"), autocommit=True)
            with replica:
                wait_for("the standby", lambda: read(replica, COUNTS) == read(connection, COUNTS))
                assert len(read(replica, COUNTS)) == 2
                assert read(replica, LATENCIES) == read(connection, LATENCIES)
                readings = [read_metric(replica, metric) for metric in load_metrics()]
                assert [item.metric.name for item in readings if item.problem] == []
                for change in ("call_rollups", "monitoring"):
                    replica.execute((MIGRATIONS / "verify" / f"{change}.sql").read_bytes())
                with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                    replica.execute("select messaging.roll_up()")


def read(connection: psycopg.Connection, query: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    return connection.execute(query.encode()).fetchall()
