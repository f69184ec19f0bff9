"""The yoyo backend: apply, rollback and mark, with their registry rows in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import psycopg
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend

from carecli.interrupts import uninterrupted
from carecli.plan import Change
from carecli.registry.execution import ScriptRunner
from carecli.registry.migration import ChangeMigration
from carecli.registry.session import Session
from carecli.registry.store import Registry
from carecli.script import Script

__all__ = ["SqitchBackend"]


class SqitchBackend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's apply and rollback machinery over sqitch's registry.

    Of yoyo it takes the model of a migration as steps, the ordering and the undoing of steps that
    were run outside of a transaction. Its bookkeeping tables, its lock row and its statement
    splitter are replaced: a change's script, its verify script and its registry rows are one
    transaction on one connection.

    Arguments:
        session: where scripts run, or are written down.
        registry: where the rows go.
        lock_timeout: milliseconds that a statement may wait for a lock on a table.
        allow_data_loss: lets revert scripts drop rows.
        before_commit: called before each commit; raises when the migration lock is gone.
        retries: makes, for a statement that commits by itself, what waits after a failure of it
            and tells whether to try it again.
    """

    def __init__(
        self,
        session: Session,
        registry: Registry,
        *,
        lock_timeout: int,
        allow_data_loss: bool = False,
        before_commit: Callable[[], None] = lambda: None,
        retries: Callable[[], Callable[[psycopg.Error], bool]] = lambda: lambda error: False,
    ) -> None:
        self.session = session
        self.registry = registry
        self.leftovers: list[str] = []
        self._in_transaction = False
        self._shared = False
        self._runner = ScriptRunner(
            session, lock_timeout=lock_timeout, allow_data_loss=allow_data_loss
        )
        self._before_commit = before_commit
        self._retries = retries
        super().__init__(dburi="", migration_table="changes")
        self.has_transactional_ddl = True
        self._registered = True

    # What yoyo asks of a backend

    def connect(self, dburi: str) -> psycopg.Connection:
        """Return the session's connection: yoyo opens none of its own."""
        return self.session.connection

    def ensure_internal_schema_updated(self) -> None:
        """Do nothing: yoyo's own tables are not used, the registry is made by `prepare`."""

    def get_applied_migration_hashes(self) -> list[str]:
        """Return the ids of the deployed changes in the order of their deployment."""
        return [row.change_id for row in self.registry.deployed()]

    def transaction(self, rollback_on_exit: bool = False) -> AbstractContextManager[Any]:
        """Return yoyo's transaction; within another one (`--atomic`) it is a part of that."""
        if self._in_transaction:
            self._shared = True
            return nullcontext()
        transaction: AbstractContextManager[Any] = super().transaction(rollback_on_exit)
        return transaction

    @contextmanager
    def disable_transactions(self) -> Iterator[None]:
        """Run a migration's script in autocommit, one statement at a time."""
        yield

    def begin(self) -> None:
        """Begin a transaction that no other migrator, however old its sqitch, runs beside."""
        assert not self._in_transaction
        self._in_transaction = True
        self._shared = False
        self.session.defer("begin;", *self._runner.settings(local=True))
        if self._registered:
            self.session.defer(f"lock table {self.changes_table} in exclusive mode;")

    def commit(self) -> None:
        """Run what was put off and commit, unless the migration lock is gone.

        A signal may strike while scripts run, and is put off while the commit is under way. What
        cannot be committed is rolled back, so that the next attempt has a transaction of its own.
        """
        try:
            self.session.run()
            with uninterrupted():
                self._before_commit()
                self.session.run("commit;")
        except BaseException:
            self.rollback()
            raise
        self._in_transaction = False

    def rollback(self) -> None:
        """Roll back; a lost connection has done so by itself."""
        with uninterrupted():
            self._in_transaction = False
            self.session.roll_back()

    def apply_one(self, migration: ChangeMigration, force: bool = False, mark: bool = True) -> None:
        """Deploy a change: script, verify script and registry rows."""
        migration.process_steps(self, "apply", force=force)
        # In a transaction of all changes, what was put off fails here and not in the next change.
        self.session.run()

    def rollback_one(self, migration: ChangeMigration, force: bool = False) -> None:
        """Revert a change: script and registry rows."""
        migration.process_steps(self, "rollback", force=force)

    def mark_one(self, migration: ChangeMigration, log: bool = True) -> None:
        """Record a change as deployed."""
        if not migration.record:
            self.compose([migration])
        with self.transaction():
            self.session.defer_write(*migration.record)

    def unmark_one(self, migration: ChangeMigration, log: bool = True) -> None:
        """Record a change as reverted."""
        with self.transaction():
            self.registry.record_revert(migration.change.id)

    # What the steps ask of it

    @property
    def changes_table(self) -> str:
        """The registry's table of changes, quoted."""
        return f"{self.quote_identifier(self.registry.schema)}.changes"

    def compose(self, migrations: Iterable[ChangeMigration]) -> None:
        """Compose the registry rows of migrations that are deployed one after the other.

        Beforehand, because the database has to wait for what is done between two scripts.
        """
        after = None
        for migration in migrations:
            migration.record = self.registry.compose_deploy(
                migration.change,
                script_hash=migration.script_hash,
                dependency_ids=migration.dependency_ids,
                after=after,
            )
            after = migration.change.id

    def prepare(self, untagged: Sequence[Change] = ()) -> None:
        """Make the registry and register the project, where they are not there yet.

        Arguments:
            untagged: deployed changes whose tags in the plan are not all recorded yet.
        """
        self._registered = self.registry.exists()
        with self.transaction():
            if not self._registered:
                self.registry.create()
            self.registry.register_project()
            for change in untagged:
                self.registry.record_tags(change)
        self._registered = True

    def run_script(self, script: Script) -> None:
        """Run a deploy or revert script.

        Raises:
            ScriptError: with the place of the statement that failed.
        """
        if self._in_transaction:
            self._runner.run(script, shared=self._shared)
        else:
            self._runner.run_autocommitted(
                script, before=self._before_commit, retries=self._retries
            )

    def undo_script(self, script: Script) -> None:
        """Run the revert script after what a script that commits by itself did was not sound.

        A fault in it is kept in `leftovers` for the state that the user is told: the fault that
        made it necessary is the one to show.
        """
        try:
            self.run_script(script)
        except psycopg.Error as error:
            self.leftovers.append(f"undoing it with {script.path} failed: {error}")

    def verify_script(self, script: Script) -> None:
        """Run a verify script and roll back whatever it did.

        Raises:
            ScriptError: with the place of the statement that failed.
        """
        if self._in_transaction:
            self._runner.run_in_savepoint(script)
        else:
            self._runner.run_and_roll_back(script)
