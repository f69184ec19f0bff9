"""The guard of the rollout: it turns V2 off when a rule that is a rollback trigger fires."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import psycopg
from psycopg import errors

from carecli.errors import CarecliError
from carecli.interrupts import uninterrupted
from carecli.resources import read_sql
from carecli.rollout.flag import answer
from carecli.rollout.gates import CHANGE

__all__ = ["GuardUnavailable", "Look", "failed_look", "keep_guard", "look_once", "roll_up"]

_FIRST_WAIT = 0.25
"""Seconds, doubled with each attempt to connect again, at most the interval."""


class GuardUnavailable(CarecliError):
    """Nobody can tell whether V2 would have to be turned off."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the rules found.

    Arguments:
        state: `watching`; `off`: V2 is; `acted`: V2 was turned off just now; `unknown`: nobody can
            tell; `lost`: there is no connection.
        text: the same for a person, in a line.
        answer: what the database said; None where it did not.
    """

    state: str
    text: str
    answer: dict[str, Any] | None = None

    @property
    def exit_code(self) -> int:
        """As monitoring plugins have it: 0 all is well, 2 critical, 3 unknown."""
        return {"watching": 0, "off": 0, "acted": 2}.get(self.state, 3)

    @property
    def key(self) -> tuple[str, str]:
        """What has to change for there to be news."""
        # A server that comes up again gives other words from second to second.
        return self.state, "" if self.state == "lost" else self.text


def look_once(connection: psycopg.Connection, changed_by: str) -> Look:
    """Evaluate the rules; turn V2 off where one that is a rollback trigger fires.

    Arguments:
        connection: in autocommit, to the primary.
        changed_by: who the history says it was.

    Raises:
        GuardUnavailable: the change is not deployed, or this role may not.
        psycopg.Error: anything else that the server says.
    """
    try:
        with connection.transaction():
            # A look that waits for a lock, or for a disk, is no look.
            connection.execute(read_sql("queries/rollout_guard_session").encode())
            found = answer(connection, "rollout_guard", {"changed_by": changed_by})
    except (errors.UndefinedFunction, errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise GuardUnavailable(
            "the database has no rollout guard",
            detail=error.diag.message_primary,
            hint=f"Deploy change {CHANGE}: carecli migrate. `carecli status` shows what is there.",
        ) from error
    except errors.InsufficientPrivilege as error:
        raise GuardUnavailable(
            "this role may not guard the rollout",
            detail=error.diag.message_primary,
            hint="Connect as the role that deployed the plan, or as service_role.",
        ) from error
    return _look(found)


def _look(found: dict[str, Any]) -> Look:
    if found["problem"] is not None:
        return Look("unknown", f"{found['problem']}; V2 is off", found)
    if found["acted"]:
        return Look("acted", f"V2 turned off, was {found['was']}. {found['reason']}", found)
    if found["strategy"] == "disabled":
        return Look("off", "V2 is off, there is nothing to guard", found)
    if found["rules"] == 0:
        return Look("unknown", "no alert rule is a rollback trigger, so nothing is watched", found)
    return Look("watching", f"{found['rules']} rules watch over {found['was']}", found)


def keep_guard(
    connect: Callable[[], psycopg.Connection],
    tell: Callable[[Look], None],
    *,
    changed_by: str,
    interval: float,
) -> NoReturn:
    """Look again and again, and tell each news; outlive lost connections and restarts.

    After each look the calls are rolled up by the minute, where this role may, so that the metrics
    stay quick where nothing else does it.

    Arguments:
        connect: opens a connection in autocommit.
        tell: is called with each look that is not like the one before it.
        changed_by: who the history says it was.
        interval: seconds from one look to the next.

    Raises:
        CannotConnect: not even the first connection was had.
        GuardUnavailable: at the first look there was no guard, or not for this role.
    """
    connection: psycopg.Connection | None = None
    last: Look | None = None
    lost = 0
    try:
        while True:
            began = time.monotonic()
            try:
                if connection is None:
                    connection = connect()
                look = _look_whole(connection, changed_by, tell, last)
            except (CarecliError, psycopg.Error) as error:
                if last is None and isinstance(error, CarecliError):
                    raise
                if connection is not None and connection.broken:
                    connection.close()
                    connection = None
                look = failed_look(error, lost=connection is None)
                if last is None or look.key != last.key:
                    tell(look)
            last = look
            lost = lost + 1 if connection is None else 0
            pause = min(interval, _FIRST_WAIT * 2 ** min(lost, 10)) if lost else interval
            time.sleep(max(0.0, pause - (time.monotonic() - began)))
    finally:
        if connection is not None:
            connection.close()


def _look_whole(
    connection: psycopg.Connection, changed_by: str, tell: Callable[[Look], None], last: Look | None
) -> Look:
    """Look, and tell what is news, before a signal may end it; then roll up."""
    with uninterrupted():
        look = look_once(connection, changed_by)
        if last is None or look.key != last.key:
            tell(look)
    roll_up(connection)
    return look


def roll_up(connection: psycopg.Connection) -> None:
    """Count the calls by the minute where this role may; what hinders that is no guard's news.

    Arguments:
        connection: in autocommit.
    """
    with suppress(psycopg.Error), connection.transaction():
        connection.execute(read_sql("queries/rollout_guard_session").encode())
        may = connection.execute(read_sql("queries/rollout_may_roll_up").encode()).fetchone()
        if may == (True,):
            connection.execute(read_sql("queries/rollout_roll_up").encode())


def failed_look(error: CarecliError | psycopg.Error, *, lost: bool) -> Look:
    """Return what to tell of a look that came to nothing.

    Arguments:
        error: what went wrong.
        lost: whether there is no connection any more.
    """
    if isinstance(error, CarecliError):
        words = error.detail or error.message
    else:
        words = error.diag.message_primary or str(error)
    reason = next(iter(words.strip().splitlines()), type(error).__name__)
    if lost:
        return Look("lost", f"no connection: {reason}")
    return Look("unknown", f"the rules cannot be evaluated: {reason}")
