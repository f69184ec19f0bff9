"""send_message_v2: a follow-up in an active conversation of the sender."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People

FUNCTION = "send_message_v2"
EMPTY = "Message content cannot be empty"
TOO_LONG = "Message cannot exceed 1000 characters"
NOT_AUTHORIZED = "Not authorized to send messages in this conversation"


def stored(database: TestDatabase) -> list[tuple[Any, ...]]:
    return database.execute(
        "select sender_id, content from public.messages_v2 order by created_at, id"
    )


def refused(answer: dict[str, Any]) -> tuple[Any, ...]:
    assert answer["success"] is False
    assert answer["request_id"].startswith("v2_")
    return answer["error"], answer["http_status"], answer["message"]


def test_both_people_write(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Messages are stored trimmed, in order; the conversation knows the last one's time."""
    for user, text in ((people.rosa, " Thank you! "), (people.ben, "When?"), (people.rosa, "Now")):
        answer = call(user, FUNCTION, conversation, user, text)
        assert answer["message"] == "Message sent successfully"
        assert set(answer) == {"success", "message", "request_id", "message_id"}
    assert stored(migrated) == [
        (people.rosa, "Thank you!"),
        (people.ben, "When?"),
        (people.rosa, "Now"),
    ]
    assert migrated.execute(
        """
        select conversation.last_message_at = max(message.created_at)
        from public.conversations_v2 as conversation
        join public.messages_v2 as message on message.conversation_id = conversation.id
        group by conversation.id
        """
    ) == [(True,)]


@pytest.mark.parametrize("ahead", ["1 hour", "1 microsecond"])
def test_message_comes_after_the_one_before_it(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, ahead: str
) -> None:
    """Where the clock was set back, times grow all the same, and the conversation's with them."""
    ((before,),) = migrated.execute(
        "update public.conversations_v2 set last_message_at = clock_timestamp() + %s::interval"
        " returning last_message_at",
        ahead,
    )
    for text in ("one", "two", "three"):
        assert call(people.ben, FUNCTION, conversation, people.ben, text)["success"] is True
    times = migrated.execute("select content, created_at from public.messages_v2 order by 2")
    assert [text for text, _ in times] == ["one", "two", "three"]
    assert before < times[0][1] < times[1][1] < times[2][1]
    assert migrated.execute("select last_message_at from public.conversations_v2") == [
        (times[2][1],)
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, EMPTY),
        ("", EMPTY),
        (" \t\r\n\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000", EMPTY),
        ("x", None),
        ("\U0001f600", None),
        ("\u0301", None),
        ("\u200b", None),
        ("\u202e", None),
        ("\U0001f600" * 1000, None),
        ("\U0001f600" * 1001, TOO_LONG),
        (" " + "x" * 1000 + " ", None),
        ("x" * 1001, TOO_LONG),
        ("x" * 10_000_000, TOO_LONG),
    ],
    ids=lambda value: f"{len(value)} characters" if isinstance(value, str) else None,
)
def test_length_is_counted_in_characters_after_trimming(
    migrated: TestDatabase,
    call: Call,
    people: People,
    conversation: UUID,
    content: str | None,
    expected: str | None,
) -> None:
    """1 to 1000 characters are stored as they are; others are refused."""
    answer = call(people.ben, FUNCTION, conversation, people.ben, content)
    if expected is None:
        assert answer["success"] is True
        assert content is not None
        assert [row[1] for row in stored(migrated)] == [content.strip()]
    else:
        assert refused(answer) == ("validation_error", 400, expected)
        assert stored(migrated) == []


def test_outsider_may_not_write(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """A third user is not authorized, and cannot tell why."""
    answer = call(people.mei, FUNCTION, conversation, people.mei, "hello")
    assert refused(answer) == ("permission_denied", 403, NOT_AUTHORIZED)
    assert answer["details"] == {"reason": "not_a_participant"}
    assert stored(migrated) == []


@pytest.mark.parametrize("status", ["closed", "archived", "blocked"])
def test_nobody_writes_into_a_conversation_that_is_not_active(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, status: str
) -> None:
    """Participants are told that the conversation is not active."""
    migrated.execute("update public.conversations_v2 set status = %s", status)
    for user in (people.rosa, people.ben):
        answer = call(user, FUNCTION, conversation, user, "hello")
        assert refused(answer) == ("permission_denied", 403, NOT_AUTHORIZED)
        assert answer["details"] == {"reason": "conversation_not_active"}
    assert stored(migrated) == []


def test_unexpected_error_shows_no_internals(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Whatever breaks inside is a server_error without internals."""
    migrated.execute("alter table public.messages_v2 add column surprise int not null")
    answer = call(people.ben, FUNCTION, conversation, people.ben, "hello")
    assert refused(answer) == ("server_error", 500, "Failed to send message")
    assert answer["details"] == {"reason": "unexpected"}
