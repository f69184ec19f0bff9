"""What tests of the two routes share: either system, what was written, what was answered."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People
from tests.plugins.v1 import FirstSystem, Rollout

__all__ = [
    "NOBODY",
    "begin_v2",
    "events",
    "reasons",
    "refused",
    "remembered",
    "request_status",
    "restrict",
    "row_counts",
    "started",
    "written",
]

# Claims of nobody.
NOBODY = {
    "no claims": None,
    "empty claims": "",
    "claims without sub": "{}",
    "null sub": '{"sub": null}',
    "empty sub": '{"sub": ""}',
    "sub that is no uuid": '{"sub": "somebody"}',
    "sub that is a number": '{"sub": 7}',
    "half a JSON": '{"sub": ',
    "no JSON": "e4774cdd-a079-3f86-414e-8b9140bb6db4",
    "a NUL": '{"sub": "\\u0000"}',
}


@pytest.fixture(params=["v1", "v2"])
def version(request: pytest.FixtureRequest) -> str:
    """Name one system, then the other."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def chosen(version: str, mended: FirstSystem, roll_out: Rollout) -> str:
    """Let the flag choose one system, then the other; V1's policies are sound."""
    roll_out("enabled" if version == "v2" else "disabled")
    return version


@pytest.fixture
def talk(migrated: TestDatabase, people: People, mended: FirstSystem, version: str) -> UUID:
    """Give the id of a conversation of Ben on Rosa's open request, in either system."""
    if version == "v2":
        return begin_v2(migrated, people.open_request, people.ben, people.rosa)
    return mended.begin(people.open_request, people.ben, people.rosa, "I can help you")


def begin_v2(database: TestDatabase, request: UUID, helper: UUID, requester: UUID) -> UUID:
    """Make a conversation in V2, as its owner could; return its id."""
    ((key,),) = database.execute(
        "insert into public.conversations_v2"
        " (help_request_id, requester_id, helper_id, initial_message)"
        " values (%s, %s, %s, 'I can help you') returning id",
        request,
        requester,
        helper,
    )
    return UUID(str(key))


def started(database: TestDatabase, version: str) -> list[tuple[Any, ...]]:
    """Return request, requester, helper and first message of each conversation of one system."""
    if version == "v2":
        return database.execute(
            "select help_request_id, requester_id, helper_id, initial_message"
            " from public.conversations_v2 order by created_at"
        )
    return database.execute(
        """
        select
            conversation.help_request_id,
            message.recipient_id,
            conversation.created_by,
            message.content
        from public.conversations as conversation
        join public.messages as message on message.conversation_id = conversation.id
        order by conversation.created_at
        """
    )


def written(database: TestDatabase, version: str) -> list[tuple[Any, ...]]:
    """Return sender and text of what was written after the first message."""
    table = {"v1": "messages", "v2": "messages_v2"}[version]
    return database.execute(
        f"select sender_id, content from public.{table}"
        " where content <> 'I can help you' order by created_at, id"
    )


def row_counts(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Return the number of rows of each table that the route may write."""
    tables = (
        "conversations",
        "conversation_participants",
        "messages",
        "conversations_v2",
        "messages_v2",
    )
    counts = ", ".join(f"(select count(*) from public.{table})" for table in tables)
    return database.execute(f"select {counts}")


def request_status(database: TestDatabase, request: UUID) -> str:
    """Return the status of a help request."""
    ((found,),) = database.execute("select status from public.help_requests where id = %s", request)
    return str(found)


def events(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Return what the log says of each call."""
    return database.execute(
        """
        select method, event, error_code, user_id, conversation_id, help_request_id, version
        from messaging.rpc_events order by occurred_at
        """
    )


def remembered(database: TestDatabase) -> int:
    """Return how many ids of clients are known."""
    ((count,),) = database.execute("select count(*) from messaging.client_messages")
    return int(count)


def restrict(database: TestDatabase, user: UUID, level: str, can_send: bool = True) -> None:
    """Restrict a user as a moderator does."""
    database.execute(
        "insert into public.user_restrictions"
        " (user_id, restriction_level, can_send_messages, reason) values (%s, %s, %s, 'x')",
        user,
        level,
        can_send,
    )


def refused(answer: dict[str, Any]) -> tuple[Any, ...]:
    """Return code, HTTP status and text of a refusal that shows no internals."""
    assert answer["success"] is False
    assert answer["request_id"].startswith("v2_")
    assert "internal" not in answer
    return answer["error"], answer["http_status"], answer["message"]


def reasons(answers: list[Any]) -> Counter[str]:
    """Count the answers by reason; an exception would show as itself."""
    return Counter(
        str(answer.get("details", {"reason": "success"})["reason"])
        if isinstance(answer, dict)
        else repr(answer)
        for answer in answers
    )
