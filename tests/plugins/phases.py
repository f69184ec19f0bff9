"""What tests of gates and guard share: a phase that began some time ago, calls in the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tests.plugins.databases import TestDatabase

__all__ = ["LoggedCall", "begin_phase", "begin_v1", "history", "log_calls", "state"]


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """A row of the event log.

    Arguments:
        code: error code; None for a success.
        version: system that served it.
        method: what was called.
        seconds: how long it took.
    """

    code: str | None = None
    version: str | None = "v2"
    method: str = "startHelpConversation"
    seconds: float = 0.01

    @property
    def event(self) -> str:
        """How it ended."""
        if self.code is None:
            return "success"
        return "server_error" if self.code in ("server_error", "rpc_error") else "function_error"


def begin_phase(database: TestDatabase, strategy: str, percentage: int, ago: timedelta) -> datetime:
    """Set the flag as if that had been so long ago; return when."""
    ((since,),) = database.execute(
        "update messaging.rollout set strategy = %s, percentage = %s, reason = 'a test',"
        " changed_by = 'test', changed_at = clock_timestamp() - %s::interval returning changed_at",
        strategy,
        percentage,
        ago,
    )
    assert isinstance(since, datetime)
    # The deploy was before that.
    database.execute(
        """
        alter table messaging.rollout_history disable trigger user;
        update messaging.rollout_history
        set changed_at = changed_at - interval '1 year'
        where id = 1 and changed_at > now() - interval '100 days';
        alter table messaging.rollout_history enable trigger user
        """
    )
    return since


def log_calls(database: TestDatabase, calls: Iterable[tuple[datetime, LoggedCall]]) -> None:
    """Write calls into the event log, as if they had ended at these times."""
    rows = [
        (at, uuid4().hex, call.method, call.event, call.code, call.version, call.seconds * 1000)
        for at, call in calls
    ]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into messaging.rpc_events"
            " (occurred_at, request_id, service, method, event, error_code, version, duration_ms)"
            " values (%s, %s, 'test', %s, %s, %s, %s, %s)",
            rows,
        )


def begin_v1(database: TestDatabase, person: UUID, at: datetime) -> None:
    """Write a V1 conversation, as the application of old does."""
    database.execute(
        "insert into public.conversations (created_by, created_at) values (%s, %s)", person, at
    )


def state(database: TestDatabase) -> tuple[Any, ...]:
    """Return strategy and percentage."""
    (found,) = database.execute("select strategy, percentage from messaging.rollout")
    return found


def history(database: TestDatabase) -> list[tuple[str, str]]:
    """Return from which to which strategy each change was, the oldest first."""
    rows = database.execute(
        "select old_strategy, new_strategy from messaging.rollout_history order by id"
    )
    return [(str(old), str(new)) for old, new in rows]
