"""What the doctor says of a server that is not as it should be: a standby, a pooler, settings."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from tests.plugins.chaos import Here
from tests.plugins.obstacles import free_port, pgbouncer, standby
from tests.plugins.postgres import TestServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def odd_server(server: TestServer) -> Iterator[Server]:
    """Give a server that keeps prepared transactions and does not stream its publications."""
    home = Path(tempfile.mkdtemp(prefix="carecli-odd-", dir="/tmp"))
    home.chmod(0o711)
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "max_prepared_transactions": "5",
        "wal_level": "replica",
    }
    running = Server(
        server.bin or wheel_binaries(),
        home / "data",
        home / "socket",
        superuser="postgres",
        settings=settings,
        port=port,
    )
    try:
        running.initialise()
        running.start()
        yield running
    finally:
        running.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


Found = dict[str, list[tuple[str, str]]]


@pytest.fixture
def ask(run_here: Here) -> Callable[[str], Found]:
    """Give a function that returns level and object of what is found, by check."""

    def doctor(url: str) -> Found:
        done = run_here("doctor", "-d", url, "--format", "json", check=1)
        found: Found = {}
        for part in json.loads(done.stdout)["parts"]:
            for item in part["findings"]:
                found.setdefault(item["check"], []).append((item["level"], item["object"]))
        return found

    return doctor


def test_prepared_transaction(odd_server: Server, ask: Callable[[str], Found]) -> None:
    """A transaction that somebody prepared and forgot is named."""
    url = odd_server.url("postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("begin")
        connection.execute("create table public.things ()")
        connection.execute("prepare transaction 'it''s mine'")
        assert ask(url)["prepared_transactions"] == [
            ("warning", "prepared transaction 'it''s mine'")
        ]
        connection.execute("rollback prepared 'it''s mine'")
    assert "prepared_transactions" not in ask(url)


def test_publication_that_is_not_streamed(odd_server: Server, ask: Callable[[str], Found]) -> None:
    """A publication on a server without logical decoding is a warning."""
    url = odd_server.url("postgres")
    assert "publication" not in ask(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create publication supabase_realtime")
        assert ask(url)["publication"] == [("warning", "publication supabase_realtime")]
        connection.execute("drop publication supabase_realtime")


def test_standby(odd_server: Server, ask: Callable[[str], Found]) -> None:
    """On a standby the first finding says so, and every other check is made."""
    with standby(odd_server, odd_server.url("postgres")) as copy:
        found = ask(copy.url("postgres", "postgres"))
    assert found["session"] == [("error", "session")]
    assert ("error", "schema auth") in found["prerequisites"]
    assert not any(name.startswith("check ") for rows in found.values() for _, name in rows)


@pytest.mark.peer("pgbouncer")
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_pooler(
    odd_server: Server, ask: Callable[[str], Found], peer: Callable[[str], Path], mode: str
) -> None:
    """Through a pooler without sessions that is said, and the statements are run all the same."""
    url = f"postgresql://postgres@127.0.0.1:{odd_server.settings['port']}/postgres"
    with psycopg.connect(odd_server.url("postgres"), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(75474063)")
        with pgbouncer(peer("pgbouncer"), url, mode) as through:
            found = ask(through)
    assert found["session"] == [("error", "session")]
    assert found["migration_lock"] == [("warning", "migration lock")]
