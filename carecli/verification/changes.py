"""Proves that what is deployed does what the plan says: runs the verify scripts again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from carecli.errors import CarecliError, InvalidUsage, LockNotAvailable, SourceError, excerpt
from carecli.migrator.failure import is_retriable
from carecli.migrator.state import State
from carecli.migrator.target import Target
from carecli.plan import Change
from carecli.plan.references import ReferenceIndex
from carecli.registry.execution import ScriptRunner
from carecli.registry.session import LiveSession, ScriptError
from carecli.script import read_script
from carecli.verification.findings import Finding, Outcome, Part
from carecli.verification.records import verify_records

__all__ = ["ChangeCheck", "check_changes", "verify_changes"]

Verdict = Literal[
    "ok", "failed", "edited", "reworked", "no script", "not deployed", "out of order", "unknown"
]

_MENDING = {
    "failed": "Put right what the script names; `carecli verify --drift` shows the SQL that would.",
    "edited": "Restore the script as it was deployed; `carecli rework {name}` makes its next "
    "version.",
    "not deployed": "Move it to the end of the plan, or `carecli rollback --to` the change before "
    "it and `carecli migrate`.",
    "out of order": "Give the plan the order of the database, or roll back and migrate again.",
    "unknown": "Use the plan that deployed it; an entry edited after its deployment has another "
    "id.",
}


@dataclass(frozen=True, slots=True)
class ChangeCheck:
    """What the verification of one change found.

    Arguments:
        change: the change.
        verdict: `ok`; `failed`; `edited`, the deploy script is another one than what was
            deployed; `reworked`, a later change of the name is verified instead; `no script`;
            `not deployed`, though a later change is; `out of order`, deployed after one that is
            planned after it; `unknown` to the plan.
        message: what is wrong, or None.
        detail: where, or None.
        path: the file that it is about, or None.
        line: number in that file, from 1, where it is known.
    """

    change: Change
    verdict: Verdict
    message: str | None = None
    detail: str | None = None
    path: Path | None = None
    line: int | None = None

    @property
    def is_finding(self) -> bool:
        """Whether somebody has to do something about it."""
        return self.verdict in _MENDING

    @property
    def object(self) -> str:
        """The change as findings name it."""
        return f"change {self.change.name_with_tags}"

    @property
    def finding(self) -> Finding:
        """What is wrong, in the columns of all findings; only where `is_finding`."""
        return Finding(
            check=self.verdict.replace(" ", "_"),
            level="warning" if self.verdict in ("edited", "out of order") else "error",
            object=self.object,
            detail="\n".join(filter(None, (self.message, self.detail))),
            remediation=_MENDING[self.verdict].format(name=self.change.name),
            path=self.path,
            line=self.line,
        )


_ATTEMPTS = 3
_LOCK_TIMEOUT = 1_000  # milliseconds: the application must not queue behind a verification


def check_changes(target: Target, *, since: str | None = None, to: str | None = None) -> Part:
    """Verify the deployed changes and return what was found as one part of a verification.

    Arguments:
        target: project and database; one without a registry has no deployed change.
        since: reference of the first change to verify; None: the first one deployed.
        to: reference of the last; None: the one deployed last.

    Raises:
        InvalidUsage: a reference means no deployed change.
    """
    began = time.monotonic()
    checks = verify_changes(target, since=since, to=to)
    skipped = None
    if not target.registry().exists():
        skipped = "the database has no registry, so nothing tells what was deployed"
    elif not checks:
        skipped = "no change of the plan is deployed"
    return Part(
        name="changes",
        checked=len(checks),
        findings=(
            *(check.finding for check in checks if check.is_finding),
            *verify_records(target),
        ),
        seconds=time.monotonic() - began,
        skipped=skipped,
        outcomes=tuple(Outcome(check.object, check.verdict) for check in checks),
    )


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
        LockNotAvailable: somebody holds a table that a script looks at.
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
    runner = ScriptRunner(LiveSession(target.connection), lock_timeout=_LOCK_TIMEOUT)
    wanted = changes[first : last + 1]
    checks = [_verify(target, runner, change) for change in wanted]
    ordered = _ordered(state, _edited(target, state, checks))
    return [*ordered, *_gaps(state, wanted)]


def _edited(target: Target, state: State, checks: list[ChangeCheck]) -> Iterator[ChangeCheck]:
    """Give the checks, those of changes whose deploy script was edited since with that verdict."""
    hashes = {row.change_id: row.script_hash for row in state.deployed}
    for check in checks:
        # Old versions of sqitch kept no hash; and that a script is gone is for `check` to say.
        deployed, now = hashes[check.change.id], target.project.script_hash(check.change)
        if check.is_finding or deployed is None or now is None or now == deployed:
            yield check
        else:
            path = target.project.deploy_file(check.change)
            message = "the deploy script is not what was deployed"
            yield ChangeCheck(check.change, "edited", message, path=path)


def _ordered(state: State, checks: Iterator[ChangeCheck]) -> Iterator[ChangeCheck]:
    """Give the checks, those of changes that were deployed too late with that verdict."""
    furthest = -1
    for check in checks:
        place = state.plan.find(check.change.id)
        if place is not None and place < furthest and not check.is_finding:
            late = f"deployed after {state.plan.changes[furthest].name}, which is planned after it"
            place_of = (state.plan.path, check.change.line)
            yield ChangeCheck(check.change, "out of order", late, None, *place_of)
        else:
            yield check
        furthest = max(furthest, -1 if place is None else place)


def _gaps(state: State, wanted: list[Change]) -> list[ChangeCheck]:
    """Return the changes of the plan that are missing between the deployed ones."""
    places = [place for change in wanted if (place := state.plan.find(change.id)) is not None]
    if not places:
        return []
    pending = {change.id for change in state.pending}
    late = "a change planned after it is deployed"
    return [
        ChangeCheck(change, "not deployed", late, None, state.plan.path, change.line)
        for change in state.plan.changes[min(places) : max(places) + 1]
        if change.id in pending
    ]


def _verify(target: Target, runner: ScriptRunner, change: Change) -> ChangeCheck:
    if target.project.plan.find(change.id) is None:
        message = "the plan does not have this change"
        return ChangeCheck(change, "unknown", message, path=target.project.plan_file)
    if change.is_reworked:
        return ChangeCheck(change, "reworked")
    path = target.project.verify_file(change)
    if not path.is_file():
        return ChangeCheck(change, "no script", f"{path} does not exist")
    try:
        script = read_script(path, variables=target.script_variables("verify"), purpose="verify")
    except CarecliError as error:
        line = error.line if isinstance(error, SourceError) else None
        return ChangeCheck(change, "failed", error.message, error.detail, path, line)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            runner.run_and_roll_back(script)
        except CarecliError as error:
            return ChangeCheck(change, "failed", error.message, error.detail, path)
        except ScriptError as error:
            if not is_retriable(error):
                return _failed(change, path, error)
            # What others do at this moment is no fault of the change.
            if attempt == _ATTEMPTS:
                raise LockNotAvailable(
                    f"{path} told nothing: {error.cause.diag.message_primary}",
                    hint="Verify again at a quieter time.",
                ) from error
        else:
            break
    return ChangeCheck(change, "ok")


def _failed(change: Change, path: Path, error: ScriptError) -> ChangeCheck:
    cause: psycopg.Error = error.cause
    if cause.sqlstate is None:
        raise cause
    message = cause.diag.message_primary or str(cause)
    location = error.location
    if location is None:
        return ChangeCheck(change, "failed", message, None, path)
    lines = [excerpt(location.line, location.column, location.source_line)]
    lines += [cause.diag.message_detail, cause.diag.message_hint, cause.diag.context]
    detail = "\n".join(line for line in lines if line)
    return ChangeCheck(change, "failed", message, detail, location.path, location.line)
