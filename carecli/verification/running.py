"""Runs the parts of a verification and puts what they find together."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psycopg

from carecli.database import redact
from carecli.errors import CarecliError, LockNotAvailable
from carecli.interrupts import interruptible
from carecli.migrator.failure import server_fault
from carecli.verification.findings import Part, Report
from carecli.verification.ignoring import Pattern, leave_out

if TYPE_CHECKING:
    from carecli.migrator.target import Target

__all__ = ["PARTS", "run_verification"]

# Each part is imported when it is to run.
_FUNCTIONS = {
    "changes": "changes:check_changes",
    "contract": "contract:verify_contract",
    "probes": "probing:probe",
    "drift": "drift:find_drift",
}

PARTS = tuple(_FUNCTIONS)
"""The parts, in the order in which they run: from what is cheap to what takes a server."""


def run_verification(
    target: Target,
    *,
    parts: Sequence[str] = PARTS,
    since: str | None = None,
    to: str | None = None,
    ignore: Sequence[Pattern] = (),
) -> Report:
    """Look at a database with each of the parts, and return what they found.

    Arguments:
        target: project and database; nothing of it is changed.
        parts: names from `PARTS`.
        since: reference of the first change that the changes part verifies; None: the first
            one deployed.
        to: reference of its last; None: the one deployed last.
        ignore: which findings to leave out.

    Raises:
        InvalidUsage: a reference means no deployed change.
        CarecliError: a part could not do its work, so nothing is known.
    """
    options: dict[str, dict[str, Any]] = {"changes": {"since": since, "to": to}}
    with interruptible(), ExitStack() as stack:
        if "drift" in parts:
            # Its server starts while the other parts are at work.
            begin = _imported("drift:begin_scratch")
            options["drift"] = {"scratch": stack.enter_context(begin(target))}
        done = [_run(name, target, options.get(name, {})) for name in parts]
    report = Report(
        database=redact(target.choice.conninfo),
        parts=tuple(done),
        pending=tuple(change.name_with_tags for change in target.state().pending),
        plan=target.project.plan_file,
    )
    return leave_out(report, ignore)


def _imported(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(
        importlib.import_module(f"{__package__}.{module}"), function
    )
    return found


def _run(name: str, target: Target, options: Mapping[str, Any]) -> Part:
    function: Callable[..., Part] = _imported(_FUNCTIONS[name])
    try:
        return function(target, **options)
    except psycopg.Error as error:
        fault = server_fault(error)
        told = CarecliError(
            f"the {name} part could not do its work: {fault.message}",
            detail=fault.detail,
            hint="Nothing is known about what it looks at; the other parts may run alone.",
        )
        locked = isinstance(error, psycopg.errors.LockNotAvailable)
        told.exit_code = LockNotAvailable.exit_code if locked else fault.exit_code
        raise told from error
