"""`carecli rollout` on a hot standby: the gate is read there; the guard has to be elsewhere."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

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

NAME: dict[str, str | None] = {"SQITCH_FULLNAME": "Ada", "SQITCH_EMAIL": "ada@example.org"}
FAILURES = (
    "insert into messaging.rpc_events (occurred_at, request_id, service, method, event,"
    " error_code, version, duration_ms)"
    " select clock_timestamp(), gen_random_uuid(), 'test', 'startHelpConversation',"
    " 'server_error', 'server_error', 'v2', 1 from generate_series(1, 30)"
)


@pytest.fixture
def primary(server: TestServer, carecli_run: Run) -> Iterator[Server]:
    """Give a server of its own, with our plan in its database `postgres` and V2 on for all."""
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
        carecli_run("rollout", "set", "enabled", "--reason", "x", "-d", url, env=NAME, check=0)
        yield running
    finally:
        running.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


def test_standby_shows_the_gate_and_guards_nothing(primary: Server, carecli_run: Run) -> None:
    """Flag and gate are those of the primary. The guard looks on as long as all is well; where it
    would have to turn V2 off, it says that it cannot.
    """
    with standby(primary, primary.url("postgres")) as copy:
        url = copy.url("postgres", "postgres")
        found = json.loads(carecli_run("rollout", "-d", url, "--format", "json", check=0).stdout)
        assert (found["strategy"], found["gate"]["phase"]) == ("enabled", "enabled")
        with psycopg.connect(url, autocommit=True) as replica:
            script = data_directory("migrations") / "verify" / "rollout_gates.sql"
            replica.execute(script.read_bytes())
            guard = ("rollout", "guard", "--once", "-d", url)
            done = carecli_run(*guard, env=NAME, check=0)
            assert "watching  2 rules watch over enabled" in done.stdout

            with psycopg.connect(primary.url("postgres", "postgres")) as connection:
                connection.execute(FAILURES)
            query = "select 1 from messaging.rpc_events having count(*) = 30"
            wait_for("the calls on the standby", lambda: replica.execute(query).fetchone())
        done = carecli_run(*guard, env=NAME, check=3)
        assert "unknown   the rules cannot be evaluated: cannot execute " in done.stdout
        step = ("rollout", "advance", "--reason", "x", "-d", url)
        assert "Error" in carecli_run(*step, env=NAME, check=1).stderr
