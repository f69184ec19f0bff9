"""The V1 path of start_help_conversation and send_message: the caller's rights, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, invoke
from tests.plugins.sessions import at_once, in_background, until_waiting
from tests.plugins.v1 import FirstSystem

SESSIONS = 64
START = "start_help_conversation"
SEND = "send_message"
TEXT = "I can help you"
NOT_AUTHORIZED = "Not authorized to send messages in this conversation"

# Makes the helper's right to add the requester sound, so that V1 gets as far as its recursion.
ADDING_MENDED = """
create function public.has_begun_it(p_conversation_id uuid)
returns boolean
language sql
stable
security definer
set search_path = ''
return exists (
    select
    from public.conversations as conversation
    where conversation.id = p_conversation_id
        and conversation.created_by = auth.uid()
);
alter policy conversation_participants_insert_own on public.conversation_participants
    with check (user_id = auth.uid() or public.has_begun_it(conversation_id))
"""

START_SIGNATURE = "messaging.start_conversation_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)"
SEND_SIGNATURE = "messaging.send_message_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)"

TABLES = ("conversations", "conversation_participants", "messages")


def failures(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Return what the log says of calls that V1 could not serve."""
    return database.execute(
        "select method, event, error_code, version, sqlstate, error_message"
        " from messaging.rpc_events where error_code = 'rpc_error' order by occurred_at"
    )


def refused(answer: dict[str, Any]) -> tuple[Any, ...]:
    assert answer["success"] is False
    assert "internal" not in answer
    return answer["error"], answer["http_status"], answer["details"]["reason"]


# Starting ----------------------------------------------------------------------------------------


def test_sound_policies_let_v1_work(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem
) -> None:
    """One conversation with both people and the first message, at one moment."""
    answer = call(people.ben, START, people.open_request, TEXT)
    conversation = UUID(answer["conversation_id"])
    assert answer["version"] == "v1"
    assert migrated.execute(
        "select id, help_request_id, created_by, status, created_at = last_message_at"
        " from public.conversations"
    ) == [(conversation, people.open_request, people.ben, "active", True)]
    assert migrated.execute(
        "select conversation_id, user_id, role, left_at"
        " from public.conversation_participants order by user_id"
    ) == [
        (conversation, people.rosa, "member", None),
        (conversation, people.ben, "member", None),
    ]
    assert migrated.execute(
        "select conversation_id, sender_id, recipient_id, help_request_id, content, status"
        " from public.messages"
    ) == [(conversation, people.ben, people.rosa, people.open_request, TEXT, "sent")]


@pytest.mark.parametrize(
    ("policies", "sqlstate", "words"),
    [
        ("select", "42501", "violates row-level security policy"),
        (ADDING_MENDED, "42P17", "infinite recursion detected in policy"),
    ],
    ids=["as they are", "recursing"],
)
def test_policies_that_refuse_or_recurse_leave_no_orphan(
    migrated: TestDatabase,
    call: Call,
    people: People,
    first_system: FirstSystem,
    policies: str,
    sqlstate: str,
    words: str,
) -> None:
    """rpc_error without internals; the log knows why; no row and no status has changed."""
    migrated.execute(policies)
    answer = call(people.ben, START, people.open_request, TEXT)
    answer.pop("request_id")
    assert answer == {
        "success": False,
        "error": "rpc_error",
        "message": "Failed to create conversation",
        "http_status": 500,
        "version": "v1",
        "details": {"reason": "v1_failed"},
    }
    assert first_system.counts() == (0, 0, 0)
    ((*logged, message),) = failures(migrated)
    assert logged == ["startHelpConversation", "server_error", "rpc_error", "v1", sqlstate]
    assert words in message
    assert migrated.execute(
        "select status from public.help_requests where id = %s", people.open_request
    ) == [("open",)]


@pytest.mark.parametrize("table", TABLES)
def test_v1_has_the_rights_of_a_signed_in_user_and_no_more(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem, table: str
) -> None:
    """Where signed-in users may not insert, the functions may not either."""
    migrated.execute(f"revoke insert on public.{table} from authenticated")
    assert refused(call(people.ben, START, people.open_request, TEXT))[0] == "rpc_error"
    assert mended.counts() == (0, 0, 0)
    assert [row[4] for row in failures(migrated)] == ["42501"]


@pytest.mark.parametrize("table", TABLES)
def test_policy_of_the_application_decides(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem, table: str
) -> None:
    """A further policy on any of the tables is obeyed."""
    migrated.execute(
        f"create policy nothing on public.{table} as restrictive for insert with check (false)"
    )
    assert refused(call(people.ben, START, people.open_request, TEXT))[0] == "rpc_error"
    assert mended.counts() == (0, 0, 0)


def test_setting_of_the_caller_does_not_turn_policies_off(
    migrated: TestDatabase, people: People, mended: FirstSystem
) -> None:
    """row_security = off makes neither errors of sound policies nor a way round unsound ones."""
    session = migrated.as_role("authenticated", people.ben)
    session.execute("set row_security = off")
    assert invoke(session, START, people.open_request, TEXT)["success"] is True
    migrated.execute(
        "create policy nothing on public.messages as restrictive for insert with check (false)"
    )
    assert invoke(session, START, people.in_progress_request, TEXT)["error"] == "rpc_error"
    assert mended.counts() == (1, 2, 1)


def test_functions_of_another_owner_refuse_to_work(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem
) -> None:
    """Restored without owners they would have the rights of whoever did it: they write nothing."""
    conversation = mended.begin(people.in_progress_request, people.ben, people.rosa, TEXT)
    superuser = migrated.connect(superuser=True)
    for signature in (START_SIGNATURE, SEND_SIGNATURE):
        superuser.execute(f"alter function {signature} owner to postgres".encode())
    assert refused(call(people.ben, START, people.open_request, TEXT))[0] == "rpc_error"
    assert refused(call(people.ben, SEND, conversation, "hello"))[0] == "rpc_error"
    assert mended.counts() == (1, 2, 1)
    assert [row[4] for row in failures(migrated)] == ["42501", "42501"]


@pytest.mark.parametrize("table", TABLES)
def test_missing_tables_are_told_apart(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem, table: str
) -> None:
    """Without V1 who is on V1 gets rpc_error with a reason; V2 works on."""
    migrated.execute(f"drop table public.{table} cascade")
    answer = call(people.ben, START, people.open_request, TEXT)
    assert refused(answer) == ("rpc_error", 500, "v1_missing")
    assert [row[3:5] for row in failures(migrated)] == [("v1", "42P01")]

    migrated.execute("select messaging.set_rollout('enabled', null, 'a test')")
    answer = call(people.ben, START, people.open_request, TEXT)
    assert answer["success"] is True
    assert call(people.rosa, SEND, answer["conversation_id"], "hello")["success"] is True
    missing = call(people.mei, SEND, uuid4(), "hello")
    assert refused(missing) == ("permission_denied", 403, "not_a_participant")


def test_tables_may_go_while_a_session_lives(
    migrated: TestDatabase, people: People, mended: FirstSystem
) -> None:
    """A session that has written V1 finds it gone, and finds it when it is back."""
    session = migrated.as_role("authenticated", people.ben)
    assert invoke(session, START, people.open_request, TEXT)["success"] is True
    migrated.execute("alter table public.messages rename to messages_away")
    answer = invoke(session, START, people.in_progress_request, TEXT)
    assert refused(answer) == ("rpc_error", 500, "v1_missing")
    migrated.execute("alter table public.messages_away rename to messages")
    assert invoke(session, START, people.in_progress_request, TEXT)["success"] is True


# Sending -----------------------------------------------------------------------------------------


@pytest.fixture
def conversation_v1(mended: FirstSystem, people: People) -> UUID:
    """Give the id of a conversation of Ben and Rosa in V1, whose policies are sound."""
    return mended.begin(people.open_request, people.ben, people.rosa, TEXT)


def test_message_goes_to_the_other_one(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem, conversation_v1: UUID
) -> None:
    """Both may write; the recipient is the other one, also where a moderator has joined."""
    mended.join(conversation_v1, people.mei, "moderator")
    for sender in (people.rosa, people.ben, people.mei):
        assert call(sender, SEND, conversation_v1, "hello")["version"] == "v1"
    assert migrated.execute(
        "select sender_id, recipient_id, help_request_id from public.messages"
        " where content = 'hello' order by created_at"
    ) == [
        (people.rosa, people.ben, people.open_request),
        (people.ben, people.rosa, people.open_request),
        (people.mei, people.ben, people.open_request),
    ]


def test_conversation_without_a_request_is_writable(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem
) -> None:
    """V1 keeps conversations whose request is gone."""
    conversation = mended.begin(None, people.ben, people.rosa, TEXT)
    assert call(people.rosa, SEND, conversation, "hello")["success"] is True


def test_recursing_policies_refuse_a_message(
    migrated: TestDatabase, call: Call, people: People, first_system: FirstSystem
) -> None:
    """rpc_error, nothing written, the reason in the log, a client's id not used up."""
    conversation = first_system.begin(people.open_request, people.ben, people.rosa, TEXT)
    key = uuid4()
    answer = call(people.ben, SEND, conversation, "hello", key)
    answer.pop("request_id")
    assert answer == {
        "success": False,
        "error": "rpc_error",
        "message": "Failed to send message",
        "http_status": 500,
        "version": "v1",
        "details": {"reason": "v1_failed"},
    }
    assert first_system.counts() == (1, 2, 1)
    ((*logged, message),) = failures(migrated)
    assert logged == ["sendMessage", "server_error", "rpc_error", "v1", "42P17"]
    assert "infinite recursion" in message
    first_system.mend()
    assert call(people.ben, SEND, conversation, "hello", key)["success"] is True


@pytest.mark.parametrize("status", ["closed", "blocked"])
def test_conversation_that_is_not_active_takes_no_message(
    migrated: TestDatabase, call: Call, people: People, conversation_v1: UUID, status: str
) -> None:
    """Participants are told that the conversation is not active."""
    migrated.execute("update public.conversations set status = %s", status)
    for user in (people.rosa, people.ben):
        answer = call(user, SEND, conversation_v1, "hello")
        assert refused(answer) == ("permission_denied", 403, "conversation_not_active")
        assert answer["message"] == NOT_AUTHORIZED


def test_who_is_left_alone_writes_to_nobody(
    migrated: TestDatabase, call: Call, people: People, conversation_v1: UUID
) -> None:
    """A conversation that the other one has left is not active any more."""
    migrated.execute(
        "update public.conversation_participants set left_at = now() where user_id = %s",
        people.rosa,
    )
    answer = call(people.ben, SEND, conversation_v1, "hello")
    assert refused(answer) == ("permission_denied", 403, "conversation_not_active")


def copy_to_v2(connection: psycopg.Connection, conversation: UUID) -> None:
    """Copy a conversation as a backfill does, waiting for whoever writes into it."""
    connection.execute(
        "select from public.conversations where id = %s for no key update", [conversation]
    )
    connection.execute(
        """
        insert into public.conversations_v2
            (id, help_request_id, requester_id, helper_id, initial_message, origin)
        select conversation.id, request.id, request.user_id, conversation.created_by,
            'I can help you', 'v1_backfill'
        from public.conversations as conversation
        join public.help_requests as request on request.id = conversation.help_request_id
        where conversation.id = %s
        """,
        [conversation],
    )


def test_copied_conversation_goes_on_in_v2(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem, conversation_v1: UUID
) -> None:
    """After a backfill the same id is V2's, for both people."""
    copy_to_v2(migrated.connect(), conversation_v1)
    for user in (people.rosa, people.ben):
        assert call(user, SEND, conversation_v1, "hello")["version"] == "v2"
    assert mended.counts() == (1, 2, 1)
    assert migrated.execute("select count(*) from public.messages_v2") == [(2,)]


def test_message_that_waits_for_the_copy_goes_to_v2(
    migrated: TestDatabase, people: People, mended: FirstSystem, conversation_v1: UUID
) -> None:
    """No message is written into V1 behind the back of a backfill."""
    copier = migrated.connect()
    ben = migrated.as_role("authenticated", people.ben)
    with copier.transaction():
        copy_to_v2(copier, conversation_v1)
        thread, results = in_background(lambda: invoke(ben, SEND, conversation_v1, "hello"))
        until_waiting(migrated, ben)
    thread.join()
    assert [answer["version"] for answer in results] == ["v2"]
    assert mended.counts() == (1, 2, 1)


def test_message_that_meets_a_block_waits_for_it(
    migrated: TestDatabase, people: People, mended: FirstSystem, conversation_v1: UUID
) -> None:
    """Who blocks first is not written to afterwards."""
    owner = migrated.connect()
    ben = migrated.as_role("authenticated", people.ben)
    with owner.transaction():
        owner.execute("update public.conversations set status = 'blocked'")
        thread, results = in_background(lambda: invoke(ben, SEND, conversation_v1, "hello"))
        until_waiting(migrated, ben)
    thread.join()
    assert [refused(answer)[2] for answer in results] == ["conversation_not_active"]
    assert mended.counts() == (1, 2, 1)


@pytest.mark.slow
def test_64_sessions_write_while_the_conversation_is_blocked(
    migrated: TestDatabase, people: People, mended: FirstSystem, conversation_v1: UUID
) -> None:
    """Each message is in before the block or refused; none is lost; a trigger makes no deadlock."""
    # As applications keep the time of the last message in V1.
    migrated.execute(
        """
        create function public.note_time() returns trigger language plpgsql security definer as
            'begin update public.conversations set last_message_at = new.created_at
            where id = new.conversation_id; return null; end';
        create trigger note_time after insert on public.messages
            for each row execute function public.note_time()
        """
    )
    owner = migrated.connect()
    actions: list[Callable[[], Any]] = [
        partial(
            invoke,
            migrated.as_role("authenticated", user),
            SEND,
            conversation_v1,
            f"hello {number}",
        )
        for number in range((SESSIONS - 1) // 2)
        for user in (people.ben, people.rosa)
    ]

    def block() -> dict[str, Any]:
        owner.execute("update public.conversations set status = 'blocked'")
        return {"details": {"reason": "blocked"}}

    actions.insert(SESSIONS // 2, block)
    answers = at_once(actions)
    reasons = [answer.get("details", {"reason": "success"})["reason"] for answer in answers]
    assert set(reasons) <= {"success", "conversation_not_active", "blocked"}
    assert mended.counts()[2] == 1 + reasons.count("success")
