"""A round of queries over one connection, which is kept between rounds."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg

from carecli.alerts import read_alerts
from carecli.database import connect
from carecli.errors import CarecliError
from carecli.exporting.rounds import TIMEOUT, Round
from carecli.monitoring import Reading, read_metric

if TYPE_CHECKING:
    from carecli.alerts import Alert
    from carecli.monitoring import Metric

__all__ = ["DatabaseSource"]

_CANCEL_SECONDS = 1.0

_PART = 0.25
"""Share of a round's time that one query may take, so that a slow one leaves time for others."""


class DatabaseSource:
    """Reads alerts and metrics from a database, with at most one connection at a time.

    Arguments:
        conninfo: libpq connection string.
        metrics: what is read.
        tell: called with a line for a person when the database is lost or found again.
    """

    def __init__(
        self,
        conninfo: str,
        metrics: Sequence[Metric],
        *,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._conninfo = conninfo
        self._metrics = tuple(metrics)
        self._tell = tell
        self._told: str | None = None
        self._connection: psycopg.Connection | None = None
        # A handle of our own on the same socket: whatever libpq does meanwhile with its own, this
        # number names no other socket when another thread cuts the connection.
        self._socket: socket.socket | None = None
        self._guard = threading.Lock()
        self._was_cut = False

    def read(self, limit: float) -> Round:
        """Return one round; faults of the database are its result.

        Arguments:
            limit: seconds that all of it may take.
        """
        begun = time.monotonic()
        self._was_cut = False
        kept = self._connection is not None
        try:
            try:
                result = self._read(begun, begun + limit)
            except psycopg.OperationalError:
                self.close()
                # A connection that was kept tells only when it is used that the server restarted.
                if not kept or self._was_cut or time.monotonic() >= begun + limit:
                    raise
                result = self._read(begun, begun + limit)
        except (psycopg.Error, CarecliError) as error:
            self.close()
            late = time.monotonic() >= begun + limit
            kind = TIMEOUT if late else _kind(error)
            result = Round(False, time.monotonic() - begun, error=kind)
        self._report(result.error)
        return result

    def cut(self) -> None:
        """Stop the query that is going on, and shut the connection down under who waits for it."""
        with self._guard:
            if self._was_cut:
                return
            self._was_cut = True
            connection, handle = self._connection, self._socket
        if connection is not None and psycopg.capabilities.has_cancel_safe():
            # The server is asked over a connection that is no session, and may be deaf.
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=_CANCEL_SECONDS)
        if handle is not None:
            with suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection, if there is one."""
        with self._guard:
            connection, self._connection = self._connection, None
            handle, self._socket = self._socket, None
        if connection is not None:
            connection.close()
        if handle is not None:
            handle.close()

    def _read(self, begun: float, end: float) -> Round:
        connection = self._open()
        part = (end - begun) * _PART
        alerts, error = self._alerts(connection, min(2 * part, end - time.monotonic()))
        readings: list[Reading] = []
        for metric in self._metrics:
            left = end - time.monotonic()
            if left <= 0:
                error = TIMEOUT
                readings.append(Reading(metric, None, (), problem="the round's time was up"))
            else:
                limit = timedelta(seconds=min(part, left))
                readings.append(read_metric(connection, metric, timeout=limit))
        return Round(
            up=error != TIMEOUT,
            seconds=time.monotonic() - begun,
            readings=tuple(readings),
            alerts=alerts,
            error=error,
        )

    def _open(self) -> psycopg.Connection:
        if self._connection is None:
            connection = connect(self._conninfo, application_name="carecli metrics serve")
            with self._guard:
                self._connection = connection
                self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        return self._connection

    def _alerts(
        self, connection: psycopg.Connection, limit: float
    ) -> tuple[tuple[Alert, ...] | None, str | None]:
        """Return the evaluated rules, or None and the kind of fault."""
        try:
            return read_alerts(connection, timeout=timedelta(seconds=max(0.0, limit))), None
        except (psycopg.Error, CarecliError) as error:
            if connection.broken or connection.closed:
                raise
            return None, _kind(error)

    def _report(self, error: str | None) -> None:
        """Tell what changed; not each time, and never in the words of the server."""
        if error != self._told:
            self._tell(
                "everything can be read again"
                if error is None
                else f"not everything can be read: {error}"
            )
        self._told = error


def _kind(error: Exception) -> str:
    """Return the kind of a fault: that of the server's own where ours only explains it."""
    cause = error.__cause__
    return type(cause if isinstance(cause, psycopg.Error) else error).__name__
