"""Finds how far a database is that others have migrated, and records that in the registry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import psycopg

from carecli.errors import CarecliError, InvalidUsage, LockNotAvailable, Refused, SourceError
from carecli.migrator.failure import is_retriable, server_fault, sqlstate_of
from carecli.migrator.options import MigrationOptions, Reporter
from carecli.migrator.preparing import deploy_migrations
from carecli.migrator.running import Run
from carecli.migrator.state import State
from carecli.migrator.target import Target
from carecli.plan import Change
from carecli.registry.execution import ScriptRunner
from carecli.registry.migration import Scripts
from carecli.registry.session import LiveSession, ScriptError
from carecli.script import Script, read_script

__all__ = ["Adoption", "Proof", "Verdict", "adopt", "examine"]

Verdict = Literal["there", "differs", "superseded", "not there", "not proved"]

_MENDER = re.compile(r"^--[ \t]*mended by:[ \t]*(\S+?)\.?[ \t]*$", re.IGNORECASE | re.MULTILINE)
# The server was lost, had no memory, was shut down, met a fault of its own: nothing on a change.
_OF_THE_SERVER = ("08", "53", "57", "58", "XX")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a database shows of one change.

    Arguments:
        change: from the plan.
        verdict: `there`: its verify script passes; `differs`: that fails, but its adopt script
            finds what a later change mends; `superseded`: a later version of it is there;
            `not there`: its verify script fails; `not proved`: nothing can tell.
        message: what differs or fails, or None.
        detail: more of that, maybe in several lines, or None.
        mender: with `differs`, the name of the change that mends it.
        warnings: what the adopt script warns of.
        script: what proves the change, or None.
    """

    change: Change
    verdict: Verdict
    message: str | None = None
    detail: str | None = None
    mender: str | None = None
    warnings: tuple[str, ...] = ()
    script: Script | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """How far a database is.

    Arguments:
        state: how its registry stands to the plan.
        proofs: one for each change of the plan that the registry does not have, in plan order.
        count: how many of them can be recorded, from the first one on.
    """

    state: State
    proofs: tuple[Proof, ...]
    count: int

    @property
    def found(self) -> tuple[Proof, ...]:
        """What can be recorded."""
        return self.proofs[: self.count]

    @property
    def stop(self) -> Proof | None:
        """The first change that cannot be recorded; None where all can."""
        return self.proofs[self.count] if self.count < len(self.proofs) else None

    @property
    def beyond(self) -> tuple[Proof, ...]:
        """Changes after that one whose verify scripts pass all the same."""
        return tuple(item for item in self.proofs[self.count + 1 :] if item.verdict == "there")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the adopt scripts of the changes that can be recorded warn of, each once."""
        return tuple(dict.fromkeys(text for item in self.found for text in item.warnings))


def examine(target: Target, *, lock_timeout: int = MigrationOptions().lock_timeout) -> Adoption:
    """Find, without changing anything, up to which change of the plan a database is migrated.

    That is the largest point of the plan at which every change is proved, a reworked one by the
    verify script of its last version up to there: the older ones describe an older shape.

    Arguments:
        target: project and database.
        lock_timeout: milliseconds that a statement waits for a table's lock.

    Raises:
        Refused: the registry has gaps, or knows what the plan does not.
        LockNotAvailable: a script had to wait too long, so that it told nothing.
        CannotConnect: the connection was lost.
    """
    state = target.state()
    pending = state.to_deploy(None)
    prover = _Prover(target, lock_timeout)
    proofs = [prover.prove(change) for change in pending]
    menders = {proof.change.id: prover.place_of(proof) for proof in proofs}
    start = len(state.plan) - len(pending)
    count = next(
        size for size in range(len(proofs), -1, -1) if _holds(proofs[:size], start + size, menders)
    )
    last = {proof.change.name: proof.change.id for proof in proofs[:count]}
    found = [
        item
        if last.get(item.change.name, item.change.id) == item.change.id
        else Proof(item.change, "superseded")
        for item in proofs[:count]
    ]
    return Adoption(state, (*found, *proofs[count:]), count)


def _holds(proofs: Sequence[Proof], end: int, menders: dict[str, int]) -> bool:
    """Return whether a database that is just so far would show this.

    Arguments:
        proofs: of the changes that would be recorded.
        end: place in the plan of the first change that would not.
        menders: by change id, the place of the change that mends what differs.
    """
    last = {proof.change.name: proof for proof in proofs}
    return all(
        item.verdict == "there" or (item.verdict == "differs" and menders[item.change.id] >= end)
        for item in last.values()
    )


def adopt(
    target: Target, adoption: Adoption, *, options: MigrationOptions, reporter: Reporter
) -> tuple[Change, ...]:
    """Record what was found: all in one transaction, under the migration lock.

    The scripts that prove the changes run in that transaction once more, so that what is recorded
    is so at that moment. Nothing else runs.

    Arguments:
        target: project and database.
        adoption: what `examine` has found.
        options: on waiting for locks.
        reporter: whom to tell.

    Returns the changes that were recorded.

    Raises:
        Refused: a dependency is not met, or another migrator was faster; nothing was recorded.
        CarecliError: of the kind that fits.
    """
    options = replace(options, log_only=True, atomic=True, verify=False)
    changes = [item.change for item in adoption.found]
    migrations = deploy_migrations(target, adoption.state, changes, options)
    for migration, item in zip(migrations, adoption.found, strict=True):
        migration.scripts = Scripts(verify=item.script)
    run = Run(target, options, reporter, "deploy")
    with run.locked() as now:
        if now.deployed_ids != adoption.state.deployed_ids:
            raise Refused(
                "the registry was written to meanwhile; nothing was recorded",
                hint="Run `carecli adopt` again.",
            )
        run.prepare(now)
        run.apply(migrations)
    return tuple(changes)


class _Prover:
    """Runs verify scripts and adopt scripts, each in a transaction that is rolled back."""

    def __init__(self, target: Target, lock_timeout: int) -> None:
        self._project = target.project
        self._connection = target.connection
        self._target = target
        self._runner = ScriptRunner(
            LiveSession(target.connection, verbosity=target.settings.verbosity),
            lock_timeout=lock_timeout,
        )

    @cached_property
    def _variables(self) -> dict[str, str]:
        return self._target.script_variables("verify")

    def prove(self, change: Change) -> Proof:
        """Find whether a change is in the database, in its own form or in one that is mended."""
        proof = self._verify(change)
        path = self._adopt_file(change)
        if proof.verdict == "there" or not path.is_file():
            return proof
        script = self._read(path)
        mender = _mender(script)
        with self._warnings() as warnings:
            failure = self._failure(script)
        if failure is None:
            return replace(
                proof, verdict="differs", mender=mender, warnings=tuple(warnings), script=script
            )
        said = "\n".join(text for text in (proof.detail, *failure) if text)
        return replace(proof, detail=said)

    def place_of(self, proof: Proof) -> int:
        """Return the place in the plan of the change that mends what differs; -1 without any.

        Raises:
            InvalidUsage: it is not planned after the change.
        """
        if proof.mender is None:
            return -1
        plan = self._project.plan
        own, place = plan.index_of(proof.change.id), plan.find(proof.mender)
        if place is None or place <= own:
            raise InvalidUsage(
                f"{self._adopt_file(proof.change)} names {proof.mender}, "
                f"which is not planned after {proof.change.name}"
            )
        return place

    def _verify(self, change: Change) -> Proof:
        path = self._project.verify_file(change)
        if not path.is_file():
            return Proof(change, "not proved", f"there is no verify script {path}")
        try:
            script = self._read(path)
        except CarecliError as error:
            return Proof(change, "not proved", error.message, error.detail)
        if not script.statements:
            return Proof(change, "not proved", f"{path} has no statement, so it proves nothing")
        failure = self._failure(script)
        if failure is None:
            return Proof(change, "there", script=script)
        return Proof(change, "not there", *failure)

    def _read(self, path: Path) -> Script:
        return read_script(path, variables=self._variables, purpose="verify")

    def _adopt_file(self, change: Change) -> Path:
        """Return where a change has its adopt script, named as its verify script is."""
        folders = change.name.split("/")[:-1]
        name = self._project.verify_file(change).name
        return self._project.top_dir.joinpath("adopt", *folders, name)

    def _failure(self, script: Script) -> tuple[str, str | None] | None:
        """Run a script, roll it back, and return what it failed with, or None."""
        try:
            self._runner.run_and_roll_back(script)
        except ScriptError as error:
            if (sqlstate_of(error) or "XX").startswith(_OF_THE_SERVER):
                raise server_fault(error) from error
            if is_retriable(error):
                raise LockNotAvailable(
                    f"{script.path} told nothing: {error.cause.diag.message_primary}",
                    hint="Try again at a quieter time, or with a longer --lock-timeout.",
                ) from error
            return _words(error)
        return None

    @contextmanager
    def _warnings(self) -> Iterator[list[str]]:
        """Collect what the server warns of meanwhile."""
        collected: list[str] = []

        def collect(diagnosis: psycopg.errors.Diagnostic) -> None:
            if diagnosis.severity_nonlocalized == "WARNING" and diagnosis.message_primary:
                collected.append(diagnosis.message_primary)

        self._connection.add_notice_handler(collect)
        try:
            yield collected
        finally:
            self._connection.remove_notice_handler(collect)


def _mender(script: Script) -> str:
    """Return the change that an adopt script says will mend what it lets pass.

    Raises:
        SourceError: it does not say.
    """
    found = _MENDER.search(script.text)
    if found is None:
        raise SourceError(
            "an adopt script has to say which change mends what it lets pass",
            path=script.path,
            line=1,
            hint="Write `-- Mended by: CHANGE` into its head.",
        )
    return found[1]


def _words(error: ScriptError) -> tuple[str, str | None]:
    """Return what a script failed with: the server's message, and what else it said."""
    diagnosis = error.cause.diag
    message = diagnosis.message_primary or str(error.cause).strip()
    # What a script raises speaks for itself; of other errors the place tells more.
    if error.location is not None and diagnosis.source_function != "exec_stmt_raise":
        message = f"{error.location.path}:{error.location.line}: {message}"
    said = [diagnosis.message_detail, diagnosis.message_hint]
    return message, "\n".join(text for text in said if text) or None
