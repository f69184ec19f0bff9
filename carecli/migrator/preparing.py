"""Reads and checks all that a run needs, before anything is executed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from carecli.errors import CarecliError, Refused
from carecli.migrator.options import MigrationOptions
from carecli.migrator.state import State
from carecli.migrator.target import Target
from carecli.plan import Change, Dependency
from carecli.registry.migration import ChangeMigration, Scripts
from carecli.registry.store import Registry
from carecli.script import Purpose, Script, read_script

__all__ = ["deploy_migrations", "revert_migrations"]


def deploy_migrations(
    target: Target, state: State, changes: Sequence[Change], options: MigrationOptions
) -> list[ChangeMigration]:
    """Return the migrations that deploy these changes, every script read and checked.

    Arguments:
        target: project and database.
        state: how the database stands to the plan.
        changes: what to deploy, in plan order.
        options: of the run.

    Raises:
        Refused: a dependency is not met, or a script cannot be run as wanted.
        SourceError: a script holds what cannot be run.
        CarecliError: a script is missing.
    """
    resolved = _resolve(target.registry(), state, changes)
    digests = {change.id: target.project.script_hash(change) for change in changes}
    _refuse_equal_scripts(target, state, changes, digests)
    reader = _ScriptReader(target)
    migrations: dict[str, ChangeMigration] = {}
    for change in changes:
        ids = {item.text: resolved[item] for item in change.requires}
        migrations[change.id] = ChangeMigration(
            change,
            reader.for_deploy(change, options),
            script_hash=digests[change.id],
            dependency_ids=ids,
            requires=[migrations[key] for key in ids.values() if key in migrations],
        )
    if options.atomic:
        _refuse_autocommit(migrations.values())
    return list(migrations.values())


def revert_migrations(
    target: Target, changes: Sequence[Change], options: MigrationOptions
) -> list[ChangeMigration]:
    """Return the migrations that revert these changes, every script read and checked.

    Arguments:
        target: project and database.
        changes: what to revert, the one deployed last first.
        options: of the run.

    Raises:
        Refused: another deployed change requires one of them.
        SourceError: a script holds what cannot be run.
        CarecliError: a script is missing.
    """
    standing = target.registry().requiring([change.id for change in changes])
    if standing:
        needs = [f"{row['requiring']} requires {row['required']}" for row in standing]
        raise Refused(
            "deployed changes require what would be reverted",
            detail="\n".join(needs),
            hint="Revert those first.",
        )
    reader = _ScriptReader(target)
    return [
        ChangeMigration(change, reader.for_revert(change, options), reverting=True)
        for change in changes
    ]


def _resolve(registry: Registry, state: State, changes: Sequence[Change]) -> dict[Dependency, str]:
    """Return the change id of every requirement; refuse what is missing or in conflict."""
    present = set(state.deployed_ids)
    resolved: dict[Dependency, str] = {}
    faults: list[str] = []
    with_registry = registry.exists()
    for change in changes:
        for dependency in change.dependencies:
            if not dependency.is_external and dependency.id is None:
                faults.append(
                    f"{change.name} names {dependency.text}, which the plan does not have"
                )
                continue
            found = dependency.id if dependency.id in present else None
            if found is None and with_registry and dependency.is_external:
                found = registry.resolve_external(dependency)
            if dependency.kind == "conflict" and found is not None:
                faults.append(f"{change.name} conflicts with {dependency.text}, which is deployed")
            if dependency.kind == "require":
                if found is None:
                    faults.append(f"{change.name} requires {dependency.text}, which is not there")
                else:
                    resolved[dependency] = found
        present.add(change.id)
    if faults:
        raise Refused(
            "dependencies are not met; nothing was deployed",
            detail="\n".join(faults),
            hint="Deploy the required project first, or roll back what conflicts.",
        )
    return resolved


def _refuse_equal_scripts(
    target: Target, state: State, changes: Sequence[Change], digests: Mapping[str, str | None]
) -> None:
    """The registry wants deploy scripts of one project to differ: find out before it does."""
    known = {row.script_hash: state.change_of(row) for row in state.deployed if row.script_hash}
    for change in changes:
        digest = digests[change.id]
        if digest is None:
            continue
        if digest in known:
            pair = (known[digest], change)
            reworked = known[digest].name == change.name
            names = [item.qualified_name if reworked else item.name for item in pair]
            raise Refused(
                f"the deploy scripts of {' and '.join(names)} are the same, "
                "which sqitch's registry does not take",
                detail=str(target.project.deploy_file(change)),
                hint="A comment that tells them apart is enough.",
            )
        known[digest] = change


def _refuse_autocommit(migrations: Iterable[ChangeMigration]) -> None:
    for migration in migrations:
        if not migration.use_transactions:
            raise Refused(
                f"{migration.change.name} cannot run in a transaction, as --atomic wants",
                detail=migration.path,
                hint=f"Deploy without --atomic, or up to the change before: "
                f"--to {migration.change.name}^.",
            )


class _ScriptReader:
    """Reads the scripts of a project with psql's variables in them."""

    def __init__(self, target: Target) -> None:
        self._project = target.project
        self._variables = cache(target.script_variables)

    def for_deploy(self, change: Change, options: MigrationOptions) -> Scripts:
        verify = self._optional(self._project.verify_file(change), "verify", options.verify)
        if options.log_only:
            return Scripts(verify=verify)
        deploy = self._required(self._project.deploy_file(change), "deploy", change)
        # What ran outside of a transaction is undone by its revert script when it is not sound.
        undo = self._optional(
            self._project.revert_file(change), "revert", wanted=not deploy.transactional
        )
        return Scripts(deploy=deploy, revert=undo, verify=verify)

    def for_revert(self, change: Change, options: MigrationOptions) -> Scripts:
        if options.log_only:
            return Scripts()
        return Scripts(revert=self._required(self._project.revert_file(change), "revert", change))

    def _required(self, path: Path, purpose: Purpose, change: Change) -> Script:
        if not path.is_file():
            raise CarecliError(
                f"{change.name} has no {purpose} script",
                detail=f"Looked for {path}",
                hint=f"Write it, or leave {change.name} out of the plan. `carecli check` lists "
                "all that is missing.",
            )
        return self._read(path, purpose)

    def _optional(self, path: Path, purpose: Purpose, wanted: bool) -> Script | None:
        return self._read(path, purpose) if wanted and path.is_file() else None

    def _read(self, path: Path, purpose: Purpose) -> Script:
        return read_script(path, variables=self._variables(purpose), purpose=purpose)
