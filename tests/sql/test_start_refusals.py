"""start_help_conversation: whom and what it refuses, in either system alike."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, invoke
from tests.plugins.routes import (
    NOBODY,
    events,
    refused,
    request_status,
    row_counts,
    started,
)
from tests.plugins.texts import ACCEPTED, EMPTY
from tests.plugins.v1 import FirstSystem, Rollout

FUNCTION = "start_help_conversation"
TEXT = "I can help you"
TOO_SHORT = "Initial message must be at least 10 characters long"
TOO_LONG = "Initial message cannot exceed 1000 characters"


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("claims", NOBODY)
def test_nobody_is_unauthorized(migrated: TestDatabase, people: People, claims: str) -> None:
    """Who is not signed in is told so, and it is logged."""
    connection = migrated.as_role("authenticated", claims=NOBODY[claims])
    before = row_counts(migrated)
    answer = invoke(connection, FUNCTION, people.open_request, TEXT)
    assert answer.pop("request_id").startswith("v2_")
    assert answer == {
        "success": False,
        "error": "unauthorized",
        "message": "You must be signed in",
        "http_status": 401,
        "details": {"reason": "not_signed_in"},
    }
    assert row_counts(migrated) == before
    assert [row[1:4] for row in events(migrated)] == [("function_error", "unauthorized", None)]


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_only_signed_in_users_may_call(migrated: TestDatabase, people: People, role: str) -> None:
    """Other roles may not execute the function at all."""
    connection = migrated.as_role(role, people.ben)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="start_help_conversation"):
        invoke(connection, FUNCTION, people.open_request, TEXT)


def test_older_claim_setting_names_the_user(
    migrated: TestDatabase, people: People, roll_out: Rollout
) -> None:
    """request.jwt.claim.sub is heeded, and is not the requester's to forge."""
    roll_out("enabled")
    connection = migrated.as_role("authenticated")
    connection.execute("select set_config('request.jwt.claim.sub', %s, false)", [str(people.ben)])
    assert invoke(connection, FUNCTION, people.open_request, TEXT)["success"] is True
    assert [row[2] for row in started(migrated, "v2")] == [people.ben]


def test_token_that_outlived_its_account_is_refused(
    migrated: TestDatabase, call: Call, people: People, chosen: str
) -> None:
    """A user who does not exist is not approved, in either system."""
    answer = call(people.nobody, FUNCTION, people.open_request, TEXT)
    assert answer["details"] == {"reason": "not_approved", "requiresApproval": True}


@pytest.mark.parametrize("verification", ["pending", "rejected"])
def test_account_must_be_approved(
    migrated: TestDatabase, call: Call, people: People, chosen: str, verification: str
) -> None:
    """A pending or rejected helper is told that approval is missing."""
    migrated.execute(
        "update public.profiles set verification_status = %s::public.verification_status",
        verification,
    )
    before = row_counts(migrated)
    answer = call(people.ben, FUNCTION, people.open_request, TEXT)
    assert refused(answer)[:2] == ("permission_denied", 403)
    assert answer["requiresApproval"] is True
    assert row_counts(migrated) == before


@pytest.mark.parametrize(
    ("level", "can_start"),
    [("suspended", True), ("banned", True), ("limited", False), ("none", False)],
)
def test_restricted_user_is_refused(
    migrated: TestDatabase, call: Call, people: People, chosen: str, level: str, can_start: bool
) -> None:
    """suspended, banned and can_start_conversations = false refuse; the level is told."""
    migrated.execute(
        "insert into public.user_restrictions"
        " (user_id, restriction_level, can_start_conversations, reason) values (%s, %s, %s, 'x')",
        people.ben,
        level,
        can_start,
    )
    before = row_counts(migrated)
    answer = call(people.ben, FUNCTION, people.open_request, TEXT)
    assert refused(answer)[:2] == ("permission_denied", 403)
    assert answer["restriction_level"] == level
    assert row_counts(migrated) == before
    assert request_status(migrated, people.open_request) == "open"


def test_who_may_not_send_may_still_start(
    migrated: TestDatabase, call: Call, people: People, chosen: str
) -> None:
    """can_send_messages is about messages."""
    migrated.execute(
        "insert into public.user_restrictions"
        " (user_id, restriction_level, can_send_messages, reason)"
        " values (%s, 'limited', false, 'x')",
        people.ben,
    )
    assert call(people.ben, FUNCTION, people.open_request, TEXT)["success"] is True


def test_rate_limit_counts_both_systems(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem, roll_out: Rollout
) -> None:
    """Ten conversations an hour, in whichever system: the eleventh has to wait."""
    requests = [
        row[0]
        for row in migrated.execute(
            "insert into public.help_requests (user_id, title, category)"
            " select %s, 'Help', 'other' from generate_series(1, 11) returning id",
            people.rosa,
        )
    ]
    for number, request in enumerate(requests[:10]):
        roll_out("enabled" if number % 2 else "disabled")
        assert call(people.ben, FUNCTION, request, TEXT)["success"] is True
    answer = call(people.ben, FUNCTION, requests[10], TEXT)
    assert refused(answer)[:2] == ("rate_limit_exceeded", 429)
    assert 0 < answer["retry_after"] <= 3600
    assert call(people.mei, FUNCTION, requests[10], TEXT)["success"] is True


@pytest.mark.parametrize(
    ("request_name", "expected"),
    [
        (None, ("not_found", 404, "Help request not found")),
        ("nobody", ("not_found", 404, "Help request not found")),
        (
            "completed_request",
            ("help_request_unavailable", 400, "Help request is no longer available"),
        ),
        (
            "cancelled_request",
            ("help_request_unavailable", 400, "Help request is no longer available"),
        ),
        (
            "closed_request",
            ("help_request_unavailable", 400, "Help request is no longer available"),
        ),
    ],
)
def test_request_must_take_offers(
    migrated: TestDatabase,
    call: Call,
    people: People,
    chosen: str,
    request_name: str | None,
    expected: tuple[Any, ...],
) -> None:
    """No request, an unknown one and closed ones are refused; null is no request."""
    request = None if request_name is None else getattr(people, request_name)
    before = row_counts(migrated)
    assert refused(call(people.ben, FUNCTION, request, TEXT)) == expected
    assert row_counts(migrated) == before
    assert events(migrated) == [
        ("startHelpConversation", "function_error", expected[0], people.ben, None, request, None)
    ]


def test_own_request_is_refused(
    migrated: TestDatabase, call: Call, people: People, chosen: str
) -> None:
    """Nobody helps himself."""
    answer = call(people.rosa, FUNCTION, people.open_request, TEXT)
    assert refused(answer) == (
        "validation_error",
        400,
        "Cannot create conversation with yourself",
    )
    assert request_status(migrated, people.open_request) == "open"


@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_text_is_stored_as_it_is(
    migrated: TestDatabase, call: Call, people: People, chosen: str, name: str
) -> None:
    """Whatever has 10 to 1000 characters is a message."""
    text = ACCEPTED[name]
    assert call(people.ben, FUNCTION, people.open_request, text)["success"] is True
    assert [row[3] for row in started(migrated, chosen)] == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, TOO_SHORT),
        *((text, TOO_SHORT) for text in EMPTY.values()),
        (" 123456789\u2003", TOO_SHORT),
        ("\U0001f600" * 9, TOO_SHORT),
        ("\U0001f600" * 1001, TOO_LONG),
        ("x" * 1001, TOO_LONG),
        ("x" * 10_000_000, TOO_LONG),
    ],
    ids=lambda value: f"{len(value)} characters" if isinstance(value, str) else "null",
)
def test_text_of_another_length_is_refused(
    migrated: TestDatabase,
    call: Call,
    people: People,
    chosen: str,
    text: str | None,
    expected: str,
) -> None:
    """Fewer than 10 or more than 1000 characters after trimming are refused, in both alike."""
    before = row_counts(migrated)
    answer = call(people.ben, FUNCTION, people.open_request, text)
    assert refused(answer) == ("validation_error", 400, expected)
    assert row_counts(migrated) == before
    assert request_status(migrated, people.open_request) == "open"


def test_prohibited_content_is_refused(
    migrated: TestDatabase, call: Call, people: People, chosen: str
) -> None:
    """An e-mail address is no first message, in neither system."""
    before = row_counts(migrated)
    answer = call(people.ben, FUNCTION, people.open_request, "Write to ben@example.org please")
    assert refused(answer) == (
        "validation_error",
        400,
        "Message contains prohibited content",
    )
    assert answer["details"]["reason"] == "prohibited_content"
    assert row_counts(migrated) == before
