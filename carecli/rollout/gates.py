"""The gates between the phases of the rollout: what was measured, and going on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import errors

from carecli.errors import CarecliError
from carecli.rollout.flag import answer, explained, read_rollout, shown

__all__ = ["CHANGE", "advance_rollout", "gate_lines", "read_gate"]

CHANGE = "rollout_gates"
"""The change of the plan that makes the gates and the guard."""


def read_gate(connection: psycopg.Connection) -> dict[str, Any] | None:
    """Return the gate of the present phase, measured now; None where change `rollout_gates` is not
    deployed.

    Arguments:
        connection: in autocommit, to a primary or a replica.

    Raises:
        CarecliError: this role may not see it.
    """
    with explained():
        try:
            return answer(connection, "rollout_gate", {})
        except errors.UndefinedFunction:
            return None


def advance_rollout(
    connection: psycopg.Connection, *, reason: str, changed_by: str, force: bool
) -> dict[str, Any]:
    """Go on to the next phase where the gate of the present one holds; return what came of it.

    Beside what the database answers (`advanced`, `forced`, and `gate` as it was measured before
    the step), `rollout` is the flag as it was read back.

    Arguments:
        connection: in autocommit, to the primary.
        reason: why; stays in the history.
        changed_by: who says so; stays there too.
        force: whether to go on all the same.

    Raises:
        InvalidUsage: there is no reason given.
        CarecliError: the gate does not hold, with each condition that does not; the change is not
            deployed; this role may not; or the flag does not say afterwards what it was told.
    """
    parameters = {"reason": reason, "changed_by": changed_by, "force": force}
    with explained():
        try:
            found = answer(connection, "rollout_advance", parameters)
        except errors.UndefinedFunction as error:
            raise not_deployed(error) from error
        except errors.ObjectNotInPrerequisiteState as error:
            raise CarecliError(
                error.diag.message_primary or str(error),
                detail=error.diag.message_detail,
                hint=error.diag.message_hint,
            ) from error
    status = read_rollout(connection, history=1)
    if found["advanced"] and shown(status) != found["gate"]["next"]:
        raise CarecliError(
            f"the flag was set to {found['gate']['next']}, and now says {shown(status)}",
            detail=status["problem"],
            hint="Somebody else changed it at the same moment: see `carecli rollout`.",
        )
    return {**found, "rollout": status}


def not_deployed(error: psycopg.Error) -> CarecliError:
    """Return what to say of a database that has a flag and neither gates nor guard."""
    return CarecliError(
        "the database has no rollout gates",
        detail=error.diag.message_primary,
        hint=f"Deploy change {CHANGE}: carecli migrate. `carecli status` shows what is there.",
    )


def gate_lines(gate: Mapping[str, Any]) -> Iterator[str]:
    """Give what a person reads of a gate: whether it holds, then a line a condition.

    Arguments:
        gate: as `read_gate` returns it.
    """
    if gate["problem"] is not None:
        yield f"cannot be measured: {gate['problem']}"
        return
    if gate["next"] is None:
        ready = "is ready" if gate["v1_retirable"] else "is not ready"
        yield f"everybody is on V2; V1 {ready} to retire"
    else:
        holds = "holds" if gate["holds"] else "does not hold"
        if gate["holds"] and not gate["conditions"]:
            holds = "asks nothing"
        yield f"{gate['phase']} -> {gate['next']} {holds}"
    since = datetime.fromisoformat(gate["since"]).astimezone(UTC)
    if gate["conditions"]:
        yield f"  measured since {since:%Y-%m-%d %H:%M:%S} UTC:"
    for condition in gate["conditions"]:
        verdict = {True: "yes", False: "no"}.get(condition["holds"], "no data")
        measured = "" if condition["measured"] is None else f"{_figure(condition, 'measured')}, "
        wanted = f"wanted {condition['comparison']} {_figure(condition, 'threshold')}"
        sample = "" if condition["sample"] is None else f" (sample {condition['sample']})"
        yield f"  {verdict:<7}  {condition['name']:<12}  {measured}{wanted}{sample}"


def _figure(condition: Mapping[str, Any], name: str) -> str:
    value = condition[name]
    if condition["name"] == "age":
        sign = "-" if value < 0 else ""
        return f"{sign}{timedelta(seconds=int(abs(value)))}".removesuffix(", 0:00:00")
    # A number of calls as it is; of a rate, what tells it from its threshold.
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.6g}"
