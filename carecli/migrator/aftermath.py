"""What the database is like after a run was cut short, from what the database itself says."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.pq import TransactionStatus

from carecli.database import connect
from carecli.errors import CannotConnect, CarecliError
from carecli.migrator.failure import is_lost
from carecli.migrator.state import State
from carecli.migrator.target import Target
from carecli.registry.lock import WORKER
from carecli.registry.migration import ChangeMigration
from carecli.registry.store import DeployedChange
from carecli.resources import read_sql

__all__ = ["Aftermath"]

_PATIENCE = 120.0  # seconds, for crash recovery on a slow disk or the end of a lost session
_POLL_SECONDS = 0.2

_PASSING = re.compile(
    "the database system is"  # starting up, in recovery mode, shutting down
    "|server closed the connection|terminating connection|Connection reset|Broken pipe"
)
"""What a client is told that connects while a server ends its sessions or comes up."""


class Aftermath:
    """Tells the state of a database, on a new connection where the run's own is of no use.

    Arguments:
        target: project and database of the run.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._worker = target.connection.info.backend_pid

    def tell(self, current: ChangeMigration | None, leftovers: list[str]) -> str:
        """Return the state in a sentence.

        Arguments:
            current: what was being deployed or reverted, or None.
            leftovers: what else is known to be unfinished.
        """
        try:
            deployed, invalid = self._read_patiently()
        except (psycopg.Error, CarecliError) as error:
            why = error.message if isinstance(error, CarecliError) else str(error).strip()
            return f"unknown, the database cannot be read ({why}); `carecli status` tells."
        except KeyboardInterrupt:
            return "unknown, interrupted once more before it was read; `carecli status` tells."
        parts = self._parts(deployed, current)
        parts += leftovers
        if invalid:
            names = ", ".join(invalid)
            parts.append(f"invalid indexes: {names}; drop them before the next run")
        return "; ".join(parts)

    def blocker(self) -> str:
        """Return who is likely to be in the way of a lock, in brackets, or nothing."""
        try:
            rows = self._target.connection.execute(read_sql("queries/table_lock_holders"))
            found = rows.fetchone()
        except psycopg.Error:
            return ""
        if found is None:
            return ""
        pid, user, application, state, seconds, relations = found
        doing = f", {state}" if state else ""
        since = f" for {seconds} s" if seconds is not None else ""
        return (
            f" (pid {pid} of {user}, {application or 'no application name'}{doing}, "
            f"holds locks on {relations}{since})"
        )

    def _parts(self, deployed: list[DeployedChange], current: ChangeMigration | None) -> list[str]:
        pending = len(State(self._target.project.plan, deployed).pending)
        last = f"deployed through {deployed[-1].change}" if deployed else "nothing is deployed"
        parts = [f"{last}, {pending} pending"]
        if current is None:
            return parts
        recorded = current.change.id in {row.change_id for row in deployed}
        parts.append(f"{current.change.name} is {'' if recorded else 'not '}deployed")
        if not current.use_transactions and recorded == current.reverting:
            parts.append(
                "its script does not run in a transaction, so what ran of it before may have stayed"
            )
        return parts

    def _read_patiently(self) -> tuple[list[DeployedChange], list[str]]:
        """Return the deployed changes and the invalid indexes, also of a server that restarts.

        A session may be the last that a server takes before it notices a crash and ends them all,
        so it is the reading that is tried again, not the connecting alone.
        """
        limit = time.monotonic() + _PATIENCE
        while True:
            try:
                with self._reading() as target:
                    registry = target.registry()
                    deployed = registry.deployed() if registry.exists() else []
                    rows = target.connection.execute(read_sql("queries/invalid_indexes"))
                    return deployed, [name for (name,) in rows]
            except (psycopg.Error, CannotConnect) as error:
                if not _may_pass(error) or time.monotonic() > limit:
                    raise
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def _reading(self) -> Iterator[Target]:
        """Give the run's connection, or a new one where that is lost or in a transaction."""
        own = self._target.connection
        if not own.closed and own.info.transaction_status == TransactionStatus.IDLE:
            yield self._target
            return
        own.close()
        connection = connect(self._target.choice.conninfo)
        try:
            self._await_end(connection)
            yield self._target._replace(connection=connection)
        finally:
            connection.close()

    def _await_end(self, connection: psycopg.Connection) -> None:
        """Wait until the lost session has ended: until then it may still commit."""
        query = "select from pg_stat_activity where pid = %s and application_name = %s"
        parameters = (self._worker, WORKER)
        limit = time.monotonic() + _PATIENCE
        while connection.execute(query, parameters).fetchone() is not None:
            if time.monotonic() > limit:
                raise CarecliError(f"the session with pid {self._worker} has not ended yet")
            time.sleep(_POLL_SECONDS)


def _may_pass(error: psycopg.Error | CannotConnect) -> bool:
    """Return whether a server may only be about to restart after a crash."""
    if isinstance(error, CannotConnect):
        return _PASSING.search(error.detail or "") is not None
    return is_lost(error)
