"""What messaging stands on, by the plan's own change that looks for it."""

from __future__ import annotations

from dataclasses import replace

import psycopg

from carecli.migrator.options import MigrationOptions
from carecli.migrator.target import Target
from carecli.plan import Change
from carecli.registry.execution import ScriptRunner
from carecli.registry.session import LiveSession, ScriptError
from carecli.rollout import PROJECT
from carecli.script import TransactionModes, read_script
from carecli.verification.findings import Finding

__all__ = ["check_prerequisites"]

_CHANGE = "prerequisites"
_STATE = "55000"  # object_not_in_prerequisite_state, with a line of its detail for each thing


def check_prerequisites(target: Target) -> list[Finding]:
    """Run the deploy script of `prerequisites` in a read-only transaction that is rolled back.

    Arguments:
        target: project and database; for other projects there is nothing to run.

    Returns:
        A finding for everything that is missing; what messaging does without is only told.

    Raises:
        psycopg.Error: the script failed in another way.
    """
    plan = target.project.plan
    change = next((item for item in plan if item.name == _CHANGE), None)
    if plan.project != PROJECT or change is None:
        return []
    told: list[str] = []

    def listen(diagnosis: psycopg.errors.Diagnostic) -> None:
        told.append(diagnosis.message_primary or "")

    target.connection.add_notice_handler(listen)
    try:
        missing = _run(target, change)
    finally:
        target.connection.remove_notice_handler(listen)
    remedy = "nothing, where the application has none either"
    return missing + [Finding(_CHANGE, "info", "optional objects", said, remedy) for said in told]


def _run(target: Target, change: Change) -> list[Finding]:
    path = target.project.deploy_file(change)
    script = read_script(path, variables=target.script_variables("deploy"))
    looking = replace(script, modes=TransactionModes(read_only=True))
    session = LiveSession(target.connection)
    runner = ScriptRunner(session, lock_timeout=MigrationOptions().lock_timeout)
    try:
        runner.run_and_roll_back(looking)
    except ScriptError as error:
        if error.cause.sqlstate != _STATE:
            raise error.cause from None
        lines = (error.cause.diag.message_detail or "").splitlines()
        return [_missing(line) for line in lines]
    return []


def _missing(line: str) -> Finding:
    thing, _, remedy = line.partition(": ")
    return Finding(_CHANGE, "error", thing, "messaging needs it", remedy)
