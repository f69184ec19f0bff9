"""What is told of a database after a run was cut short."""

from __future__ import annotations

import psycopg
import pytest

from carecli.database import connect
from carecli.errors import CannotConnect
from carecli.migrator.aftermath import Aftermath
from tests.plugins.databases import TestDatabase
from tests.plugins.drift import target_of

CONNECT = "carecli.migrator.aftermath.connect"
RECOVERY = "connection to server failed: FATAL:  the database system is in recovery mode"
REFUSED = "connection to server failed: Connection refused"


def ended_at_once(conninfo: str) -> psycopg.Connection:
    """Return a connection whose session the server ends, as it does before a restart."""
    connection = connect(conninfo)
    with connect(conninfo) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
    return connection


def test_session_that_a_restart_ends_is_not_the_last(
    migrated: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may take a session before it notices a crash; the next one tells the state."""
    attempts = 0

    def reconnect(conninfo: str) -> psycopg.Connection:
        nonlocal attempts
        attempts += 1
        match attempts:
            case 1:
                return ended_at_once(conninfo)
            case 2:
                raise CannotConnect("cannot connect", detail=RECOVERY)
        return connect(conninfo)

    monkeypatch.setattr(CONNECT, reconnect)
    with target_of(migrated.superuser_url) as target:
        aftermath = Aftermath(target)
        target.connection.close()
        assert aftermath.tell(None, []).startswith("deployed through ")
    assert attempts == 3


def test_server_that_is_gone_is_not_waited_for(
    migrated: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody listens, nothing is known, and it is said at once."""
    attempts = []

    def reconnect(conninfo: str) -> psycopg.Connection:
        attempts.append(conninfo)
        raise CannotConnect("cannot connect", detail=REFUSED)

    monkeypatch.setattr(CONNECT, reconnect)
    with target_of(migrated.url) as target:
        aftermath = Aftermath(target)
        target.connection.close()
        assert aftermath.tell(None, []).startswith("unknown, ")
    assert len(attempts) == 1
