"""Reverts deployed changes."""

from __future__ import annotations

from collections.abc import Sequence

from carecli.errors import Refused
from carecli.migrator.options import MigrationOptions, Outcome, Reporter
from carecli.migrator.preparing import revert_migrations
from carecli.migrator.running import Run
from carecli.migrator.state import State
from carecli.migrator.target import Target
from carecli.plan import Change
from carecli.registry.backend import SqitchBackend
from carecli.registry.session import Transcript

__all__ = ["revert"]


def revert(
    target: Target,
    *,
    to: str | None = None,
    count: int | None = None,
    options: MigrationOptions,
    reporter: Reporter,
    dry_run: bool = False,
) -> Outcome:
    """Revert deployed changes, the one deployed last first.

    Arguments:
        target: project and database.
        to: reference of the change to go back to, which stays deployed.
        count: how many to revert; with neither, all.
        options: of the run.
        reporter: whom to tell.
        dry_run: run nothing, return the SQL.

    Raises:
        CarecliError: of the kind that fits; what was done before stays, and is said.
    """
    changes = target.state().to_revert(to, count)
    migrations = revert_migrations(target, changes, options)
    if dry_run:
        session = Transcript(target.connection)
        backend = SqitchBackend(
            session,
            target.registry(session),
            lock_timeout=options.lock_timeout,
            allow_data_loss=options.allow_data_loss,
        )
        for migration in migrations:
            session.run(f"\n-- {migration.change.name_with_tags}")
            backend.rollback_one(migration)
        return Outcome(transcript=session.text)
    run = Run(target, options, reporter, "revert")
    with run.locked() as state:
        _refuse_other_state(state, changes)
        return Outcome(run.apply(revert_migrations(target, changes, options)))


def _refuse_other_state(state: State, changes: Sequence[Change]) -> None:
    """What was asked for and agreed to is reverted, not what it would mean by now."""
    last = [row.change_id for row in reversed(state.deployed)][: len(changes)]
    if last != [change.id for change in changes]:
        raise Refused(
            "another migrator deployed or reverted changes meanwhile; nothing was reverted",
            hint="Look at `carecli status` and run the command again.",
        )
