"""The rollout flag of messaging V2: read it, change it, and see that the change has taken."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg import errors

from carecli.errors import CarecliError, InvalidUsage
from carecli.resources import read_sql

__all__ = [
    "CHANGE",
    "PROJECT",
    "Strategy",
    "answer",
    "explained",
    "find_problem",
    "parse_strategy",
    "read_rollout",
    "set_rollout",
    "shown",
]

PROJECT = "care_collective_messaging"
"""The project whose plan makes the flag."""

CHANGE = "rollout"
"""The change of that plan that makes it."""

_NAMES = ("disabled", "internal", "percentage", "enabled")
_PERCENTAGE = re.compile(r"percentage:(\d{1,3})", re.ASCII)


class Strategy(NamedTuple):
    """Who is on V2.

    Arguments:
        name: `disabled`, `internal`, `percentage` or `enabled`.
        percentage: of the users, 0 to 100, with `percentage`; else None.
    """

    name: str
    percentage: int | None = None

    def __str__(self) -> str:
        return self.name if self.percentage is None else f"{self.name}:{self.percentage}"


def parse_strategy(text: str) -> Strategy:
    """Return the strategy that somebody wrote: `internal`, `percentage:25`, ...

    Raises:
        InvalidUsage: it is none.
    """
    match = _PERCENTAGE.fullmatch(text)
    if match is not None and int(match[1]) <= 100:
        return Strategy("percentage", int(match[1]))
    if text in _NAMES and text != "percentage":
        return Strategy(text)
    raise InvalidUsage(
        f"{text!r} is no rollout strategy",
        hint="Write disabled, internal, percentage:N with a whole number from 0 to 100, "
        "or enabled.",
    )


def read_rollout(connection: psycopg.Connection, *, history: int) -> dict[str, Any]:
    """Return the flag, its problem if it has one, the testers and the newest changes.

    Arguments:
        connection: in autocommit, to a primary or a replica.
        history: how many changes, the newest one first.

    Raises:
        CarecliError: the database has no flag, or does not show it to this role.
    """
    with explained():
        return answer(connection, "rollout_status", {"history": history})


def set_rollout(
    connection: psycopg.Connection, strategy: Strategy, *, reason: str, changed_by: str
) -> dict[str, Any]:
    """Change the flag in one statement, then read it back; return what was read.

    Arguments:
        connection: in autocommit, to the primary.
        strategy: who is to be on V2.
        reason: why; stays in the history.
        changed_by: who says so; stays there too.

    Raises:
        InvalidUsage: there is no reason given.
        CarecliError: the database has no flag, this role may not change it, or it does not say
            afterwards what it was told.
    """
    with explained():
        answer(
            connection,
            "rollout_set",
            {
                "strategy": strategy.name,
                "percentage": strategy.percentage,
                "reason": reason,
                "changed_by": changed_by,
            },
        )
        found = answer(connection, "rollout_status", {"history": 1})
    as_told = found["strategy"] == strategy.name and (
        strategy.percentage is None or found["percentage"] == strategy.percentage
    )
    if not as_told or found["problem"] is not None:
        raise CarecliError(
            f"the flag was set to {strategy}, and now says {shown(found)}",
            detail=found["problem"],
            hint="Somebody else changed it at the same moment: see `carecli rollout`.",
        )
    return found


def find_problem(connection: psycopg.Connection) -> str | None:
    """Return what is wrong with the flag of a database that has change `rollout`, or None.

    It is None as well where the role of the connection may not look.

    Arguments:
        connection: in autocommit.
    """
    try:
        row = connection.execute(read_sql("queries/rollout_problem").encode()).fetchone()
    except (errors.UndefinedFunction, errors.InvalidSchemaName):
        return "the flag is missing"
    except errors.InsufficientPrivilege:
        return None
    return None if row is None else row[0]


def shown(state: Mapping[str, Any], prefix: str = "") -> str:
    """Return the strategy of an answer of the database as the command line writes it.

    Arguments:
        state: with `strategy` and `percentage` under names that begin with the prefix.
        prefix: `old_`, `new_` or nothing.
    """
    strategy, percentage = state[f"{prefix}strategy"], state[f"{prefix}percentage"]
    if strategy is None:
        return "nothing"
    return f"percentage:{percentage}" if strategy == "percentage" else str(strategy)


def answer(
    connection: psycopg.Connection, query: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the JSON object that a statement answers.

    Arguments:
        connection: in autocommit.
        query: name of its file in `sql/queries`.
        parameters: of the statement.
    """
    row = connection.execute(read_sql(f"queries/{query}").encode(), parameters).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the database says of a missing or forbidden flag into what to do about it."""
    try:
        yield
    except (errors.UndefinedFunction, errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise CarecliError(
            "the database has no rollout flag",
            detail=error.diag.message_primary,
            hint=f"Deploy change {CHANGE}: carecli migrate. `carecli status` shows what is there.",
        ) from error
    except errors.InsufficientPrivilege as error:
        raise CarecliError(
            "this role may not see or change the rollout flag",
            detail=error.diag.message_primary,
            hint="Connect as the role that deployed the plan, or as service_role.",
        ) from error
    except errors.InvalidParameterValue as error:
        raise InvalidUsage(
            error.diag.message_primary or str(error), hint=error.diag.message_hint
        ) from error
