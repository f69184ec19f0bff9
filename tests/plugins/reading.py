"""What tests of reading share: rows to read, strangers, sessions that meet, counted work."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People, invoke

__all__ = [
    "STRANGERS",
    "assert_verify_goes_red",
    "bare",
    "call_as_stranger",
    "converse",
    "crowd",
    "events",
    "refused",
    "settle",
    "work",
    "write",
]

PATIENCE = 60  # seconds

# Claims that are not those of Ben, in whose name the calls are made.
STRANGERS: dict[str, str | None] = {
    "no claims": None,
    "empty claims": "",
    "null sub": '{"sub": null}',
    "empty sub": '{"sub": ""}',
    "sub that is no uuid": '{"sub": "somebody"}',
    "half a JSON": '{"sub": ',
    "JSON null": "null",
    "another user": '{"sub": "270c1b08-4f3f-146e-b578-7075158d9c53"}',
    "a user who does not exist": '{"sub": "00000000-0000-4000-8000-00000000dead"}',
}


def bare(answer: dict[str, Any]) -> str:
    """Return the answer, byte for byte, without its request_id."""
    return json.dumps({key: answer[key] for key in answer if key != "request_id"})


def refused(code: str, reason: str, status: int, message: str) -> str:
    """Return the bare answer to a call that did nothing."""
    answer = {
        "error": code,
        "details": {"reason": reason},
        "message": message,
        "success": False,
        "http_status": status,
    }
    return json.dumps(answer)


def converse(
    database: TestDatabase, people: People, count: int, *, apart: str = "1 second"
) -> list[UUID]:
    """Start conversations of Ben on so many new requests of Rosa; return them, newest first.

    Arguments:
        apart: time from one to the next, as an interval; "0" for equal times.
    """
    rows = database.execute(
        """
        with asked as (
            insert into public.help_requests (id, user_id, title, category)
            select md5(number::text)::uuid, %s, 'Request ' || number, 'other'
            from generate_series(1, %s) as number
            returning id, user_id, substr(title, 9)::integer as number
        )
        insert into public.conversations_v2 (
            help_request_id, requester_id, helper_id, initial_message, created_at, last_message_at
        )
        select id, user_id, %s, 'I can help you ' || number, moment, moment
        from asked, cast(timestamptz '2026-01-01 00:00Z' + number * %s::interval as timestamptz)
            as moment
        returning id, last_message_at
        """,
        people.rosa,
        count,
        people.ben,
        apart,
    )
    return [row[0] for row in sorted(rows, key=lambda row: (row[1], row[0]), reverse=True)]


def write(
    database: TestDatabase,
    conversation: UUID,
    sender: UUID,
    count: int,
    *,
    alike: int = 1,
    start: str = "2026-02-01 00:00Z",
) -> None:
    """Write so many messages, called 1, 2, ... in their order.

    Arguments:
        alike: how many share a timestamp.
        start: time of the first one.
    """
    database.execute(
        """
        insert into public.messages_v2 (id, conversation_id, sender_id, content, created_at)
        select
            overlay(%s::text placing lpad(to_hex(number), 8, '0') from 1)::uuid,
            %s, %s, number::text,
            %s::timestamptz + (number - 1) / %s * interval '1 millisecond'
        from generate_series(1, %s) as number
        order by random()
        """,
        conversation,
        conversation,
        sender,
        start,
        alike,
        count,
    )


def crowd(database: TestDatabase, people: People, conversations: int) -> None:
    """Let 2,000 others talk and read, ten messages a conversation."""
    database.execute(
        """
        insert into auth.users (id) select md5('user' || n)::uuid from generate_series(1, 2000) n
        """
    )
    database.execute(
        """
        insert into public.profiles (id, name)
        select md5('user' || n)::uuid, 'Person ' || n from generate_series(1, 2000) as n
        """
    )
    database.execute(
        """
        insert into public.help_requests (id, user_id, title, category)
        select md5('request' || n)::uuid, md5('user' || 1 + n %% 2000)::uuid, 'Help', 'other'
        from generate_series(1, %s) as n
        """,
        conversations,
    )
    database.execute(
        """
        insert into public.conversations_v2 (id, help_request_id, requester_id, helper_id,
            initial_message, created_at, last_message_at)
        select md5('talk' || n)::uuid, md5('request' || n)::uuid,
            md5('user' || 1 + n %% 2000)::uuid, md5('user' || 1 + (n + 7) %% 2000)::uuid,
            'I can help you', now(), now()
        from generate_series(1, %s) as n
        """,
        conversations,
    )
    superuser = database.connect(superuser=True)
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        """
        insert into public.messages_v2 (conversation_id, sender_id, content, created_at)
        select md5('talk' || 1 + n %% %s)::uuid, %s, 'hello', now() from generate_series(1, %s) n
        """,
        [conversations, people.mei, conversations * 10],
    )
    superuser.execute(
        "insert into public.conversation_reads_v2 (conversation_id, user_id)"
        " select id, helper_id from public.conversations_v2"
    )


def settle(database: TestDatabase) -> None:
    """Gather statistics, and let indexes answer without a look at the table, as autovacuum does."""
    superuser = database.connect(superuser=True)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        # What is not on disk yet is not visible to all: vacuum would leave those pages alone, as
        # it does while an autovacuum worker looks at the rows.
        superuser.execute("checkpoint")
        superuser.execute("vacuum (analyze)")
        row = superuser.execute(
            "select bool_and(relallvisible = relpages) from pg_class"
            " where relkind = 'r' and relnamespace = 'public'::regnamespace"
        ).fetchone()
        if row == (True,):
            return
    pytest.fail("some page never became visible to all")


def work(connection: psycopg.Connection, action: Callable[[], Any]) -> dict[str, tuple[int, int]]:
    """Return, per table, the sequential scans and the rows fetched by index during the action."""

    def counters() -> dict[str, tuple[int, int]]:
        rows = connection.execute(
            "select relname, coalesce(seq_scan, 0), coalesce(idx_tup_fetch, 0)"
            " from pg_stat_xact_user_tables where schemaname in ('public', 'auth')"
        ).fetchall()
        return {name: (scans, fetched) for name, scans, fetched in rows}

    with connection.transaction():
        before = counters()
        action()
        after = counters()
    return {
        name: (scans - before.get(name, (0, 0))[0], fetched - before.get(name, (0, 0))[1])
        for name, (scans, fetched) in after.items()
    }


def events(database: TestDatabase, method: str) -> list[tuple[Any, ...]]:
    """Return event, error code, user and conversation of the logged calls, oldest first."""
    return database.execute(
        "select event, error_code, user_id, conversation_id from messaging.rpc_events"
        " where method = %s order by occurred_at",
        method,
    )


def assert_verify_goes_red(
    database: TestDatabase, verify: Callable[[], None], breakage: str
) -> None:
    """Check that the verify script passes, and fails once the statement has run."""
    verify()
    database.execute(breakage)
    with pytest.raises(psycopg.errors.AssertFailure):
        verify()


def call_as_stranger(
    database: TestDatabase, claims: str | None, function: str, *arguments: Any
) -> str:
    """Return the bare answer to a caller with these claims."""
    return bare(invoke(database.as_role("authenticated", claims=claims), function, *arguments))
