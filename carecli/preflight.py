"""Refuses a server on which a migration would not be safe."""

from __future__ import annotations

import psycopg

from carecli.database import connect, redact
from carecli.errors import Refused
from carecli.resources import read_sql

__all__ = ["check_session"]

_ROUNDS = 5


def check_session(connection: psycopg.Connection, conninfo: str) -> None:
    """Make sure that a session is a session, on a server that can be written to.

    Arguments:
        connection: a new connection, in autocommit mode.
        conninfo: what it was made from.

    Raises:
        Refused: a hot standby, or a pooler in transaction or statement mode.
    """
    row = connection.execute(read_sql("queries/session_facts")).fetchone()
    assert row is not None
    pid, in_recovery, version = row
    if in_recovery:
        raise Refused(
            f"{redact(conninfo)} is a standby, which cannot be written to",
            hint="Name its primary: `select sender_host, sender_port from pg_stat_wal_receiver` "
            "tells where it is.",
        )
    if version < 150000:
        raise Refused(
            f"the server has version {connection.info.parameter_status('server_version')}",
            hint="carecli works with PostgreSQL 15 and later.",
        )
    # A pooler makes up its own key for cancelling; a server's is its process id.
    if pid != connection.info.backend_pid and _shares_backends(connection, conninfo):
        raise Refused(
            "there is a connection pooler in transaction mode before the database",
            detail="Locks and settings of a session mean nothing there: two migrations could run "
            "at once.",
            hint="Connect to the server itself, or to the pooler's session mode: on Supabase, "
            "port 5432 instead of 6543.",
        )


def _shares_backends(connection: psycopg.Connection, conninfo: str) -> bool:
    """Return whether two clients are given one backend in turn, as in transaction pooling."""
    other = connect(conninfo, application_name="carecli preflight")
    try:
        for _ in range(_ROUNDS):
            # In session mode each keeps its backend. In transaction mode the pooler hands out
            # the backend that was returned last, so an open transaction on one takes the
            # backend that the other has just used.
            mine = _backend(connection)
            other.execute("begin")
            theirs = _backend(other)
            connection.execute("begin")
            again = _backend(connection)
            connection.execute("rollback")
            other.execute("rollback")
            if theirs == mine or again != mine:
                return True
    except psycopg.errors.Error as error:
        # Statement mode refuses transactions altogether.
        if "transaction" in str(error).lower():
            return True
        raise
    finally:
        other.close()
    return False


def _backend(connection: psycopg.Connection) -> int:
    row = connection.execute("select pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])
