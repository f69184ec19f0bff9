"""Runs migrations: under the lock, with retries, telling what was done whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import psycopg

from carecli.errors import CarecliError
from carecli.interrupts import interruptible, signal_of
from carecli.migrator.aftermath import Aftermath
from carecli.migrator.failure import Interrupted, explain, is_lost
from carecli.migrator.options import MigrationOptions, Reporter
from carecli.migrator.retries import Retries
from carecli.migrator.state import State
from carecli.migrator.target import Target
from carecli.plan import Change
from carecli.registry.backend import SqitchBackend
from carecli.registry.lock import MigrationLock
from carecli.registry.migration import ChangeMigration
from carecli.registry.session import LiveSession, ScriptError

__all__ = ["Run"]


class Run:
    """One run of migrations against a database, under the migration lock.

    Arguments:
        target: project and database.
        options: of the run.
        reporter: whom to tell.
        action: `deploy` or `revert`.
    """

    def __init__(
        self, target: Target, options: MigrationOptions, reporter: Reporter, action: str
    ) -> None:
        self._target = target
        self._options = options
        self._reporter = reporter
        self._action = action
        self._lock = MigrationLock(
            target.choice.conninfo,
            worker=target.connection.info.backend_pid,
            wait=options.lock_wait,
            say=reporter.say,
        )
        session = LiveSession(target.connection, verbosity=target.settings.verbosity)
        self.registry = target.registry(session)
        self.backend = SqitchBackend(
            session,
            self.registry,
            lock_timeout=options.lock_timeout,
            allow_data_loss=options.allow_data_loss,
            before_commit=self._lock.check,
            retries=lambda: self._retries().again,
        )
        self._aftermath = Aftermath(target)
        self._done: list[tuple[Change, float]] = []
        self._current: ChangeMigration | None = None

    @contextmanager
    def locked(self) -> Iterator[State]:
        """Hold the migration lock for the length of a `with` block.

        Returns what the database is like once no other migrator can change it.
        """
        try:
            with interruptible():
                try:
                    self._lock.acquire()
                    yield self._target.state()
                except KeyboardInterrupt as interrupt:
                    raise self._interrupted(interrupt) from None
        finally:
            self._lock.release()

    def prepare(self, state: State) -> None:
        """Make the registry where it is missing, and record the tags that the plan has since."""
        self._retrying(lambda: self.backend.prepare(state.untagged), transactional=True)

    def apply(self, migrations: list[ChangeMigration]) -> tuple[tuple[Change, float], ...]:
        """Deploy or revert these migrations, in the order given.

        Returns each change that was done, with its seconds.

        Raises:
            CarecliError: the kind that fits what happened, with the state of the database.
        """
        width = max((len(item.change.name_with_tags) for item in migrations), default=0)
        self._reporter.begin(len(migrations), width)
        if self._action == "deploy":
            self.backend.compose(migrations)
        if self._options.atomic:
            self._retrying(lambda: self._all_in_one(migrations), transactional=True)
        else:
            for migration in migrations:
                self._retrying(
                    lambda item=migration: self._one(item),  # type: ignore[misc]
                    transactional=migration.use_transactions,
                )
        return tuple(self._done)

    def _all_in_one(self, migrations: list[ChangeMigration]) -> None:
        self._done.clear()
        with self.backend.transaction():
            for migration in migrations:
                self._one(migration)

    def _one(self, migration: ChangeMigration) -> None:
        self._current = migration
        self._reporter.started(migration.change)
        start = time.perf_counter()
        if self._action == "deploy":
            self.backend.apply_one(migration)
        else:
            self.backend.rollback_one(migration)
        seconds = time.perf_counter() - start
        self._done.append((migration.change, seconds))
        self._reporter.finished(migration.change, seconds)

    def _retrying(self, action: Callable[[], None], *, transactional: bool) -> None:
        """Run a transaction; where it did not get a lock, wait and run it again.

        What commits statement by statement is not run again as a whole: the backend tries its
        statements again.
        """
        retries = self._retries()
        while True:
            try:
                action()
            except psycopg.Error as error:
                if not (transactional and retries.again(error)):
                    self._fail(error)
            except CarecliError as error:
                self._report_failed()
                lines = [error.detail, f"State: {self._state_now()}"]
                error.detail = "\n".join(line for line in lines if line)
                raise
            else:
                return

    def _retries(self) -> Retries:
        limit = self._options.lock_retries

        def announce(attempt: int, delay: float) -> None:
            self._reporter.say(
                f"{self._name()} had to wait for a lock{self._aftermath.blocker()}; "
                f"rolled back, attempt {attempt} of {limit + 1} in {delay:.1f} s"
            )

        return Retries(limit, announce)

    def _fail(self, error: psycopg.Error) -> NoReturn:
        self._report_failed()
        if is_lost(error):
            self._target.connection.close()
        elif self._current is not None and self._action == "deploy":
            self._record_fail(self._current.change)
        raise explain(error, self._what(error), self._name(), self._state_now) from error

    def _what(self, error: psycopg.Error) -> str:
        """Return which kind of script failed."""
        verify = self._current.scripts.verify if self._current is not None else None
        place = error.location if isinstance(error, ScriptError) else None
        in_verify = verify is not None and place is not None and place.path == verify.path
        return "verify" if in_verify else self._action

    def _record_fail(self, change: Change) -> None:
        try:
            with self.backend.transaction():
                self.registry.record_fail(change)
        except (psycopg.Error, CarecliError) as error:
            self._reporter.say(f"The failure could not be put into the log: {error}")

    def _interrupted(self, interrupt: KeyboardInterrupt) -> Interrupted:
        self._report_failed()
        signal = signal_of(interrupt)
        return Interrupted(
            f"interrupted by {signal.name}",
            detail=f"State: {self._state_now()}",
            signal_number=signal,
        )

    def _report_failed(self) -> None:
        if self._current is not None:
            self._reporter.failed(self._current.change)

    def _state_now(self) -> str:
        return self._aftermath.tell(self._current, self.backend.leftovers)

    def _name(self) -> str:
        return self._current.change.name if self._current is not None else "the registry"
