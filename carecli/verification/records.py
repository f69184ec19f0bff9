"""Compares what the registry says of the deployed changes with what the plan says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, LiteralString

from psycopg.sql import SQL, Identifier

from carecli.migrator.target import Target
from carecli.plan import Change, Dependency
from carecli.registry.store import Registry
from carecli.verification.findings import Finding

__all__ = ["verify_records"]

_NAME: Final = "update {}.changes set change = {} where change_id = {};"
_GONE: Final = "insert into {}.dependencies values ({}, {}, {}, {});"
_MORE: Final = "delete from {}.dependencies where change_id = {} and type = {} and dependency = {};"

_Named = tuple[str, str]


def verify_records(target: Target) -> Iterator[Finding]:
    """Yield the deployed changes whose rows in the registry somebody has edited.

    A change's id is made from its name and what it requires, so where the id is the plan's, these
    have to be the plan's too. Other tools revert by them.

    Arguments:
        target: project and database.
    """
    registry = target.registry()
    if not registry.exists():
        return
    recorded: defaultdict[str, set[_Named]] = defaultdict(set)
    for change_id, kind, dependency in registry.dependencies():
        recorded[change_id].add((kind, dependency))
    state = target.state()
    for row in state.deployed:
        place = state.plan.find(row.change_id)
        if place is None:
            continue
        change = state.plan.changes[place]
        if row.change != change.name:
            mending = _filled(_NAME, registry.schema, change.name, change.id)
            detail = f"the registry calls it {row.change}, the plan {change.name}"
            yield Finding("registry_name", "error", f"change {row.change}", detail, mending)
        mending = "\n".join(_mended(registry, change, recorded[change.id]))
        if mending:
            detail = "what it requires and conflicts with is not recorded as the plan has it"
            name = f"change {change.name_with_tags}"
            yield Finding("registry_dependencies", "error", name, detail, mending)


def _mended(registry: Registry, change: Change, recorded: set[_Named]) -> Iterator[str]:
    """Yield the statements that make the recorded dependencies of a change the plan's."""
    wanted = {(found.kind, found.text): found for found in change.dependencies}
    for kind, text in sorted(recorded - wanted.keys()):
        yield _filled(_MORE, registry.schema, change.id, kind, text)
    for kind, text in sorted(wanted.keys() - recorded):
        required = _required(registry, wanted[kind, text])
        # Where what is required is not deployed, that is what has to be mended.
        if kind == "conflict" or required is not None:
            yield _filled(_GONE, registry.schema, change.id, kind, text, required)


def _required(registry: Registry, dependency: Dependency) -> str | None:
    """Return the id of the deployed change that a dependency means."""
    if dependency.kind == "conflict":
        return None
    if dependency.is_external:
        return registry.resolve_external(dependency)
    deployed = {row.change_id for row in registry.deployed()}
    return dependency.id if dependency.id in deployed else None


def _filled(statement: LiteralString, schema: str, *values: str | None) -> str:
    return SQL(statement).format(Identifier(schema), *values).as_string()
