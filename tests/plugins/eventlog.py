"""Rows of the event log as tests make them up, and what they come to, computed without SQL."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
from hypothesis import strategies as st

from tests.plugins.databases import TestDatabase

__all__ = [
    "BEGAN",
    "CALLER_FAULTS",
    "KINDS",
    "METHODS",
    "ZONES",
    "LoggedCall",
    "counts",
    "percentile",
    "roll_up",
    "start_anew",
    "within",
    "write_calls",
]

# Half an hour before a midnight of UTC, and two and a half before the clocks of Europe go forward.
BEGAN = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)

# One beside the offsets of whole hours.
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")

METHODS = ("startHelpConversation", "sendMessage")
CALLER_FAULTS = (
    *("conversation_exists", "permission_denied", "rate_limit_exceeded"),
    *("unauthorized", "validation_error"),
)

_COLUMNS = "occurred_at, request_id, service, method, event, error_code, version, duration_ms"
_numbers = count()


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One row of the event log.

    Arguments:
        at: when the call ended.
        method: what was called.
        event: success, function_error or server_error.
        code: error code; None for a success.
        version: v1, v2, or None.
        duration: milliseconds.
    """

    at: datetime
    method: str = "startHelpConversation"
    event: str = "success"
    code: str | None = None
    version: str | None = "v2"
    duration: float = 10.0


def _kind(event: str, code: str | None) -> dict[str, Any]:
    return {"event": event, "code": code}


# What a call may come to; all keys of LoggedCall but the time.
KINDS = st.builds(
    lambda outcome, **rest: {**outcome, **rest},
    st.sampled_from(
        [
            *[_kind("success", None)] * 4,
            _kind("server_error", "server_error"),
            _kind("server_error", "rpc_error"),
            # A code that the table does not have, and a failure without one.
            _kind("server_error", "of_old"),
            _kind("function_error", "of_old"),
            _kind("function_error", None),
            _kind("function_error", "not_found"),
            *[_kind("function_error", code) for code in CALLER_FAULTS],
        ]
    ),
    method=st.sampled_from(METHODS),
    version=st.sampled_from(["v2", "v2", "v1", None]),
    duration=st.one_of(
        st.sampled_from([0.0, 0.001, 1.0, 1.02, 5000.0]),
        st.floats(min_value=0.001, max_value=1e5, allow_subnormal=False),
    ),
)


def write_calls(connection: psycopg.Connection, calls: Iterable[LoggedCall]) -> None:
    """Write rows; as part of the connection's transaction, where it is in one."""
    with connection.cursor().copy(f"copy messaging.rpc_events ({_COLUMNS}) from stdin") as copy:
        for call in calls:
            copy.write_row(
                (
                    *(call.at, f"v2_{next(_numbers)}", "MessagingServiceV2", call.method),
                    *(call.event, call.code, call.version, call.duration),
                )
            )


def start_anew(database: TestDatabase, *, days: Sequence[datetime] = ()) -> None:
    """Empty the log and the roll-ups; make partitions for days that have none."""
    database.execute(
        "truncate messaging.rpc_events, messaging.rpc_minutes, messaging.rpc_hours,"
        " messaging.rpc_hour_latencies, messaging.rpc_totals, messaging.connection_samples,"
        " messaging.rollup_state;"
        " insert into messaging.rollup_state default values"
    )
    for day in days:
        name = f"rpc_events_{day:%Y%m%d}"
        if database.execute("select to_regclass(%s)::text", f"messaging.{name}") == [(None,)]:
            database.execute(
                f"create table messaging.{name} partition of messaging.rpc_events"
                f" for values from ('{day:%Y-%m-%d} 00:00+00')"
                f" to ('{day + timedelta(days=1):%Y-%m-%d} 00:00+00')"
            )


def roll_up(database: TestDatabase, clock: datetime) -> dict[str, Any]:
    """Roll up as if the clock showed that; return the answer."""
    ((answer,),) = database.execute("select messaging.roll_up_as_of(%s)", clock)
    found: dict[str, Any] = answer
    return found


def within(
    calls: Iterable[LoggedCall], since: datetime | None, until: datetime
) -> list[LoggedCall]:
    """Return the calls of a window; its end is not part of it."""
    return [call for call in calls if (since is None or call.at >= since) and call.at < until]


def counts(calls: Iterable[LoggedCall]) -> dict[tuple[str | None, ...], tuple[int, float]]:
    """Return how many calls there are of each kind, and the longest."""
    found: dict[tuple[str | None, ...], tuple[int, float]] = {}
    for call in calls:
        key = (call.method, call.version, call.event, call.code)
        number, longest = found.get(key, (0, 0.0))
        found[key] = (number + 1, max(longest, call.duration))
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share lies, between two of them in proportion."""
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    below, above = ordered[math.floor(rank)], ordered[math.ceil(rank)]
    return below + (above - below) * (rank - math.floor(rank))
