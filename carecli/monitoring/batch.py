"""Several queries in one round trip, each failing alone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg

from carecli.resources import read_sql

__all__ = ["Answer", "Statement", "run_batch"]

_LOCK_TIMEOUT = b"select pg_catalog.set_config('lock_timeout', '1s', true)"
"""A table that a migration holds costs the metrics that read it, and the others little time."""

_PATIENCE = 3
_LATE = "the server took so long with others that it was not asked"


@dataclass(frozen=True, slots=True)
class Statement:
    """One query that reads.

    Arguments:
        text: the query.
        parameters: by name; None where it has none, and `%` stands for itself.
    """

    text: str
    parameters: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to one query.

    Arguments:
        columns: names of the columns.
        rows: the rows.
        problem: why there are none, in the server's words; None where the query ran.
    """

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    problem: str | None = None


def run_batch(
    connection: psycopg.Connection, statements: Iterable[Statement], *, timeout: timedelta
) -> tuple[Answer, ...]:
    """Ask several queries, in read-only transactions.

    They are sent together and have one transaction, so that all see the same now(). It ends at a
    query that fails; what stands behind that is sent again in a further one.

    Arguments:
        connection: in autocommit, to a primary or a replica.
        statements: the queries.
        timeout: for each of them. When one fails after three times as long for all of them, those
            behind it are left out: a server that hangs is to be told of, not waited for.

    Raises:
        psycopg.OperationalError: the connection was lost.
    """
    left = list(statements)
    answers: list[Answer] = []
    end = time.monotonic() + _PATIENCE * timeout.total_seconds()
    while left:
        if answers and time.monotonic() > end:
            return (*answers, *[Answer(problem=_LATE)] * len(left))
        found, error = _run_until_error(connection, left, timeout)
        answers += found
        if error is not None:
            if connection.broken or connection.closed:
                raise error
            answers.append(Answer(problem=error.diag.message_primary or str(error)))
        left = left[len(found) + (error is not None) :]
    return tuple(answers)


def _run_until_error(
    connection: psycopg.Connection, statements: Sequence[Statement], timeout: timedelta
) -> tuple[list[Answer], psycopg.Error | None]:
    """Return the answers up to the first query that fails, and its error."""
    cursors = [connection.cursor() for _ in statements]
    error = _send(connection, cursors, statements, timeout)
    answers = []
    for cursor in cursors:
        if cursor.pgresult is None:
            break
        columns = tuple(column.name for column in cursor.description or ())
        answers.append(Answer(columns, tuple(cursor.fetchall())))
    return answers, error


def _send(
    connection: psycopg.Connection,
    cursors: Sequence[psycopg.Cursor],
    statements: Sequence[Statement],
    timeout: timedelta,
) -> psycopg.Error | None:
    """Run each query with its cursor, in one transaction; return the first error."""
    settings = read_sql("queries/monitoring_session").encode()
    milliseconds = str(max(1, int(timeout.total_seconds() * 1000)))
    failed: psycopg.Error | None = None
    first = connection.cursor()
    try:
        with connection.pipeline() as pipeline:
            try:
                first.execute(settings, {"timeout": milliseconds}, prepare=False)
                connection.cursor().execute(_LOCK_TIMEOUT, prepare=False)
                for cursor, statement in zip(cursors, statements, strict=True):
                    cursor.execute(statement.text.encode(), statement.parameters, prepare=False)
                pipeline.sync()
            except psycopg.Error as error:
                failed = error
    except psycopg.Error as error:
        # What stands behind the query that failed is answered at the end: it was left out.
        failed = failed or error
    if failed is not None and first.pgresult is None:
        raise failed
    return failed
