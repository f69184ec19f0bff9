"""A change of the plan as a yoyo migration: its steps are its scripts and its registry rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from yoyo.migrations import Migration, MigrationList, StepBase

from carecli.plan import Change
from carecli.script import Script

if TYPE_CHECKING:
    from carecli.registry.backend import SqitchBackend

__all__ = ["ChangeMigration", "Scripts", "migration_list"]

Direction = Literal["apply", "rollback"]


@dataclass(frozen=True, slots=True)
class Scripts:
    """The parsed scripts of a change; None where a script is not run.

    Arguments:
        deploy: run when the change is applied.
        revert: run when it is rolled back.
        verify: run after it is applied, in a savepoint that is rolled back.
    """

    deploy: Script | None = None
    revert: Script | None = None
    verify: Script | None = None

    @property
    def transactional(self) -> bool:
        """Whether the script that changes the database can run in a transaction."""
        return all(script.transactional for script in (self.deploy, self.revert) if script)


class ChangeMigration(Migration):  # type: ignore[misc]
    """yoyo's model of a migration, filled from the plan instead of from a folder.

    Arguments:
        change: from the plan.
        scripts: what to run.
        script_hash: SHA-1 of the deploy script, as sqitch records it.
        dependency_ids: resolved change id of each required dependency, by its text.
        requires: the migrations of the same run that have to come before.
        reverting: whether it is there to be rolled back.
    """

    def __init__(
        self,
        change: Change,
        scripts: Scripts,
        *,
        script_hash: str | None = None,
        dependency_ids: dict[str, str] | None = None,
        requires: Iterable[ChangeMigration] = (),
        reverting: bool = False,
    ) -> None:
        script = scripts.deploy or scripts.revert
        path = script.path if script else Path(change.name)
        super().__init__(change.id, str(path), str(path.parent))
        # yoyo hashes the id; in sqitch's registry the change id is the key.
        self.hash = change.id
        self.change = change
        self.scripts = scripts
        self.reverting = reverting
        self.script_hash = script_hash
        self.dependency_ids = dependency_ids or {}
        # The statements of its registry rows, once they are composed.
        self.record: Sequence[str] = ()
        self.use_transactions = scripts.transactional
        self._depends = set(requires)
        # Whatever is recorded comes last, also when yoyo goes through the steps backwards.
        self.steps = (
            [RegistryStep(self), ScriptStep(self)]
            if reverting
            else [ScriptStep(self), VerifyStep(self), RegistryStep(self)]
        )


def migration_list(migrations: Iterable[ChangeMigration]) -> MigrationList:
    """Return yoyo's list of these migrations, which it orders by their dependencies."""
    return MigrationList(migrations)


class _Step(StepBase):  # type: ignore[misc]
    """A part of a migration; yoyo calls `apply` forwards and `rollback` backwards."""

    def __init__(self, migration: ChangeMigration) -> None:
        self.id = type(self).__name__
        self.migration = migration


class ScriptStep(_Step):
    """Runs the deploy script, or the revert script."""

    def apply(self, backend: SqitchBackend, force: bool = False) -> None:
        """Run the deploy script in a clean session."""
        if self.migration.scripts.deploy is not None:
            backend.run_script(self.migration.scripts.deploy)

    def rollback(self, backend: SqitchBackend, force: bool = False) -> None:
        """Run the revert script in a clean session, also to undo a deploy script."""
        script = self.migration.scripts.revert
        if script is not None and self.migration.reverting:
            backend.run_script(script)
        elif script is not None:
            backend.undo_script(script)


class VerifyStep(_Step):
    """Runs the verify script and leaves no trace of it."""

    def apply(self, backend: SqitchBackend, force: bool = False) -> None:
        """Run the verify script in a savepoint and roll it back."""
        if self.migration.scripts.verify is not None:
            backend.verify_script(self.migration.scripts.verify)

    def rollback(self, backend: SqitchBackend, force: bool = False) -> None:
        """There is nothing to verify after a rollback."""


class RegistryStep(_Step):
    """Writes the registry rows, in the transaction of the script."""

    def apply(self, backend: SqitchBackend, force: bool = False) -> None:
        """Record the change as deployed."""
        backend.mark_one(self.migration)

    def rollback(self, backend: SqitchBackend, force: bool = False) -> None:
        """Record the change as reverted."""
        backend.unmark_one(self.migration)
