"""Deploys pending changes."""

from __future__ import annotations

from carecli.migrator.options import MigrationOptions, Outcome, Reporter
from carecli.migrator.preparing import deploy_migrations
from carecli.migrator.running import Run
from carecli.migrator.state import State
from carecli.migrator.target import Target
from carecli.registry.backend import SqitchBackend
from carecli.registry.migration import ChangeMigration, migration_list
from carecli.registry.session import Transcript

__all__ = ["deploy"]


def deploy(
    target: Target,
    *,
    to: str | None = None,
    options: MigrationOptions,
    reporter: Reporter,
    dry_run: bool = False,
) -> Outcome:
    """Deploy the pending changes of a plan, in its order.

    Arguments:
        target: project and database.
        to: reference of the last change to deploy; None: all.
        options: of the run.
        reporter: whom to tell.
        dry_run: run nothing, return the SQL.

    Raises:
        CarecliError: of the kind that fits; what was done before stays, and is said.
    """
    state = target.state()
    changes = state.to_deploy(to)
    # Every script is read before the lock is asked for: a fault in one ends here.
    migrations = deploy_migrations(target, state, changes, options)
    if options.verify:
        _name_unverified(migrations, reporter)
    if dry_run:
        return Outcome(transcript=_transcript(target, state, migrations, options))
    run = Run(target, options, reporter, "deploy")
    with run.locked() as now:
        if now.deployed_ids != state.deployed_ids:
            migrations = deploy_migrations(target, now, now.to_deploy(to), options)
        run.prepare(now)
        return Outcome(run.apply(list(run.backend.to_apply(migration_list(migrations)))))


def _name_unverified(migrations: list[ChangeMigration], reporter: Reporter) -> None:
    """Say which changes nothing will prove: a missing verify script is no fault, as in sqitch."""
    names = [item.change.name for item in migrations if item.scripts.verify is None]
    if names:
        reporter.say(f"Warning:  no verify script: {', '.join(names)}")


def _transcript(
    target: Target, state: State, migrations: list[ChangeMigration], options: MigrationOptions
) -> str:
    session = Transcript(target.connection)
    backend = SqitchBackend(session, target.registry(session), lock_timeout=options.lock_timeout)
    backend.prepare(state.untagged)
    ordered = migration_list(migrations)
    backend.compose(ordered)
    if options.atomic:
        with backend.transaction():
            for migration in ordered:
                backend.apply_one(migration)
    else:
        for migration in ordered:
            session.run(f"\n-- {migration.change.name_with_tags}")
            backend.apply_one(migration)
    return session.text
