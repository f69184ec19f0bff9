"""The migration lock: one migrator at a time, carecli or sqitch."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

import psycopg

from carecli.database import connect
from carecli.errors import CannotConnect, LockNotAvailable
from carecli.resources import read_sql

__all__ = ["MigrationLock", "WORKER"]

WORKER = "carecli worker"
"""Application name of the session that runs the scripts."""

_LOCK_HOLDER = "carecli migration lock"
_POLL_SECONDS = 0.2


class MigrationLock:
    """sqitch's advisory lock, held on a session of its own.

    An idle session notices at once that its client is gone, so the lock never outlives a killed
    carecli, not even one killed in the middle of a long statement.

    Arguments:
        conninfo: of the database.
        worker: process id of this migrator's other backend, which runs the scripts.
        wait: seconds to wait for another migrator.
        say: called with a message for the user when there is somebody to wait for.
    """

    def __init__(
        self, conninfo: str, *, worker: int, wait: float, say: Callable[[str], None]
    ) -> None:
        self._conninfo = conninfo
        self._worker = worker
        self._wait = wait
        self._say = say
        self._connection: psycopg.Connection | None = None

    def acquire(self) -> None:
        """Take the lock, then wait until no statement of a killed migrator runs any more.

        Raises:
            LockNotAvailable: somebody else held it for all of the wait; the message says who.
        """
        connection = connect(self._conninfo, application_name=_LOCK_HOLDER)
        self._connection = connection
        connection.execute(read_sql("queries/migration_lock_session"))
        deadline = time.monotonic() + self._wait
        if not self._try(connection):
            self._say(f"Waiting up to {self._wait:g} s for {self._holder(connection)}")
            while not self._try(connection):
                if time.monotonic() >= deadline:
                    raise LockNotAvailable(
                        f"another migration is running: {self._holder(connection)}",
                        hint="Wait for it, or end it with "
                        "`select pg_terminate_backend(pid)`; --lock-wait sets how long to wait.",
                    )
                time.sleep(_POLL_SECONDS)
        self._wait_for_orphans(connection, deadline)

    def check(self) -> None:
        """Make sure that the lock is still held, as a rule without a round trip.

        Raises:
            CannotConnect: the session that held it has ended.
        """
        connection = self._connection
        if connection is None:
            raise CannotConnect("the migration lock is not held")
        try:
            # Nothing is asked of this session, so what there is to read is its end, or a notice
            # such as that of a setting which changed: then the server tells.
            if not connection.closed:
                readable, _, _ = select.select([connection.fileno()], [], [], 0)
                if not readable or self._held(connection):
                    return
        except psycopg.Error:
            pass
        raise CannotConnect(
            "the session that held the migration lock has ended",
            hint="The server or an administrator ended it; run the command again.",
        )

    @staticmethod
    def _held(connection: psycopg.Connection) -> bool:
        row = connection.execute(read_sql("queries/migration_lock_holder")).fetchone()
        return row is not None and row[0] == connection.info.backend_pid

    def release(self) -> None:
        """Give the lock back by ending its session."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, connection: psycopg.Connection) -> bool:
        row = connection.execute(read_sql("queries/migration_lock")).fetchone()
        return bool(row and row[0])

    def _holder(self, connection: psycopg.Connection) -> str:
        row = connection.execute(read_sql("queries/migration_lock_holder")).fetchone()
        return row[1] if row else "another migrator, which has just ended"

    def _wait_for_orphans(self, connection: psycopg.Connection, deadline: float) -> None:
        query, told = read_sql("queries/orphaned_workers"), False
        parameters = {"application_name": WORKER, "own": self._worker}
        while orphans := connection.execute(query, parameters).fetchall():
            pids = ", ".join(str(pid) for (pid,) in orphans)
            if not told:
                self._say(f"Waiting for a killed migrator's last statement to end (pid {pids})")
                told = True
            if time.monotonic() >= deadline:
                raise LockNotAvailable(
                    f"a migrator was killed, but the server still runs its statement (pid {pids})",
                    hint=f"End it with `select pg_terminate_backend({pids})`.",
                )
            time.sleep(_POLL_SECONDS)
