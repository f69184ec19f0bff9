"""`carecli alerts`: the alert rules as a monitoring plugin."""

from __future__ import annotations

import json
import re
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
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People
from tests.plugins.obstacles import standby
from tests.plugins.postgres import TestServer

LOG = (
    "insert into messaging.rpc_events (occurred_at, request_id, service, method, event,"
    " error_code, version, duration_ms)"
    " select now() - interval '1 second', gen_random_uuid(), 'x', 'startHelpConversation',"
    " event, code, 'v2', 1 from generate_series(1, {count}), (values ({answer})) as v (event, code)"
)
SUCCESS = "'success', null"
FAILURE = "'server_error', 'rpc_error'"

ALL_WELL = re.compile(r"OK - no rule fires; \d+ holds?; \d+ have no data \| '[a-z_]+'=.+")


def log(database: TestDatabase, count: int, answer: str = SUCCESS) -> None:
    """Write so many creations into the event log."""
    database.execute(LOG.format(count=count, answer=answer))


def begin_v1(database: TestDatabase, people: People) -> None:
    """Let somebody begin in V1 though V2 is there for all."""
    database.execute("select messaging.set_rollout('enabled', null, 'test')")
    database.execute(
        "insert into public.conversations (created_by, created_at) values (%s, clock_timestamp())",
        people.ben,
    )


def test_nothing_fires(carecli_run: Run, migrated: TestDatabase) -> None:
    """On an empty log the exit code is 0, and what has no data is not called well."""
    done = carecli_run("alerts", "-d", migrated.url, check=0)
    first, *rest = done.stdout.splitlines()
    assert ALL_WELL.fullmatch(first)
    assert len([line for line in rest if line.startswith("no data  ")]) == 12
    assert [line.split()[1] for line in rest if line.startswith("ok ")] == [
        "connection_pool_critical"
    ]


def test_critical(carecli_run: Run, migrated: TestDatabase) -> None:
    """Creations that fail are exit code 2, with the figures and what to do."""
    log(migrated, 20)
    log(migrated, 20, FAILURE)
    done = carecli_run("alerts", "-d", migrated.url, check=2)
    first, *rest = done.stdout.splitlines()
    assert first.startswith("CRITICAL - 6 rules fire: creation_success_critical 50 % < 85 %, ")
    assert "'creation_success_critical'=0.5;;0.85:;0;1 " in first.partition(" | ")[2]
    assert rest[0] == (
        "CRITICAL creation_success_critical: 50 % < 85 % over 10 minutes, sample 40 (at least 20);"
        " rollback trigger"
    )
    assert rest[1] == (
        "    Page. If the errors are those of V2, turn it off: carecli rollout rollback"
    )


def test_warning_names_the_code(carecli_run: Run, migrated: TestDatabase) -> None:
    """A code that comes too often is exit code 1."""
    log(migrated, 194)
    log(migrated, 6, "'function_error', 'help_request_unavailable'")
    migrated.execute("select messaging.set_alert_rule('error_code_warning', 0.02)")
    done = carecli_run("alerts", "-d", migrated.url, check=1)
    assert done.stdout.startswith(
        "WARNING - 1 rule fires: error_code_warning (help_request_unavailable) 3 % > 2 %; "
    )


def test_info_is_shown_and_wakes_nobody(
    carecli_run: Run, migrated: TestDatabase, people: People
) -> None:
    """A creation in V1 after full rollout leaves the exit code at 0."""
    begin_v1(migrated, people)
    done = carecli_run("alerts", "-d", migrated.url, check=0)
    assert "; for the daily review: v1_creations_info 1 > 0; " in done.stdout.splitlines()[0]
    assert "INFO v1_creations_info: 1 > 0 over 1 day" in done.stdout


def test_json_has_stable_fields(carecli_run: Run, migrated: TestDatabase) -> None:
    """A program gets the same verdict, and the rules with numbers as numbers."""
    log(migrated, 20, FAILURE)
    done = carecli_run("alerts", "-d", migrated.url, "--format", "json", check=2)
    found = json.loads(done.stdout)
    assert set(found) == {"status", "exit_code", "summary", "alerts"}
    assert (found["status"], found["exit_code"]) == ("CRITICAL", 2)
    assert found["summary"].startswith("6 rules fire: ")
    assert "|" not in found["summary"]
    (alert,) = [a for a in found["alerts"] if a["name"] == "creation_success_critical"]
    assert alert == {
        "name": "creation_success_critical",
        "severity": "critical",
        "state": "firing",
        "series": "",
        "metric": "creation_success_rate",
        "value": 0.0,
        "comparison": "<",
        "threshold": 0.85,
        "sample": 20,
        "minimum_sample": 20,
        "time_window_seconds": 600.0,
        "rollback_trigger": True,
        "action": "Page. If the errors are those of V2, turn it off: carecli rollout rollback",
        "unit": "share",
        "data_expected": False,
    }


@pytest.mark.parametrize("output", ["text", "json"])
def test_no_connection(carecli_run: Run, output: str) -> None:
    """Where nobody listens the answer is UNKNOWN, on stdout, without the password."""
    url = "postgresql://monitor:hunter2@127.0.0.1:1/care"
    done = carecli_run("alerts", "-d", url, "--format", output, check=3)
    if output == "json":
        found = json.loads(done.stdout)
        assert (found["status"], found["exit_code"], found["alerts"]) == ("UNKNOWN", 3, [])
        assert found["summary"].startswith("cannot connect to ")
    else:
        assert done.stdout == "UNKNOWN - cannot connect to postgresql://monitor@127.0.0.1:1/care\n"
    assert "hunter2" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_no_rules(carecli_run: Run, database: TestDatabase) -> None:
    """A database without the change is UNKNOWN, and stderr says what to do."""
    done = carecli_run("alerts", "-d", database.url, check=3)
    assert done.stdout == "UNKNOWN - the database has no alert rules\n"
    assert "carecli migrate" in done.stderr


def test_no_rule_left(carecli_run: Run, migrated: TestDatabase) -> None:
    """Where every rule is switched off nothing is known, which is not well."""
    migrated.execute("update messaging.alert_rules set enabled = false")
    done = carecli_run("alerts", "-d", migrated.url, check=3)
    assert done.stdout == "UNKNOWN - there is no alert rule that is enabled\n"


def test_data_missing(carecli_run: Run, migrated: TestDatabase) -> None:
    """A rule that has to have data at any time, and has none, is UNKNOWN."""
    migrated.execute(
        "select messaging.set_alert_rule('slow_call_critical', p_data_expected => true)"
    )
    done = carecli_run("alerts", "-d", migrated.url, check=3)
    assert done.stdout.startswith(
        "UNKNOWN - no data where there has to be: slow_call_critical; 1 holds; 12 have no data | "
    )


def test_role_that_may_not(carecli_run: Run, migrated: TestDatabase) -> None:
    """A user of the application is told so."""
    url = f"{migrated.superuser_url}&options=-c%20role%3Dauthenticated"
    done = carecli_run("alerts", "-d", url, check=3)
    assert done.stdout == "UNKNOWN - this role may not evaluate the alert rules\n"
    assert "pg_monitor" in done.stderr


@pytest.mark.parametrize("role", ["pg_monitor", "service_role"])
def test_role_that_may(carecli_run: Run, migrated: TestDatabase, role: str) -> None:
    """Who watches needs no more than that."""
    url = f"{migrated.superuser_url}&options=-c%20role%3D{role}"
    done = carecli_run("alerts", "-d", url, check=0)
    assert ALL_WELL.fullmatch(done.stdout.splitlines()[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--bogus",), "No such option"),
        (("--format", "xml"), "'xml' is not one of"),
        (("--set", "x"), "gives no value"),
        (("-d", ""), "names no database"),
        (("-d", "postgresql://%zz"), "is not a connection string"),
    ],
)
def test_wrong_usage_is_unknown(carecli_run: Run, arguments: tuple[str, ...], words: str) -> None:
    """A slip in the monitor's configuration is no CRITICAL of the database."""
    done = carecli_run("alerts", *arguments, check=3)
    (line,) = done.stdout.splitlines()
    assert line.startswith("UNKNOWN - ")
    assert words in line
    assert "Traceback" not in done.stderr


def test_connection_that_is_lost(carecli_run: Run, migrated: TestDatabase) -> None:
    """A server that ends the session amid the evaluation leaves nothing known."""
    migrated.execute(
        "create or replace function messaging.measure(p_metric text, p_from timestamptz,"
        " p_until timestamptz) returns table (series text, value double precision, sample bigint)"
        " language sql stable as"
        " $$ select '', 1.0::float8, 1::bigint from pg_terminate_backend(pg_backend_pid()) $$"
    )
    done = carecli_run("alerts", "-d", migrated.url, check=3)
    (line,) = done.stdout.splitlines()
    assert line.startswith("UNKNOWN - the connection to ")
    assert line.endswith(" was lost")


# A server of our own ----------------------------------------------------------------------------

PLACES = 10
"""Of its connections that are open to users."""


@pytest.fixture(scope="module")
def small_server(server: TestServer, carecli_session_run: Run) -> Iterator[Server]:
    """Give a server with few places for connections, with our plan in its database `postgres`."""
    home = Path(tempfile.mkdtemp(prefix="carecli-small-", dir="/tmp"))
    home.chmod(0o711)
    settings = {
        "fsync": "off",
        "wal_level": "logical",
        "superuser_reserved_connections": "3",
        "max_connections": str(PLACES + 3),
    }
    running = Server(
        server.bin or wheel_binaries(), home / "data", home / "socket", settings=settings
    )
    try:
        running.initialise(["--no-sync"])
        running.start()
        with psycopg.connect(running.url("postgres"), autocommit=True) as connection:
            for script in sorted((data_directory("sql") / "platform").glob("*.sql")):
                connection.execute(script.read_bytes())
            connection.execute("grant create on database postgres to postgres")
        url = running.url("postgres", "postgres")
        carecli_session_run("migrate", "--yes", "-d", url, check=0)
        yield running
    finally:
        running.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.slow
def test_pool_that_fills_up(small_server: Server, carecli_run: Run) -> None:
    """At 80 % of the places the rule is silent; one connection more, and it fires."""
    url = small_server.url("postgres", "postgres")
    others = [psycopg.connect(url, autocommit=True)]
    try:
        # Those of the migration have ended for their clients before they have for the server.
        taken = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
        wait_for("the places to be free", lambda: others[0].execute(taken).fetchone() == (1,))
        others += [psycopg.connect(url) for _ in range(PLACES * 8 // 10 - 2)]
        done = carecli_run("alerts", "-d", url, check=0)
        assert "connection_pool_critical      80 % of 8; fires > 80 %" in done.stdout
        others.append(psycopg.connect(url))
        done = carecli_run("alerts", "-d", url, check=2)
        assert done.stdout.startswith(
            "CRITICAL - 1 rule fires: connection_pool_critical 90 % > 80 %; "
        )
    finally:
        for connection in others:
            connection.close()


@pytest.mark.slow
def test_standby_answers_as_the_primary_does(small_server: Server, carecli_run: Run) -> None:
    """On a hot standby the rules are evaluated and the change is verified, without a write."""
    url = small_server.url("postgres", "postgres")
    with standby(small_server, small_server.url("postgres")) as copy:
        with psycopg.connect(url) as connection:
            connection.execute(LOG.format(count=20, answer=FAILURE).encode())
        primary = carecli_run("alerts", "-d", url, "--format", "json", check=2)
        replica_url = copy.url("postgres", "postgres")
        with psycopg.connect(replica_url, autocommit=True) as replica:
            query = "select 1 from messaging.rpc_events having count(*) = 20"
            wait_for("the calls on the standby", lambda: replica.execute(query).fetchone())
            replica.execute((data_directory("migrations") / "verify/alert_rules.sql").read_bytes())
        told = carecli_run("alerts", "-d", replica_url, "--format", "json", check=2)

    def failing(output: str) -> dict[str, tuple[str, float, int]]:
        return {
            alert["name"]: (alert["state"], alert["value"], alert["sample"])
            for alert in json.loads(output)["alerts"]
            if "pool" not in alert["name"]
        }

    assert failing(told.stdout) == failing(primary.stdout)
