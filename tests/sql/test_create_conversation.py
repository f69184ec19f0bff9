"""create_conversation_atomic: one call, one row, all or nothing."""

from __future__ import annotations

import re
import time
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People

FUNCTION = "create_conversation_atomic"
TOO_SHORT = "Initial message must be at least 10 characters long"
TOO_LONG = "Initial message cannot exceed 1000 characters"


def stored(database: TestDatabase) -> list[tuple[Any, ...]]:
    return database.execute(
        "select help_request_id, requester_id, helper_id, initial_message, status, origin"
        " from public.conversations_v2"
    )


def test_conversation_is_one_row_with_its_message(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """The requester is the owner of the request; the text is stored trimmed."""
    answer = call(people.ben, FUNCTION, people.open_request, people.ben, " \u3000I can help you\n")
    key = UUID(answer.pop("conversation_id"))
    request_id = answer.pop("request_id")
    assert answer == {"success": True, "message": "Conversation created successfully"}
    match = re.fullmatch(r"v2_(\d{13})_[0-9a-z]+", request_id)
    assert match is not None
    assert abs(int(match[1]) / 1000 - time.time()) < 60
    assert stored(migrated) == [
        (people.open_request, people.rosa, people.ben, "I can help you", "active", "v2")
    ]
    assert migrated.execute(
        "select id, created_at = last_message_at, created_at = updated_at"
        " from public.conversations_v2"
    ) == [(key, True, True)]


def test_request_in_progress_takes_more_offers(call: Call, people: People) -> None:
    """Several helpers may answer one request, also once it is in progress."""
    for helper in (people.ben, people.mei):
        answer = call(helper, FUNCTION, people.in_progress_request, helper, "I can help you")
        assert answer["success"] is True


def test_second_call_answers_the_existing_conversation(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """conversation_exists carries the id, and nothing is written."""
    first = call(people.ben, FUNCTION, people.open_request, people.ben, "I can help you")
    answer = call(people.ben, FUNCTION, people.open_request, people.ben, "I can still help you")
    answer.pop("request_id")
    assert answer == {
        "success": False,
        "error": "conversation_exists",
        "message": "Conversation already exists for this help request and helper",
        "http_status": 409,
        "conversation_id": first["conversation_id"],
        "details": {
            "reason": "duplicate_conversation",
            "conversation_id": first["conversation_id"],
        },
    }
    assert [row[3] for row in stored(migrated)] == ["I can help you"]


def refused(answer: dict[str, Any]) -> tuple[Any, ...]:
    assert answer["success"] is False
    assert answer["request_id"].startswith("v2_")
    return answer["error"], answer["http_status"], answer["message"]


def test_own_request_is_refused(migrated: TestDatabase, call: Call, people: People) -> None:
    """Nobody helps himself."""
    answer = call(people.rosa, FUNCTION, people.open_request, people.rosa, "I can help me")
    assert refused(answer) == (
        "validation_error",
        400,
        "Cannot create conversation with yourself",
    )
    assert stored(migrated) == []


@pytest.mark.parametrize("state", ["completed", "cancelled", "closed"])
def test_request_that_takes_no_offers_is_refused(
    migrated: TestDatabase, call: Call, people: People, state: str
) -> None:
    """Only open requests and those in progress can be answered."""
    request = getattr(people, f"{state}_request")
    answer = call(people.ben, FUNCTION, request, people.ben, "I can help you")
    assert refused(answer) == (
        "help_request_unavailable",
        400,
        "Help request is no longer available",
    )
    assert stored(migrated) == []


@pytest.mark.parametrize("request_id", ["nobody", None])
def test_missing_request_is_not_found(call: Call, people: People, request_id: str | None) -> None:
    """An unknown id and null are both no request."""
    key = getattr(people, request_id) if request_id else None
    answer = call(people.ben, FUNCTION, key, people.ben, "I can help you")
    assert refused(answer) == ("not_found", 404, "Help request not found")


FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # five characters, one picture


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (None, TOO_SHORT),
        ("", TOO_SHORT),
        ("\u2003" * 50, TOO_SHORT),
        ("abcdefghi", TOO_SHORT),
        ("  abcdefghi  ", TOO_SHORT),
        ("abcdefghij", None),
        ("\u00a0abcdefghij\u2029", None),
        ("\U0001f600" * 9, TOO_SHORT),
        ("\U0001f600" * 10, None),
        ("\U0001f600" * 1000, None),
        ("\U0001f600" * 1001, TOO_LONG),
        (FAMILY * 2, None),
        ("e\u0301" * 4, TOO_SHORT),
        ("e\u0301" * 5, None),
        ("\u0634\u0643\u0631\u0627 \u0644\u0643\u0645 \u200f!", None),
        ("\u202eabcdefghij", None),
        ("\u200b" * 10, None),
        ("x" * 1000, None),
        (" " * 500 + "x" * 1000 + " " * 500, None),
        ("x" * 1001, TOO_LONG),
        ("x" * 10_000_000, TOO_LONG),
        (" " * 10_000_000, TOO_LONG),
    ],
    ids=lambda value: f"{len(value)} characters" if isinstance(value, str) else None,
)
def test_length_is_counted_in_characters_after_trimming(
    migrated: TestDatabase, call: Call, people: People, message: str | None, expected: str | None
) -> None:
    """10 to 1000 characters of any script are stored as they are; others are refused."""
    answer = call(people.ben, FUNCTION, people.open_request, people.ben, message)
    if expected is None:
        assert answer["success"] is True
        assert message is not None
        assert [row[3] for row in stored(migrated)] == [message.strip()]
    else:
        assert refused(answer) == ("validation_error", 400, expected)
        assert stored(migrated) == []


@pytest.mark.parametrize("text", [b"1234567890\x00", b"1234567890\xed\xa0\x80", b"1234567890\xff"])
def test_text_that_is_none_never_reaches_the_function(
    migrated: TestDatabase, people: People, text: bytes
) -> None:
    """A NUL, a lone surrogate and broken UTF-8 are refused by the server, never truncated."""
    connection = migrated.as_role("authenticated", people.ben)
    with pytest.raises(psycopg.DataError):
        connection.execute(
            "select public.create_conversation_atomic(%s, %s, convert_from(%b, 'UTF8'))",
            [people.open_request, people.ben, text],
        )
    assert stored(migrated) == []


def test_account_that_is_gone_is_not_approved(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """A token may outlive its account; that is not the server's fault."""
    answer = call(people.nobody, FUNCTION, people.open_request, people.nobody, "I can help you")
    assert refused(answer)[:2] == ("permission_denied", 403)
    assert answer["details"] == {"reason": "not_approved", "requiresApproval": True}
    assert stored(migrated) == []


def test_account_that_goes_meanwhile_is_unauthorized(
    migrated: TestDatabase, people: People
) -> None:
    """Who was admitted, and has no account when the row is written, is not signed in any more."""
    ((answer,),) = migrated.execute(
        "select messaging.insert_conversation(%s, %s, 'I can help you', 'v2_1')",
        people.open_request,
        people.nobody,
    )
    assert refused(answer)[:2] == ("unauthorized", 401)
    assert answer["details"] == {"reason": "account_not_found"}
    assert stored(migrated) == []


def test_unexpected_error_shows_no_internals(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Whatever breaks inside is a server_error without names of tables or SQLSTATE."""
    migrated.execute("alter table public.conversations_v2 add column surprise int not null")
    answer = call(people.ben, FUNCTION, people.open_request, people.ben, "I can help you")
    assert refused(answer) == ("server_error", 500, "Failed to create conversation")
    assert answer["details"] == {"reason": "unexpected"}
    assert stored(migrated) == []


def test_rolled_back_call_leaves_nothing(migrated: TestDatabase, people: People) -> None:
    """The call is part of its caller's transaction."""
    connection = migrated.as_role("authenticated", people.ben)
    with connection.transaction(force_rollback=True):
        connection.execute(
            "select public.create_conversation_atomic(%s, %s, 'I can help you')",
            [people.open_request, people.ben],
        )
    assert stored(migrated) == []
