"""`carecli metrics` on a hot standby, which can only be read."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from carecli.resources import data_directory
from tests.plugins.chaos import wait_for
from tests.plugins.command import Run
from tests.plugins.obstacles import standby
from tests.plugins.postgres import TestServer

pytestmark = pytest.mark.slow

CALLS = (
    "select messaging.record_call('startHelpConversation', clock_timestamp(),"
    " jsonb_build_object('success', true, 'request_id', 'v2_9_' || number), null)"
    " from generate_series(1, 20) as number"
)


@pytest.fixture
def primary(server: TestServer, carecli_run: Run) -> Iterator[Server]:
    """Give a server of its own, with our plan in its database `postgres` and calls in its log."""
    home = Path(tempfile.mkdtemp(prefix="carecli-primary-", dir="/tmp"))
    home.chmod(0o711)
    running = Server(
        server.bin or wheel_binaries(),
        home / "data",
        home / "socket",
        settings={"fsync": "off", "wal_level": "logical"},
    )
    try:
        running.initialise(["--no-sync"])
        running.start()
        with psycopg.connect(running.url("postgres"), autocommit=True) as connection:
            for script in sorted((data_directory("sql") / "platform").glob("*.sql")):
                connection.execute(script.read_bytes())
            connection.execute("grant create on database postgres to postgres")
        url = running.url("postgres", "postgres")
        carecli_run("migrate", "--yes", "-d", url, check=0)
        with psycopg.connect(url) as connection:
            connection.execute(CALLS)
        yield running
    finally:
        running.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


def metrics_of(run: Run, url: str) -> dict[str, Any]:
    """Return each metric that the command gives, by name."""
    done = run("metrics", "-d", url, "--format", "json", check=0)
    assert "unavailable" not in done.stderr
    return {metric["metric"]: metric for metric in json.loads(done.stdout)}


def test_standby_answers_as_the_primary_does(primary: Server, carecli_run: Run) -> None:
    """Every metric and the rules are read there; the standby adds how far it is behind."""
    with standby(primary, primary.url("postgres")) as copy:
        replica_url = copy.url("postgres", "postgres")
        with psycopg.connect(replica_url, autocommit=True) as replica:
            query = "select 1 from messaging.rpc_events having count(*) = 20"
            wait_for("the calls on the standby", lambda: replica.execute(query).fetchone())
        here = metrics_of(carecli_run, primary.url("postgres", "postgres"))
        there = metrics_of(carecli_run, replica_url)
        shown = carecli_run("metrics", "-d", replica_url, check=0)
    for name in ("conversation_creation_success_rate", "rpc_create_conversation_calls_total"):
        assert there[name]["samples"] == here[name]["samples"]
        assert there[name]["samples"]
    (lag,) = there["replay_lag_seconds"]["samples"]
    assert lag["labels"] == {"replica": "this server"}
    assert shown.stdout.startswith("OK - ")
    assert "unavailable" not in shown.stdout
