"""get_conversation_v2: a conversation and its newest messages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People

FUNCTION = "get_conversation_v2"


def fill(database: TestDatabase, conversation: UUID, sender: UUID, count: int) -> None:
    """Write so many messages, three at each moment, called 1, 2, ... in their order."""
    database.execute(
        """
        insert into public.messages_v2 (id, conversation_id, sender_id, content, created_at)
        select
            lpad(to_hex(number), 32, '0')::uuid, %s, %s, number::text,
            now() + number / 3 * interval '1 second'
        from generate_series(1, %s) as number
        order by random()
        """,
        conversation,
        sender,
        count,
    )


def test_conversation_has_its_first_message_and_no_other(
    call: Call, people: People, conversation: UUID
) -> None:
    """Both people see the same; the first message is part of the conversation."""
    for user in (people.ben, people.rosa):
        answer = call(user, FUNCTION, conversation, user)
        assert answer["success"] is True
        assert answer["request_id"].startswith("v2_")
        assert (answer["messages"], answer["has_more"]) == ([], False)
        shown: dict[str, Any] = answer["conversation"]
        assert {key: shown[key] for key in shown if not key.endswith("_at")} == {
            "id": str(conversation),
            "help_request_id": str(people.open_request),
            "requester_id": str(people.rosa),
            "helper_id": str(people.ben),
            "initial_message": "I can bring the groceries.",
            "status": "active",
            "origin": "v2",
            "version": "v2",
        }
        assert {key for key in shown if key.endswith("_at")} == {
            "created_at",
            "updated_at",
            "last_message_at",
        }


@pytest.mark.parametrize(("count", "has_more"), [(1, False), (200, False), (201, True)])
def test_newest_200_messages_come_oldest_first(
    migrated: TestDatabase,
    call: Call,
    people: People,
    conversation: UUID,
    count: int,
    has_more: bool,
) -> None:
    """Beyond 200 the oldest are left out and has_more says so, also where times are equal."""
    fill(migrated, conversation, people.rosa, count)
    answer = call(people.ben, FUNCTION, conversation, people.ben)
    shown = [int(message["content"]) for message in answer["messages"]]
    assert shown == list(range(max(1, count - 199), count + 1))
    assert answer["has_more"] is has_more
    assert set(answer["messages"][0]) == {
        "id",
        "conversation_id",
        "sender_id",
        "content",
        "created_at",
        "updated_at",
    }


@pytest.mark.parametrize("status", ["closed", "archived", "blocked"])
def test_conversation_stays_readable(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, status: str
) -> None:
    """A conversation into which nobody may write is still read."""
    migrated.execute("update public.conversations_v2 set status = %s", status)
    answer = call(people.rosa, FUNCTION, conversation, people.rosa)
    assert answer["conversation"]["status"] == status


@pytest.mark.parametrize("which", ["of others", "missing", "null"])
def test_conversation_of_others_is_not_found(
    call: Call, people: People, conversation: UUID, which: str
) -> None:
    """A conversation of others, none at all and null are one answer."""
    key = {"of others": conversation, "missing": people.nobody, "null": None}[which]
    answer = call(people.mei, FUNCTION, key, people.mei)
    answer.pop("request_id")
    assert answer == {
        "success": False,
        "error": "not_found",
        "message": "Conversation not found or you do not have access",
        "http_status": 404,
        "details": {"reason": "conversation_not_found"},
    }


def test_unexpected_error_shows_no_internals(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Whatever breaks inside is a server_error without internals."""
    migrated.execute("alter table public.messages_v2 rename column content to gone")
    answer = call(people.ben, FUNCTION, conversation, people.ben)
    assert (answer["error"], answer["message"]) == ("server_error", "Failed to fetch conversation")
    assert answer["details"] == {"reason": "unexpected"}
