"""`carecli metrics serve`, as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any

import click
import psycopg
import pytest

from carecli.commands._metrics_serve import _serve_until_signalled
from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from carecli.embedded.prepare import prepare_database
from carecli.exporting.rounds import Rounds
from carecli.exporting.server import Exporter
from carecli.exporting.source import DatabaseSource
from tests.plugins.chaos import wait_for
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.exporting import Serve, Served, fetch
from tests.plugins.postgres import TestServer

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}
TOGETHER = 50
OURS = (
    "select count(*) from pg_stat_activity where application_name like 'carecli%%' and datname = %s"
)


@pytest.fixture
def served(migrated: TestDatabase, start_exporter: Serve) -> Served:
    """Give an exporter of a database that has our plan; it asks at each scrape."""
    return start_exporter("-d", migrated.url, "--cache", "0s")


def connections(database: TestDatabase) -> int:
    """Return how many connections the exporter has."""
    with psycopg.connect(database.superuser_url) as observer:
        row = observer.execute(OURS, [database.name]).fetchone()
    return row[0] if row else 0


def ended(served: Served) -> tuple[int, str, str]:
    """Wait for the end of the command; return its exit code and what it said."""
    assert served.command is not None
    done = served.command.finish()
    return done.returncode, done.stdout, done.stderr


def test_first_line_is_the_url(served: Served, migrated: TestDatabase) -> None:
    """From then on it answers; on stderr is which database it watches."""
    assert served.value("up") == 1
    assert served.value("rules_up") == 1
    served.process.send_signal(signal.SIGTERM)
    code, out, err = ended(served)
    assert (code, out) == (143, "")
    assert err.startswith("Database: postgresql://")


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_ends_it(served: Served, migrated: TestDatabase, number: signal.Signals) -> None:
    """With the exit code of the signal, no traceback, and no connection left."""
    served.scrape()
    served.process.send_signal(number)
    code, _, err = ended(served)
    assert code == SIGNALS[number]
    assert "Traceback" not in err
    wait_for("the session to end", lambda: connections(migrated) == 0)


def test_signal_is_not_lost_after_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where it comes while the thread that answered is still being put away."""
    rounds = Rounds(DatabaseSource("postgresql://me@127.0.0.1:1/x", ()), limit=1, keep=0)
    exporter = Exporter(("127.0.0.1", 0), rounds)
    answer = ThreadingMixIn.process_request

    def answer_and_signal(self: ThreadingMixIn, request: Any, client: Any) -> None:
        answer(self, request, client)
        assert fetched.result().status == 200
        os.kill(os.getpid(), signal.SIGTERM)
        # A signal strikes between two instructions of the main thread; this may be that thread.
        time.sleep(0.1)

    monkeypatch.setattr(ThreadingMixIn, "process_request", answer_and_signal)
    late = threading.Timer(20, os.kill, (os.getpid(), signal.SIGTERM))
    late.start()
    try:
        with ThreadPoolExecutor(1) as pool:
            fetched = pool.submit(fetch, exporter.url.replace("/metrics", "/healthz"))
            with pytest.raises(click.exceptions.Exit) as caught:
                _serve_until_signalled(exporter, rounds)
        assert not late.finished.is_set(), "only the second signal ended it"
    finally:
        late.cancel()
    assert caught.value.exit_code == 143


def test_signal_ends_it_though_clients_hold_every_place(served: Served) -> None:
    """Clients that begin a request and never end it keep nobody from stopping the exporter."""
    host, port = urllib.parse.urlsplit(served.url).netloc.split(":")
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(140)
        ]

        def keep_on() -> bool:
            for client in clients:
                with suppress(OSError):
                    client.send(b"G")
            return served.process.poll() is not None

        wait_for("the places to be taken", lambda: threads_of(served.process.pid) > 129)
        served.process.send_signal(signal.SIGTERM)
        wait_for("its end", keep_on)
    assert ended(served)[0] == 143


def threads_of(process: int) -> int:
    """Return how many threads a process has."""
    return len(list(Path(f"/proc/{process}/task").iterdir()))


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_signal_ends_it_amid_a_scrape(
    migrated: TestDatabase, start_exporter: Serve, number: signal.Signals
) -> None:
    """A query that waits for a lock does not keep it alive."""
    served = start_exporter("-d", migrated.url, "--timeout", "60s")
    with migrated.connect() as other, other.transaction(), ThreadPoolExecutor(1) as pool:
        other.execute("lock table public.conversations_v2")
        scrape = pool.submit(served.page, "/metrics")
        wait_for("the exporter to wait", lambda: waiting(migrated))
        served.process.send_signal(number)
        code, _, err = ended(served)
        # The lock is still held: the query was stopped.
        wait_for("the session to end", lambda: connections(migrated) == 0, timeout=10)
        assert scrape.exception() is not None or scrape.result().status == 200
    assert code == SIGNALS[number]
    assert "Traceback" not in err


def waiting(database: TestDatabase) -> object:
    """Tell whether the exporter's session waits for a lock."""
    with psycopg.connect(database.superuser_url) as observer:
        return observer.execute(
            "select 1 from pg_stat_activity where application_name = 'carecli metrics serve'"
            " and datname = %s and wait_event_type = 'Lock'", [database.name],
        ).fetchone()  # fmt: skip


def test_ipv6(migrated: TestDatabase, start_exporter: Serve) -> None:
    """The URL has the address in brackets."""
    served = start_exporter("-d", migrated.url, "--listen", "[::1]:0")
    assert served.url.startswith("http://[::1]:")
    assert served.value("up") == 1


@pytest.mark.parametrize("listen", ["", "9187", "nowhere", "127.0.0.1:port", "::1:9187"])
def test_address_that_is_none_is_a_usage_error(carecli_run: Run, listen: str) -> None:
    """The hint shows how to write one; no database is asked."""
    done = carecli_run("metrics", "serve", "--listen", listen, "-d", "postgresql:///", check=2)
    assert "Hint: Write 127.0.0.1:9187" in done.stderr


def test_port_that_is_taken_is_an_error(carecli_run: Run) -> None:
    """It is named, and no traceback is shown."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = carecli_run("metrics", "serve", "--listen", address, "-d", "postgresql:///", check=1)
    assert f"cannot listen on {address}\n  Address already in use" in done.stderr


def test_time_without_a_sense_is_a_usage_error(carecli_run: Run) -> None:
    """No query could be answered within it."""
    carecli_run("metrics", "serve", "--timeout", "1ms", "-d", "postgresql:///", check=2)


def test_result_is_kept_for_the_time_of_cache(
    migrated: TestDatabase, start_exporter: Serve
) -> None:
    """A second scrape within it asks nobody."""
    served = start_exporter("-d", migrated.url, "--cache", "1h")
    assert [served.value("query_rounds_total"), served.value("query_rounds_total")] == [1, 1]


def test_each_scrape_asks_without_cache(served: Served) -> None:
    """Scrapes one after another are rounds of their own."""
    assert [served.value("query_rounds_total"), served.value("query_rounds_total")] == [1, 2]


@pytest.mark.slow
def test_fifty_scrapes_at_once_have_one_connection(served: Served, migrated: TestDatabase) -> None:
    """All are answered, and the server never sees a second connection of ours."""
    with most_connections(migrated) as seen, ThreadPoolExecutor(TOGETHER) as pool:
        for _ in range(5):
            answers = list(pool.map(lambda _: served.scrape(), range(TOGETHER)))
            assert {answer["carecli_up", frozenset()] for answer in answers} == {1}
    rounds = served.value("query_rounds_total")
    assert rounds is not None
    assert rounds < 5 * TOGETHER / 2
    assert seen == {1}


@contextmanager
def most_connections(database: TestDatabase) -> Iterator[set[int]]:
    """Watch how many connections the exporter has, as long as the block lasts."""
    seen: set[int] = set()
    done = threading.Event()
    observer = database.connect(superuser=True)

    def watch() -> None:
        while not done.is_set():
            row = observer.execute(OURS, [database.name]).fetchone()
            if row and row[0]:
                seen.add(row[0])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


@pytest.mark.slow
def test_slow_database_has_never_more_than_two_connections(
    migrated: TestDatabase, start_exporter: Serve
) -> None:
    """Fifty scrapes, and fifty again, while nothing can be read: all are answered, in time."""
    served = start_exporter("-d", migrated.url, "--cache", "0s", "--timeout", "3s")
    wait_for("a reading", lambda: served.value("up") == 1)
    with (
        most_connections(migrated) as seen,
        migrated.connect() as other,
        other.transaction(),
        ThreadPoolExecutor(TOGETHER) as pool,
    ):
        for table in ("rpc_events", "alert_rules", "rollout"):
            other.execute(f"lock table messaging.{table}")
        other.execute("lock table public.conversations_v2, public.messages_v2")
        for _ in range(3):
            answers = list(pool.map(lambda _: served.scrape(), range(TOGETHER)))
            assert {answer["carecli_up", frozenset()] for answer in answers} == {0}
    assert max(seen) <= 2
    wait_for("a reading", lambda: served.value("up") == 1)


@pytest.mark.slow
def test_frozen_server_is_left(migrated: TestDatabase, start_exporter: Serve) -> None:
    """A session that does not even hear of a time limit: the scrape ends all the same."""
    served = start_exporter("-d", migrated.url, "--cache", "0s", "--timeout", "3s")
    wait_for("a reading", lambda: served.value("up") == 1)
    ((pid,),) = migrated.connect(superuser=True).execute(
        "select pid from pg_stat_activity where application_name = 'carecli metrics serve'"
        " and datname = %s", [migrated.name],
    ).fetchall()  # fmt: skip
    os.kill(pid, signal.SIGSTOP)
    try:
        late = served.scrape()
        assert late["carecli_up", frozenset()] == 0
        assert ("carecli_last_error_info", frozenset({("class", "timeout")})) in late
        # Another session answers meanwhile.
        wait_for("another connection", lambda: served.value("up") == 1)
        assert connections(migrated) <= 2
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def own_server(server: TestServer) -> Iterator[Server]:
    """Give a server that a test may stop; its database has our plan."""
    import shutil
    import tempfile

    home = Path(tempfile.mkdtemp(prefix="carecli-serve-", dir="/tmp"))
    home.chmod(0o711)
    running = Server(server.bin or wheel_binaries(), home / "data", home / "socket")
    try:
        running.initialise()
        running.start()
        prepare_database(running.url, "app", "postgres")
        yield running
    finally:
        running.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_database_that_restarts_is_found_again(
    own_server: Server, carecli_run: Run, start_exporter: Serve, mode: str
) -> None:
    """Down is carecli_up 0, with the kind of fault; the next scrape after the start is whole."""
    url = own_server.url("app", "postgres")
    carecli_run("migrate", "--yes", "-d", url, check=0)
    served = start_exporter("-d", url, "--cache", "0s")
    assert served.value("up") == 1
    own_server.stop(mode)  # type: ignore[arg-type]
    down = served.scrape()
    assert down["carecli_up", frozenset()] == 0
    assert any(name == "carecli_last_error_info" for name, _ in down)
    assert served.health()["database"] == "down"
    own_server.start()
    wait_for("the database", lambda: served.value("up") == 1)
    assert served.value("rules_up") == 1
    served.process.send_signal(signal.SIGTERM)
    code, _, err = ended(served)
    assert code == 143
    assert "Traceback" not in err
    assert "not everything can be read: " in err
    assert "everything can be read again" in err


@pytest.mark.slow
def test_restart_between_two_scrapes_costs_none(
    own_server: Server, carecli_run: Run, start_exporter: Serve
) -> None:
    """The first scrape after it opens a connection of its own."""
    url = own_server.url("app", "postgres")
    carecli_run("migrate", "--yes", "-d", url, check=0)
    served = start_exporter("-d", url, "--cache", "0s")
    assert served.value("up") == 1
    own_server.stop("fast")
    own_server.start()
    assert served.value("up") == 1


def test_it_starts_where_the_database_does_not_answer(start_exporter: Serve) -> None:
    """Prometheus is to learn of it, so the exporter is there first."""
    served = start_exporter("-d", "postgresql://me@127.0.0.1:1/x")
    assert served.value("up") == 0


SECRET = "hush-a-secret"


def dead(database: TestDatabase) -> str:
    return f"postgresql://someone:{SECRET}@127.0.0.1:1/nothing?sslpassword={SECRET}"


def refused(database: TestDatabase) -> str:
    return psycopg.conninfo.make_conninfo(database.url, user="nobody_here", password=SECRET)


def welcome(database: TestDatabase) -> str:
    return psycopg.conninfo.make_conninfo(database.url, password=SECRET)


@pytest.mark.parametrize("url", [dead, refused, welcome])
@pytest.mark.parametrize("verbosity", ["-q", "-v", "-vv"])
def test_password_is_nowhere(
    migrated: TestDatabase,
    start_exporter: Serve,
    url: Callable[[TestDatabase], str],
    verbosity: str,
) -> None:
    """Not on a page, not in a header, not in what it says."""
    served = start_exporter(env={"DATABASE_URL": url(migrated)}, before=(verbosity,))
    said = []
    for path in ("/metrics", "/healthz", "/", "/nothing"):
        answer = served.page(path)
        said += [answer.text, str(answer.headers)]
    served.process.send_signal(signal.SIGTERM)
    _, out, err = ended(served)
    assert SECRET not in "".join([*said, out, err])


def test_help_has_an_example(carecli_run: Run) -> None:
    """The help shows how the command is used."""
    done = carecli_run("metrics", "serve", "--help", check=0)
    assert "carecli metrics serve -d postgresql://" in done.stdout
