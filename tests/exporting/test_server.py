"""The HTTP server of the exporter."""

from __future__ import annotations

import gzip
import socket
import threading
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from carecli.errors import CarecliError, InvalidUsage
from carecli.exporting.rounds import Rounds
from carecli.exporting.server import Exporter, parse_listen
from carecli.exporting.source import DatabaseSource
from tests.plugins.chaos import wait_for
from tests.plugins.databases import TestDatabase
from tests.plugins.exporting import Serve, Served, fetch, parse
from tests.plugins.metrics import make_metric

NOBODY = "postgresql://me:hush@127.0.0.1:1/x"
OPEN_METRICS = "application/openmetrics-text"
TOGETHER = 50


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9187", ("127.0.0.1", 9187)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:9187", ("::1", 9187)),
        (":9187", ("", 9187)),
    ],
)
def test_listen_is_host_and_port(text: str, expected: tuple[str, int]) -> None:
    """A name, an address of either kind, or every address."""
    assert parse_listen(text) == expected


@pytest.mark.parametrize(
    "text", ["", "9187", "localhost", "localhost:", "::1:9187", "[::1]", "h:65536", "h:-1", "h:x",
             "http://h:1", "[::1:1"]
)  # fmt: skip
def test_listen_that_is_none_is_refused(text: str) -> None:
    """The hint shows how to write it."""
    with pytest.raises(InvalidUsage, match="no address to listen on") as caught:
        parse_listen(text)
    assert "[::1]:9187" in (caught.value.hint or "")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_url_leads_to_the_metrics(serve_here: Serve, host: str) -> None:
    """Port 0 became a real one, and IPv6 stands in brackets."""
    served = serve_here(NOBODY, (), listen=(host, 0))
    assert served.value("up") == 0
    assert ("[::1]" in served.url) == (host == "::1")


def exporter(listen: tuple[str, int]) -> Exporter:
    return Exporter(listen, Rounds(DatabaseSource(NOBODY, ()), limit=1, keep=0))


@pytest.mark.parametrize("host", ["203.0.113.1", "no such host", "nowhere.invalid", "x" * 70])
def test_address_of_another_is_refused(host: str) -> None:
    """The address is named, and what the system says of it."""
    with pytest.raises(CarecliError, match="cannot listen on") as caught:
        exporter((host, 0))
    assert host in caught.value.message
    assert caught.value.detail


def test_port_that_is_taken_is_refused() -> None:
    """The message names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CarecliError, match=f"cannot listen on 127.0.0.1:{port}") as caught:
            exporter(("127.0.0.1", port))
    assert caught.value.detail == "Address already in use"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "text/plain; version=0.0.4"),
        ("text/plain", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        (f"{OPEN_METRICS}; version=1.0.0", f"{OPEN_METRICS}; version=1.0.0"),
        (f"{OPEN_METRICS};version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         f"{OPEN_METRICS}; version=1.0.0"),
        (f"{OPEN_METRICS}; version=none", "text/plain; version=0.0.4"),
    ],
)  # fmt: skip
def test_format_is_negotiated(serve_here: Serve, accept: str | None, expected: str) -> None:
    """OpenMetrics for who asks for it, else the text that everybody reads."""
    url = serve_here(NOBODY, ()).url
    answer = fetch(url) if accept is None else fetch(url, Accept=accept)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith(expected)
    assert answer.text.endswith("# EOF\n") == expected.startswith(OPEN_METRICS)


def test_answer_is_packed_for_who_can_unpack(serve_here: Serve) -> None:
    """As Prometheus asks for it."""
    request = urllib.request.Request(serve_here(NOBODY, ()).url)  # noqa: S310
    request.add_header("Accept-Encoding", "gzip")
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert b"carecli_up 0.0" in gzip.decompress(answer.read())


def test_names_can_be_chosen(serve_here: Serve) -> None:
    """As with other exporters: `name[]`."""
    answer = fetch(f"{serve_here(NOBODY, ()).url}?name[]=carecli_up")
    assert set(parse(answer.text)) == {("carecli_up", frozenset())}


def test_health_does_not_ask_the_database(serve_here: Serve) -> None:
    """It tells what the last scrape found."""
    served = serve_here(NOBODY, ())
    assert served.health() == {"status": "alive", "database": "not asked yet"}
    served.scrape()
    health = served.health()
    assert health.pop("asked_seconds_ago") >= 0
    assert health == {"status": "alive", "database": "down", "error": "CannotConnect"}


def test_health_of_a_database_that_answers(migrated: TestDatabase, serve_here: Serve) -> None:
    """After a scrape it is up."""
    served = serve_here(migrated.url, ())
    served.scrape()
    assert served.health()["database"] == "up"


def test_index_names_the_pages(serve_here: Serve) -> None:
    """For a person who types the address."""
    answer = serve_here(NOBODY, ()).page("/")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert 'href="/metrics"' in answer.text
    assert 'href="/healthz"' in answer.text


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/other", "GET", 404),
        ("/metrics/", "GET", 404),
        ("/metrics", "POST", 405),
        ("/", "DELETE", 405),
    ],
)
def test_other_requests_are_refused(serve_here: Serve, path: str, method: str, status: int) -> None:
    """Nothing but looking is allowed, and nothing else is there."""
    assert serve_here(NOBODY, ()).page(path, method=method).status == status


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz"])
def test_head_has_no_body(serve_here: Serve, path: str) -> None:
    """Its answer ends with the headers."""
    with socket.create_connection(place(serve_here(NOBODY, ()))) as client:
        client.sendall(f"HEAD {path} HTTP/1.0\r\n\r\n".encode())
        said = b"".join(iter(lambda: client.recv(65536), b""))
    assert said.startswith(b"HTTP/1.0 200 OK\r\n")
    assert said.endswith(b"\r\n\r\n")


def place(served: Served) -> tuple[str, int]:
    """Return host and port of an exporter."""
    parts = urllib.parse.urlsplit(served.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def test_garbled_requests_do_no_harm(serve_here: Serve) -> None:
    """Who sends rubbish, or hangs up, leaves the exporter as it was."""
    served = serve_here(NOBODY, ())
    for rubbish in (
        b"",
        b"\0\xff\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nX",
        b"\r\n" * 9,
    ):
        with socket.create_connection(place(served)) as client:
            client.sendall(rubbish)
    assert served.value("up") == 0


def test_scrapes_at_once_have_one_round_and_one_connection(
    migrated: TestDatabase, serve_here: Serve
) -> None:
    """Fifty scrapes while the first one's query runs: it ran once."""
    # A notification is a write that a transaction which only reads may make.
    counted = "select 1 as value from pg_catalog.pg_notify('ran', '')"
    held = "select 1 as value from (select pg_catalog.pg_advisory_lock_shared(7)) as taken"
    metrics = (make_metric(counted, "counted"), make_metric(held, "held"))
    listener = migrated.connect()
    listener.execute("listen ran")
    gate = migrated.connect()
    gate.execute("select pg_advisory_lock(7)")
    served = serve_here(migrated.url, metrics, keep=60)
    with ThreadPoolExecutor(TOGETHER) as pool:
        scrapes = [pool.submit(served.scrape) for _ in range(TOGETHER)]
        await_waiting(migrated)
        connections = migrated.connect(superuser=True).execute(
            "select count(*) from pg_stat_activity where application_name = 'carecli metrics serve'"
            " and datname = %s", [migrated.name],
        ).fetchone()  # fmt: skip
        gate.execute("select pg_advisory_unlock(7)")
        answers = [scrape.result() for scrape in scrapes]
    ran = list(listener.notifies(timeout=0))
    assert {answer["carecli_counted", frozenset()] for answer in answers} == {1}
    assert connections == (1,)
    assert {answer["carecli_query_rounds_total", frozenset()] for answer in answers} == {1}
    assert len(ran) == 1


def await_waiting(database: TestDatabase) -> None:
    """Return when the exporter's session waits for the lock."""
    observer = database.connect(superuser=True)
    wait_for(
        "the exporter to wait",
        lambda: observer.execute(
            "select 1 from pg_stat_activity where application_name = 'carecli metrics serve'"
            " and datname = %s and wait_event = 'advisory'", [database.name],
        ).fetchone(),
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/", "/other"])
def test_no_page_has_a_credential(serve_here: Serve, path: str) -> None:
    """Neither password nor host nor user of the database is shown."""
    served = serve_here(NOBODY, ())
    served.scrape()
    text = served.page(path).text
    assert not any(secret in text for secret in ("hush", "me:", "127.0.0.1:1/", "postgresql"))


@pytest.mark.slow
def test_idle_clients_do_not_keep_scrapes_out(serve_here: Serve) -> None:
    """Who connects and says nothing is sent away; the exporter has no thread more for each."""
    served = serve_here(NOBODY, ())
    with ExitStack() as idle:
        for _ in range(200):
            idle.enter_context(socket.create_connection(place(served)))
        assert served.value("up") == 0
        assert threading.active_count() < 150
