"""send_message: what it answers, writes and refuses, in V1 and in V2."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, Plan, invoke
from tests.plugins.routes import (
    NOBODY,
    begin_v2,
    refused,
    remembered,
    restrict,
    written,
)
from tests.plugins.texts import ACCEPTED, EMPTY
from tests.plugins.v1 import FirstSystem, Rollout

FUNCTION = "send_message"
EMPTY_TEXT = "Message content cannot be empty"
TOO_LONG = "Message cannot exceed 1000 characters"
NOT_AUTHORIZED = "Not authorized to send messages in this conversation"


# What is answered and written --------------------------------------------------------------------


def test_answer_shows_the_message(
    migrated: TestDatabase, call: Call, people: People, version: str, talk: UUID
) -> None:
    """The answer has the message as the service contract shows it; the call is logged once."""
    answer = call(people.ben, FUNCTION, talk, " Tomorrow at two?\u3000")
    assert answer.pop("request_id").startswith("v2_")
    message = answer.pop("sent_message")
    key = answer.pop("message_id")
    assert answer == {
        "success": True,
        "message": "Message sent successfully",
        "status": "sent",
        "version": version,
        "http_status": 201,
    }
    created_at = message.pop("created_at")
    assert message.pop("updated_at") == created_at
    assert message == {
        "id": key,
        "conversation_id": str(talk),
        "sender_id": str(people.ben),
        "content": "Tomorrow at two?",
    }
    table = {"v1": "messages", "v2": "messages_v2"}[version]
    assert migrated.execute(
        f"select to_jsonb(created_at) #>> '{{}}' from public.{table} where id = %s", key
    ) == [(created_at,)]
    assert migrated.execute(
        "select method, event, error_code, user_id, conversation_id, help_request_id, version"
        " from messaging.rpc_events"
    ) == [("sendMessage", "success", None, people.ben, talk, None, version)]


@pytest.mark.parametrize("strategy", ["enabled", "disabled", "internal"])
def test_conversation_decides_and_not_the_flag(
    migrated: TestDatabase,
    call: Call,
    people: People,
    version: str,
    talk: UUID,
    roll_out: Rollout,
    strategy: str,
) -> None:
    """Both people write on in the system where the conversation is, whatever the flag says."""
    roll_out(strategy)
    for user in (people.rosa, people.ben):
        assert call(user, FUNCTION, talk, "hello")["version"] == version
    assert written(migrated, version) == [(people.rosa, "hello"), (people.ben, "hello")]
    assert written(migrated, "v1" if version == "v2" else "v2") == []


@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_text_is_stored_as_it_is(
    migrated: TestDatabase, call: Call, people: People, version: str, talk: UUID, name: str
) -> None:
    """Whatever has 1 to 1000 characters is a message, and is shown as it was sent."""
    answer = call(people.ben, FUNCTION, talk, ACCEPTED[name])
    assert answer["sent_message"]["content"] == ACCEPTED[name]
    assert written(migrated, version) == [(people.ben, ACCEPTED[name])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, EMPTY_TEXT),
        *((text, EMPTY_TEXT) for text in EMPTY.values()),
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
    version: str,
    talk: UUID,
    text: str | None,
    expected: str,
) -> None:
    """Nothing and more than 1000 characters are refused, in both systems alike."""
    answer = call(people.ben, FUNCTION, talk, text, uuid4())
    assert refused(answer) == ("validation_error", 400, expected)
    assert written(migrated, version) == []
    assert remembered(migrated) == 0


def test_prohibited_content_is_refused(
    migrated: TestDatabase, call: Call, people: People, version: str, talk: UUID
) -> None:
    """An e-mail address is no message, in neither system."""
    answer = call(people.ben, FUNCTION, talk, "Write to ben@example.org")
    assert refused(answer) == ("validation_error", 400, "Message contains prohibited content")
    assert answer["details"]["reason"] == "prohibited_content"
    assert written(migrated, version) == []


# Who may not -------------------------------------------------------------------------------------


@pytest.mark.parametrize("claims", NOBODY)
def test_nobody_is_unauthorized(
    migrated: TestDatabase, version: str, talk: UUID, claims: str
) -> None:
    """Who is not signed in is told so, and it is logged."""
    connection = migrated.as_role("authenticated", claims=NOBODY[claims])
    answer = invoke(connection, FUNCTION, talk, "hello", uuid4())
    assert answer.pop("request_id").startswith("v2_")
    assert answer == {
        "success": False,
        "error": "unauthorized",
        "message": "You must be signed in",
        "http_status": 401,
        "details": {"reason": "not_signed_in"},
    }
    assert written(migrated, version) == []
    assert migrated.execute("select event, error_code, user_id from messaging.rpc_events") == [
        ("function_error", "unauthorized", None)
    ]


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_only_signed_in_users_may_call(
    migrated: TestDatabase, people: People, talk: UUID, role: str
) -> None:
    """Other roles may not execute the function at all, nor read the table."""
    connection = migrated.as_role(role, people.ben)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="send_message"):
        invoke(connection, FUNCTION, talk, "hello")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select from messaging.client_messages")


@pytest.mark.parametrize(
    "text", ["hello", None, " ", "x" * 1001, "Write to ben@example.org"], ids=range(5)
)
def test_stranger_cannot_tell_what_there_is(
    migrated: TestDatabase, people: People, mended: FirstSystem, text: str | None
) -> None:
    """No conversation, null, and conversations of others in either system answer the same bytes."""
    foreign_v2 = begin_v2(migrated, people.open_request, people.ben, people.rosa)
    closed_v2 = begin_v2(migrated, people.in_progress_request, people.ben, people.rosa)
    migrated.execute(
        "update public.conversations_v2 set status = 'closed' where id = %s", closed_v2
    )
    foreign_v1 = mended.begin(people.open_request, people.ben, people.rosa, "I can help you")
    left_v1 = mended.begin(people.open_request, people.mei, people.rosa, "I can help you")
    migrated.execute(
        "update public.conversation_participants set left_at = now() where user_id = %s",
        people.mei,
    )
    mei = migrated.as_role("authenticated", people.mei)
    answers = set()
    for conversation in (None, uuid4(), foreign_v2, closed_v2, foreign_v1, left_v1):
        for key in (None, uuid4()):
            row = mei.execute(
                "select public.send_message(%s, %s, %s)::text, public.send_message_v2(%s, %s, %s)",
                [conversation, text, key, conversation, people.mei, text],
            ).fetchone()
            assert row is not None
            answer, of_v2 = row
            assert '"version"' not in answer
            answers.add(answer.replace(answer.split('"request_id": "')[1].split('"')[0], ""))
            assert {**of_v2, "request_id": ""} == {
                **json.loads(answer),
                "request_id": "",
            }
    assert len(answers) == 1
    if text == "hello":
        assert NOT_AUTHORIZED in answers.pop()
    assert written(migrated, "v2") == []
    assert written(migrated, "v1") == []


@pytest.mark.parametrize("status", ["closed", "archived", "blocked"])
def test_conversation_that_is_not_active_takes_no_message(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem, status: str
) -> None:
    """Participants are told that a conversation of V2 is not active."""
    talk = begin_v2(migrated, people.open_request, people.ben, people.rosa)
    migrated.execute("update public.conversations_v2 set status = %s", status)
    for user in (people.rosa, people.ben):
        answer = call(user, FUNCTION, talk, "hello")
        assert refused(answer) == ("permission_denied", 403, NOT_AUTHORIZED)
        assert answer["details"]["reason"] == "conversation_not_active"
    assert written(migrated, "v2") == []


@pytest.mark.parametrize(
    ("level", "can_send"),
    [("suspended", True), ("banned", True), ("limited", False), ("none", False)],
)
def test_restricted_user_is_refused(
    migrated: TestDatabase,
    call: Call,
    people: People,
    version: str,
    talk: UUID,
    level: str,
    can_send: bool,
) -> None:
    """suspended, banned and can_send_messages = false refuse; the level is told."""
    restrict(migrated, people.ben, level, can_send)
    answer = call(people.ben, FUNCTION, talk, "hello")
    assert refused(answer)[:2] == ("permission_denied", 403)
    assert answer["restriction_level"] == level
    assert written(migrated, version) == []
    assert call(people.rosa, FUNCTION, talk, "hello")["success"] is True


def test_pending_user_may_write_on(
    migrated: TestDatabase, call: Call, people: People, version: str, talk: UUID
) -> None:
    """Approval is asked for a start, not for a message in a conversation one has."""
    migrated.execute("update public.profiles set verification_status = 'pending'")
    assert call(people.ben, FUNCTION, talk, "hello")["version"] == version


def test_rate_limit_counts_both_systems(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem
) -> None:
    """Fifty messages a minute, wherever they are written: the next one has to wait."""
    talks = (
        begin_v2(migrated, people.open_request, people.ben, people.rosa),
        mended.begin(people.in_progress_request, people.ben, people.rosa, "I can help you"),
    )
    for number in range(50):
        assert call(people.ben, FUNCTION, talks[number % 2], "hello")["success"] is True
    for talk in talks:
        answer = call(people.ben, FUNCTION, talk, "hello")
        assert refused(answer)[:2] == ("rate_limit_exceeded", 429)
        assert 0 < answer["retry_after"] <= 60
        assert call(people.rosa, FUNCTION, talk, "hello")["success"] is True


# The change itself -------------------------------------------------------------------------------


def test_revert_refuses_to_forget_ids(
    migrated: TestDatabase,
    call: Call,
    people: People,
    version: str,
    talk: UUID,
    deployed_plan: Plan,
) -> None:
    """With rows it names them and does nothing; allowed, it drops what the change made."""
    call(people.ben, FUNCTION, talk, "hello", uuid4())
    with pytest.raises(psycopg.errors.ObjectInUse, match=r"messaging\.client_messages \(1 rows\)"):
        deployed_plan.run("revert", FUNCTION)
    assert remembered(migrated) == 1
    deployed_plan.run("revert", FUNCTION, carecli__allow_data_loss="on")
    assert migrated.execute("select to_regclass('messaging.client_messages')") == [(None,)]
    assert len(written(migrated, version)) == 1
    deployed_plan.run("deploy", FUNCTION)
    deployed_plan.run("verify", FUNCTION)


@pytest.mark.parametrize(
    "breakage",
    [
        "grant execute on function public.send_message(uuid, text, uuid) to anon",
        "grant execute on function public.send_message(uuid, text, uuid) to public",
        "revoke execute on function public.send_message(uuid, text, uuid) from authenticated",
        "alter function public.send_message(uuid, text, uuid) security invoker",
        "alter function public.send_message(uuid, text, uuid) reset search_path",
        """
        grant execute on function messaging.send_once(uuid, uuid, text, uuid, text)
            to authenticated
        """,
        "grant select on table messaging.client_messages to service_role",
        "alter table messaging.client_messages drop constraint client_messages_pkey",
        "alter table messaging.client_messages drop constraint client_messages_sender_id_fkey",
        "alter table messaging.client_messages alter column message_id drop not null",
        """
        create or replace function messaging.caller_id() returns uuid language sql
        as 'select gen_random_uuid()'
        """,
        """
        create or replace function messaging.route_message(
            p_conversation_id uuid, p_sender_id uuid, p_content text, p_request_id text
        ) returns jsonb language sql as $$
            select messaging.failure(p_request_id, 'not_found', 'not_a_participant', 'No')
        $$
        """,
    ],
)
def test_verify_script_sees_what_is_broken(deployed_plan: Plan, breakage: str) -> None:
    """Green as deployed, red after each breakage."""
    deployed_plan.run("verify", FUNCTION)
    deployed_plan.database.execute(breakage)
    with pytest.raises(psycopg.errors.AssertFailure):
        deployed_plan.run("verify", FUNCTION)
