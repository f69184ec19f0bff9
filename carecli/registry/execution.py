"""How a script is run: in a session as clean as a new psql's, in or out of a transaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import psycopg

from carecli.interrupts import uninterrupted
from carecli.registry.session import ScriptError, Session
from carecli.resources import data_directory
from carecli.script import Batch, Script, TransactionModes, read_script

__all__ = ["ScriptRunner"]

_SAVEPOINT = "carecli_verify"


class ScriptRunner:
    """Runs scripts on a session; nothing that one sets reaches what is run after it.

    Arguments:
        session: where they run, or are written down.
        lock_timeout: milliseconds that a statement in a transaction may wait for a table's lock.
        allow_data_loss: lets revert scripts drop rows.
    """

    def __init__(
        self, session: Session, *, lock_timeout: int, allow_data_loss: bool = False
    ) -> None:
        self._session = session
        self._lock_timeout = lock_timeout
        self._allow_data_loss = allow_data_loss

    def settings(self, *, local: bool) -> list[str]:
        """Return the statements that set what carecli wants of every script's session.

        Arguments:
            local: for the transaction, or else for the session.
        """
        scope = "local" if local else "session"
        # The server ends a statement whose client is gone, so that no killed migrator goes on.
        statements = [f"set {scope} client_connection_check_interval = '1s';"]
        if local:
            statements.append(f"set local lock_timeout = '{self._lock_timeout}ms';")
        if self._allow_data_loss:
            statements.append(f"set {scope} carecli.allow_data_loss = 'on';")
        return statements

    def run(self, script: Script, *, shared: bool = False) -> None:
        """Run a script in the transaction that is open, together with what the session runs next.

        Arguments:
            script: what to run.
            shared: whether other changes' scripts run in the transaction as well.

        Raises:
            ScriptError: with the place of the statement that failed.
        """
        self._run(script)
        # What was put off until the script's own COMMIT is due now: tables with checks still to
        # come could be neither altered nor, if temporary, dropped.
        self._session.defer(
            *(
                _housekeeping("settle_constraints")
                if shared
                else ("set constraints all immediate;",)
            )
        )
        self._session.defer(*_housekeeping("reset_session"), *self.settings(local=True))

    def run_in_savepoint(self, script: Script) -> None:
        """Run a script in the transaction that is open and roll back whatever it did.

        It goes out together with what the session runs next.

        Raises:
            ScriptError: with the place of the statement that failed.
        """
        self._session.defer(f"savepoint {_SAVEPOINT};")
        self._run(script, nested=True)
        self._session.defer(
            f"rollback to savepoint {_SAVEPOINT};",
            f"release savepoint {_SAVEPOINT};",
            *_housekeeping("reset_beyond_rollback"),
        )

    def run_and_roll_back(self, script: Script) -> None:
        """Run a script in a transaction of its own and roll back whatever it did.

        Raises:
            ScriptError: with the place of the statement that failed.
        """
        self._session.defer("begin;", *self.settings(local=True))
        try:
            self._run(script)
            self._session.run()
        finally:
            with uninterrupted():
                if self._session.roll_back():
                    self._session.run(*_housekeeping("reset_session"))

    def _run(self, script: Script, *, nested: bool = False) -> None:
        """Run the statements; in a savepoint the isolation level is settled already."""
        if modes := _transaction_modes(script.modes, nested=nested):
            self._session.defer(f"set transaction {modes};")
        for batch in script.batches():
            self._session.defer_batch(batch)

    def run_autocommitted(
        self,
        script: Script,
        *,
        before: Callable[[], None] = lambda: None,
        retries: Callable[[], Callable[[psycopg.Error], bool]] = lambda: lambda error: False,
    ) -> None:
        """Run a script outside of a transaction, one statement at a time.

        Arguments:
            script: what to run.
            before: called before each statement, each of which commits by itself.
            retries: makes, for a statement, what tells after a failure whether to try it again.

        Raises:
            ScriptError: with the place of the statement that failed; those before it stay.
        """
        self._session.run(*self.settings(local=False))
        try:
            for batch in script.batches():
                again = retries()
                while not self._committed(batch, before, again):
                    pass
        finally:
            with uninterrupted():
                if self._session.roll_back():
                    self._session.run(*_housekeeping("reset_session"))

    def _committed(
        self, batch: Batch, before: Callable[[], None], again: Callable[[psycopg.Error], bool]
    ) -> bool:
        before()
        self._session.run(f"set session lock_timeout = '{self._patience(batch)}ms';")
        try:
            self._session.run_batch(batch)
        except ScriptError as error:
            # A statement that leaves something behind when it fails cannot be run once more.
            if self._patience(batch) and again(error):
                return False
            raise
        return True

    def _patience(self, batch: Batch) -> int:
        # A timeout that strikes `create index concurrently` leaves an invalid index, and such a
        # statement waits for locks that hold nobody up.
        reason = batch.statements[0].autocommit_reason or ""
        return 0 if "concurrently" in reason.lower() else self._lock_timeout


@cache
def _housekeeping(name: str) -> tuple[str, ...]:
    path = data_directory("sql") / "queries" / f"{name}.sql"
    return tuple(item.sql for item in read_script(path).statements)


def _transaction_modes(modes: TransactionModes, *, nested: bool) -> str:
    """Return what the script's own BEGIN asks for, as far as it can be had."""
    wanted = []
    if modes.isolation is not None and not nested:
        wanted.append(f"isolation level {modes.isolation}")
    if modes.read_only is not None:
        wanted.append("read only" if modes.read_only else "read write")
    if modes.deferrable is not None and not nested:
        wanted.append("deferrable" if modes.deferrable else "not deferrable")
    return ", ".join(wanted)
