"""Several sessions at once: started together, in the background, and waiting for one another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest

from tests.plugins.databases import TestDatabase

__all__ = ["at_once", "in_background", "until_waiting"]

PATIENCE = 60  # seconds


def at_once(actions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run the actions in threads that start together; return what each returned or raised."""
    barrier = threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)

    def run(number: int, action: Callable[[], Any]) -> None:
        try:
            barrier.wait(timeout=PATIENCE)
            results[number] = action()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def in_background(action: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Start one action; return its thread and the list that its result comes into."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(action()))
    thread.start()
    return thread, results


def until_waiting(database: TestDatabase, *connections: psycopg.Connection) -> None:
    """Return when the session of each connection waits for another one."""
    # Whom a session waits for is not shown to everybody.
    observer = database.connect(superuser=True)
    pids = [connection.info.backend_pid for connection in connections]
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        row = observer.execute(
            "select bool_and(pg_blocking_pids(pid) <> '{}') from unnest(%s::int[]) as pid", [pids]
        ).fetchone()
        if row == (True,):
            return
    pytest.fail("a session never waited for a lock")
