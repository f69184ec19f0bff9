"""A consumer of logical replication, and what the messages of the plugin `pgoutput` say."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

import pytest

from carecli.database import client_program
from tests.plugins.chaos import wait_for
from tests.plugins.databases import TestDatabase

__all__ = ["Consumer", "RowChange", "Subscribe"]

Subscribe = Callable[[str], "Consumer"]

PATIENCE = 30.0  # seconds until a row that does not come counts as lost


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row that was inserted, or updated.

    Arguments:
        kind: `insert` or `update`.
        relation: schema and table, parted by a dot.
        row: the new values by column, in the server's text form; None is null.
    """

    kind: str
    relation: str
    row: dict[str, str | None]


@dataclass(slots=True)
class Consumer:
    """Reads the stream of `pg_recvlogical` while it runs.

    The layout of the messages, protocol version 1, is that of
    https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html; the program
    puts a line feed behind each.

    Arguments:
        stream: its standard output.
    """

    stream: IO[bytes]
    _relations: dict[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    def until(self, wanted: Callable[[RowChange], bool]) -> list[RowChange]:
        """Return the changes that come, in their order, up to the first that is wanted."""
        found: list[RowChange] = []
        limit = time.monotonic() + PATIENCE
        while not found or not wanted(found[-1]):
            change = self._message(limit)
            if change is not None:
                found.append(change)
        return found

    def _message(self, limit: float) -> RowChange | None:
        """Read one message; return the change where it is one."""
        kind = self._bytes(1, limit)
        change = None
        if kind == b"B":
            self._bytes(8 + 8 + 4, limit)
        elif kind == b"C":
            self._bytes(1 + 8 + 8 + 8, limit)
        elif kind == b"R":
            self._relation(limit)
        elif kind in (b"I", b"U"):
            change = self._change("insert" if kind == b"I" else "update", limit)
        else:
            pytest.fail(f"a message {kind!r}, which this test expects nowhere", pytrace=False)
        assert self._bytes(1, limit) == b"\n"
        return change

    def _relation(self, limit: float) -> None:
        key = self._number(4, limit)
        name = f"{self._text(limit)}.{self._text(limit)}"
        self._bytes(1, limit)  # the replica identity
        columns = []
        for _ in range(self._number(2, limit)):
            self._bytes(1, limit)  # whether it belongs to the key
            columns.append(self._text(limit))
            self._bytes(4 + 4, limit)  # type and modifier
        self._relations[key] = (name, tuple(columns))

    def _change(self, kind: str, limit: float) -> RowChange:
        name, columns = self._relations[self._number(4, limit)]
        if self._bytes(1, limit) in (b"K", b"O"):
            self._row(columns, limit)
            self._bytes(1, limit)
        return RowChange(kind, name, self._row(columns, limit))

    def _row(self, columns: tuple[str, ...], limit: float) -> dict[str, str | None]:
        assert self._number(2, limit) == len(columns)
        return {column: self._value(limit) for column in columns}

    def _value(self, limit: float) -> str | None:
        if self._bytes(1, limit) != b"t":
            return None  # null, or a long value that did not change
        return self._bytes(self._number(4, limit), limit).decode()

    def _number(self, size: int, limit: float) -> int:
        return int.from_bytes(self._bytes(size, limit))

    def _text(self, limit: float) -> str:
        found = b""
        while not found.endswith(b"\0"):
            found += self._bytes(1, limit)
        return found[:-1].decode()

    def _bytes(self, count: int, limit: float) -> bytes:
        found = b""
        while len(found) < count:
            left = max(0.0, limit - time.monotonic())
            if not select.select([self.stream], [], [], left)[0]:
                pytest.fail(f"nothing came for {PATIENCE:g} seconds", pytrace=False)
            read = os.read(self.stream.fileno(), count - len(found))
            if not read:
                pytest.fail("the stream ended before what was waited for", pytrace=False)
            found += read
        return found


@pytest.fixture
def subscribe(migrated: TestDatabase) -> Iterator[Subscribe]:
    """Give a function that subscribes to a publication of the migrated database, from now on."""
    running: list[subprocess.Popen[bytes]] = []
    program = client_program("pg_recvlogical", server_version=migrated.server.version)
    assert program is not None
    # A slot belongs to the whole server, and so has a name of its own in each database.
    common = [str(program), "--dbname", migrated.url, "--slot", migrated.name]

    def start(publication: str) -> Consumer:
        subprocess.run([*common, "--create-slot", "--plugin", "pgoutput"], check=True, timeout=60)
        process = subprocess.Popen(
            [
                *common,
                *("--start", "--no-loop", "--file", "-"),
                *("--option", "proto_version=1", "--option", f"publication_names={publication}"),
            ],
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        running.append(process)
        assert process.stdout is not None
        return Consumer(process.stdout)

    yield start
    for process in running:
        process.send_signal(signal.SIGINT)
        with process:
            process.wait(PATIENCE)
        # The database could not be dropped with it.
        wait_for("the slot to be free", lambda: dropped(migrated))


def dropped(database: TestDatabase) -> bool:
    """Drop the slots of a database that nobody reads from; tell whether none is left."""
    database.execute(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
        " where database = current_database() and not active"
    )
    return not database.execute(
        "select slot_name from pg_replication_slots where database = current_database()"
    )
