"""Proves that what is deployed does what the plan says: runs the verify scripts again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import psycopg

from carecli.errors import CarecliError, InvalidUsage, excerpt
from carecli.migrator.options import MigrationOptions
from carecli.migrator.state import State
from carecli.migrator.target import Target
from carecli.plan import Change
from carecli.plan.references import ReferenceIndex
from carecli.registry.execution import ScriptRunner
from carecli.registry.session import LiveSession, ScriptError
from carecli.script import read_script

__all__ = ["ChangeCheck", "verify_changes"]

Verdict = Literal[
    "ok", "failed", "reworked", "no script", "not deployed", "out of order", "unknown"
]


@dataclass(frozen=True, slots=True)
class ChangeCheck:
    """What the verification of one change found.

    Arguments:
        change: the change.
        verdict: `ok`; `failed`; `reworked`, a later change of the name is verified instead;
            `no script`; `not deployed`, though a later change is; `out of order`, deployed
            after one that is planned after it; `unknown` to the plan.
        message: what is wrong, or None.
        detail: where, or None.
    """

    change: Change
    verdict: Verdict
    message: str | None = None
    detail: str | None = None

    @property
    def is_finding(self) -> bool:
        """Whether somebody has to do something about it."""
        return self.verdict in ("failed", "not deployed", "out of order", "unknown")


def verify_changes(
    target: Target, *, since: str | None = None, to: str | None = None
) -> list[ChangeCheck]:
    """Run the verify script of each deployed change in a transaction that is rolled back.

    Arguments:
        target: project and database.
        since: reference of the first change to verify; None: the first one deployed.
        to: reference of the last; None: the one deployed last.

    Raises:
        InvalidUsage: a reference means no deployed change.
    """
    state = target.state()
    changes = [state.change_of(row) for row in state.deployed]
    if not changes:
        return []
    index = ReferenceIndex(changes)
    first = 0 if since is None else index.index_of(since)
    last = len(changes) - 1 if to is None else index.index_of(to)
    if first > last:
        raise InvalidUsage(
            f"{since} was deployed after {to}, so there is nothing from the one to the other",
            hint="Give the earlier change with --from and the later one with --to.",
        )
    runner = ScriptRunner(
        LiveSession(target.connection), lock_timeout=MigrationOptions().lock_timeout
    )
    wanted = changes[first : last + 1]
    checks = [_verify(target, runner, change) for change in wanted]
    return [*_ordered(state, checks), *_gaps(state, wanted)]


def _ordered(state: State, checks: list[ChangeCheck]) -> Iterator[ChangeCheck]:
    """Give the checks, those of changes that were deployed too late with that verdict."""
    furthest = -1
    for check in checks:
        place = state.plan.find(check.change.id)
        if place is not None and place < furthest and not check.is_finding:
            late = f"deployed after {state.plan.changes[furthest].name}, which is planned after it"
            yield ChangeCheck(check.change, "out of order", late)
        else:
            yield check
        furthest = max(furthest, -1 if place is None else place)


def _gaps(state: State, wanted: list[Change]) -> list[ChangeCheck]:
    """Return the changes of the plan that are missing between the deployed ones."""
    places = [place for change in wanted if (place := state.plan.find(change.id)) is not None]
    if not places:
        return []
    pending = {change.id for change in state.pending}
    return [
        ChangeCheck(change, "not deployed", "a change planned after it is deployed")
        for change in state.plan.changes[min(places) : max(places) + 1]
        if change.id in pending
    ]


def _verify(target: Target, runner: ScriptRunner, change: Change) -> ChangeCheck:
    if target.project.plan.find(change.id) is None:
        return ChangeCheck(change, "unknown", "the plan does not have this change")
    if change.is_reworked:
        return ChangeCheck(change, "reworked")
    path = target.project.verify_file(change)
    if not path.is_file():
        return ChangeCheck(change, "no script", f"{path} does not exist")
    try:
        script = read_script(path, variables=target.script_variables("verify"), purpose="verify")
        runner.run_and_roll_back(script)
    except CarecliError as error:
        return ChangeCheck(change, "failed", error.message, error.detail)
    except ScriptError as error:
        return _failed(change, error)
    return ChangeCheck(change, "ok")


def _failed(change: Change, error: ScriptError) -> ChangeCheck:
    cause: psycopg.Error = error.cause
    if cause.sqlstate is None:
        raise cause
    message = cause.diag.message_primary or str(cause)
    location = error.location
    if location is None:
        return ChangeCheck(change, "failed", message)
    place = f"{location.path}:{location.line}:{location.column}: {message}"
    lines = [excerpt(location.line, location.column, location.source_line)]
    lines += [cause.diag.message_detail, cause.diag.message_hint, cause.diag.context]
    return ChangeCheck(change, "failed", place, "\n".join(line for line in lines if line))
