"""The event log of the messaging functions: what is in it, and what comes."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from carecli.errors import CarecliError
from carecli.resources import read_sql

__all__ = ["Event", "Filter", "follow_events", "read_events"]

_POLL = 1.0  # seconds
_MARGIN = timedelta(seconds=2)
"""Longest time from reading the clock for a row to being known as a writing transaction."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows of the log are wanted; None: whatever it is.

    Arguments:
        request_id: the id in a call's answer.
        method: what was called, under the application's name for it.
        event: `success`, `function_error` or `server_error`.
        error_code: code in the answer.
        user_id: who was signed in.
    """

    request_id: str | None = None
    method: str | None = None
    event: str | None = None
    error_code: str | None = None
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One call.

    Arguments:
        occurred_at: when it ended.
        request_id: the id in its answer.
        entry: the JSON log entry, as the view messaging.rpc_event_log gives it.
    """

    occurred_at: datetime
    request_id: str
    entry: str

    @property
    def key(self) -> tuple[datetime, str]:
        """What tells it from all others, and where it comes."""
        return self.occurred_at, self.request_id


@dataclass(frozen=True, slots=True)
class _Moment:
    """A moment of the server.

    Arguments:
        clock: up to when the log can have been read.
        started: when the oldest open transaction began, as far as this role may see.
        oldest: number of the oldest transaction that had not ended.
        next: number that the next transaction was to get.
    """

    clock: datetime
    started: datetime
    oldest: int
    next: int


def read_events(
    connection: psycopg.Connection,
    wanted: Filter,
    *,
    window: timedelta | None = None,
    limit: int | None = None,
) -> Iterator[Event]:
    """Give the rows of the log, oldest first, without holding them all in memory.

    Arguments:
        connection: in autocommit, to a primary or a replica.
        wanted: which ones.
        window: length of time to look back on; None: all of it.
        limit: so many of the newest; None: all.

    Raises:
        CarecliError: the event log is not there, or not for this role.
    """
    with _log_faults():
        since = None if window is None else _moment(connection).clock - window
        yield from _events(connection, wanted, since, limit)


def follow_events(
    connection: psycopg.Connection,
    wanted: Filter,
    *,
    window: timedelta | None = None,
    limit: int | None = None,
    poll: float = _POLL,
) -> Generator[Event, None, None]:
    """Give the rows of the log, and then each further one as it comes, without end.

    A row's time is that of its call's end, but it shows when the transaction commits: one that
    was open for long comes late. So each round reads again from the last moment of which all
    transactions have ended, and leaves out what was given before. What comes late comes out of
    its order.

    Arguments:
        connection: in autocommit, to a primary or a replica.
        wanted: which ones.
        window: length of time to look back on at first; None: all of it.
        limit: so many of the newest at first; None: all.
        poll: seconds between two rounds.

    Raises:
        CarecliError: the event log is not there, or not for this role.
    """
    with _log_faults():
        moment = _moment(connection)
        moments = [moment]
        since = min(moment.clock, moment.started) - _MARGIN
        given = {event.key for event in _events(connection, wanted, since, None)}
        first = None if window is None else moment.clock - window
        for event in _events(connection, wanted, first, limit):
            given.add(event.key)
            yield event
        while True:
            # What had begun by then has ended, and so was there to be read the last time.
            ended = [past for past in moments if past.next <= moment.oldest]
            if ended:
                moments = moments[moments.index(ended[-1]) :]
                since = moments[0].clock - _MARGIN
                given = {key for key in given if key[0] >= since}
            time.sleep(poll)
            moment = _moment(connection)
            moments.append(moment)
            for event in _events(connection, wanted, since, None):
                if event.key not in given:
                    given.add(event.key)
                    yield event


def _moment(connection: psycopg.Connection) -> _Moment:
    row = connection.execute(read_sql("queries/event_log_moment").encode(), binary=True).fetchone()
    assert row is not None
    return _Moment(*row)


def _events(
    connection: psycopg.Connection, wanted: Filter, since: datetime | None, limit: int | None
) -> Iterator[Event]:
    parameters = {**asdict(wanted), "since": since, "limit": limit}
    with connection.transaction(), connection.cursor(name="event_log", binary=True) as cursor:
        cursor.itersize = 1000
        cursor.execute(read_sql("queries/event_log").encode(), parameters)
        for row in cursor:
            yield Event(*row)


@contextmanager
def _log_faults() -> Iterator[None]:
    """Say what to do where there is no event log, or none for this role."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise CarecliError(
            "the event log is not deployed there",
            detail=error.diag.message_primary,
            hint="It comes with the change event_log: run `carecli migrate`.",
        ) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise CarecliError(
            "this role may not read the event log",
            detail=error.diag.message_primary,
            hint="Connect as the role that owns the schema messaging, which is the one that "
            "migrates.",
        ) from None
