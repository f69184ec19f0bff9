"""mark_conversation_read_v2: what has been read stays read, what comes meanwhile does not."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, Plan, invoke
from tests.plugins.reading import (
    STRANGERS,
    assert_verify_goes_red,
    bare,
    call_as_stranger,
    events,
    refused,
    write,
)
from tests.plugins.sessions import at_once, until_waiting

FUNCTION = "mark_conversation_read_v2"

NOT_FOUND = refused(
    "not_found",
    "conversation_not_found",
    404,
    "Conversation not found or you do not have access",
)


def commit_once_waiting(
    database: TestDatabase, waiting: psycopg.Connection, holder: psycopg.Connection
) -> None:
    """Commit the transaction of the holder when the other session waits for it."""
    until_waiting(database, waiting)
    holder.execute("commit")


def unread(call: Call, user: UUID) -> int:
    """Return the unread messages of the one conversation of the user."""
    (listed,) = call(user, "list_conversations_v2", user)["conversations"]
    count: int = listed["unread_count"]
    return count


def reads(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Return who has read how far."""
    return database.execute("select user_id, last_read_at from public.conversation_reads_v2")


def test_nothing_is_unread_afterwards(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """For the one who read; the other one's state is his own."""
    for sender in (people.ben, people.rosa):
        call(sender, "send_message_v2", conversation, sender, "hello")
    assert (unread(call, people.rosa), unread(call, people.ben)) == (2, 1)
    answer = call(people.rosa, FUNCTION, conversation, people.rosa)
    assert answer.pop("request_id").startswith("v2_")
    assert answer == {
        "success": True,
        "message": "Conversation marked as read",
        "conversation_id": str(conversation),
        "unread_count": 0,
    }
    assert (unread(call, people.rosa), unread(call, people.ben)) == (0, 1)


def test_time_is_that_of_the_last_message(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Not that of the clock, which may be ahead of a message that is being written."""
    call(people.ben, "send_message_v2", conversation, people.ben, "hello")
    call(people.rosa, FUNCTION, conversation, people.rosa)
    assert migrated.execute(
        "select r.last_read_at = m.created_at"
        " from public.conversation_reads_v2 as r, public.messages_v2 as m"
    ) == [(True,)]


def test_first_message_alone_is_read_too(call: Call, people: People, conversation: UUID) -> None:
    """A conversation without follow-ups has one unread message, and then none."""
    assert unread(call, people.rosa) == 1
    call(people.rosa, FUNCTION, conversation, people.rosa)
    assert unread(call, people.rosa) == 0


def test_message_committed_meanwhile_stays_unread(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """A message that is written before the mark and committed after it was not seen."""
    ben = migrated.as_role("authenticated", people.ben)
    with ben.transaction():
        invoke(ben, "send_message_v2", conversation, people.ben, "on its way")
        assert call(people.rosa, FUNCTION, conversation, people.rosa)["success"] is True
    assert unread(call, people.rosa) == 1
    call(people.rosa, FUNCTION, conversation, people.rosa)
    assert unread(call, people.rosa) == 0


def test_reading_never_goes_backwards(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Who has read further, by whatever way, has not read less afterwards."""
    migrated.execute(
        "insert into public.conversation_reads_v2 values (%s, %s, '2100-01-01 00:00Z')",
        conversation,
        people.rosa,
    )
    before = reads(migrated)
    call(people.rosa, FUNCTION, conversation, people.rosa)
    assert reads(migrated) == before


def test_older_mark_does_not_overtake_a_newer_one(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """A mark that waits for another one, and saw less, leaves that one's time."""
    call(people.rosa, FUNCTION, conversation, people.rosa)
    newer = migrated.connect()
    older = migrated.as_role("authenticated", people.rosa)
    newer.execute("begin")
    newer.execute("update public.conversation_reads_v2 set last_read_at = '2100-01-01 00:00Z'")
    write(migrated, conversation, people.ben, 1, start="2099-01-01 00:00Z")
    at_once(
        [
            partial(invoke, older, FUNCTION, conversation, people.rosa),
            partial(commit_once_waiting, migrated, older, newer),
        ]
    )
    assert migrated.execute(
        "select last_read_at = '2100-01-01 00:00Z' from public.conversation_reads_v2"
    ) == [(True,)]


def test_second_mark_writes_nothing(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Where nothing is new the row stays the very same."""
    call(people.rosa, FUNCTION, conversation, people.rosa)
    before = migrated.execute("select ctid::text from public.conversation_reads_v2")
    assert call(people.rosa, FUNCTION, conversation, people.rosa)["success"] is True
    assert migrated.execute("select ctid::text from public.conversation_reads_v2") == before


@pytest.mark.parametrize("status", ["closed", "archived", "blocked"])
def test_conversation_that_is_over_is_still_read(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, status: str
) -> None:
    """A conversation into which nobody may write is marked as well."""
    migrated.execute("update public.conversations_v2 set status = %s", status)
    call(people.rosa, FUNCTION, conversation, people.rosa)
    assert unread(call, people.rosa) == 0


def test_64_sessions_mark_and_write_at_once(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """No deadlock and no error; what is unread afterwards is what came after the mark."""
    readers = [migrated.as_role("authenticated", people.rosa) for _ in range(32)]
    writers = [migrated.as_role("authenticated", people.ben) for _ in range(32)]
    answers = at_once(
        [partial(invoke, one, FUNCTION, conversation, people.rosa) for one in readers]
        + [
            partial(invoke, one, "send_message_v2", conversation, people.ben, "hello")
            for one in writers
        ]
    )
    assert [answer["success"] for answer in answers] == [True] * 64
    assert migrated.execute(
        "select count(*) from public.messages_v2 as m, public.conversation_reads_v2 as r"
        " where m.created_at > r.last_read_at"
    ) == [(unread(call, people.rosa),)]


def test_conversation_deleted_meanwhile_is_not_found(
    migrated: TestDatabase, people: People, conversation: UUID
) -> None:
    """A mark that waits for the deletion of its conversation is no error of ours."""
    rosa = migrated.as_role("authenticated", people.rosa)
    operator = migrated.connect()
    operator.execute("begin")
    operator.execute("delete from public.conversations_v2")
    answers = at_once(
        [
            partial(invoke, rosa, FUNCTION, conversation, people.rosa),
            partial(commit_once_waiting, migrated, rosa, operator),
        ]
    )
    assert bare(answers[0]) == NOT_FOUND


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("null", [False, True])
def test_stranger_is_turned_away(
    migrated: TestDatabase, people: People, conversation: UUID, stranger: str, null: bool
) -> None:
    """Whatever the claims are, nobody reads for Ben."""
    user = None if null else people.ben
    answer = call_as_stranger(migrated, STRANGERS[stranger], FUNCTION, conversation, user)
    assert answer == refused(
        "permission_denied", "not_the_caller", 403, "Cannot access conversation for another user"
    )
    assert reads(migrated) == []


def test_outsider_cannot_tell_whether_a_conversation_exists(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """A conversation of others, none at all and null are one answer, and leave nothing."""
    answers = {
        bare(call(people.mei, FUNCTION, key, people.mei))
        for key in (conversation, people.nobody, None)
    }
    assert answers == {NOT_FOUND}
    assert reads(migrated) == []


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_other_roles_may_not_call(
    migrated: TestDatabase, people: People, conversation: UUID, role: str
) -> None:
    """Even with the claims of the user, only role authenticated may call."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        invoke(migrated.as_role(role, people.ben), FUNCTION, conversation, people.ben)


def test_every_call_leaves_one_event(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """A success, a refusal, and a call in the name of another one."""
    call(people.ben, FUNCTION, conversation, people.ben)
    call(people.mei, FUNCTION, conversation, people.mei)
    call(people.mei, FUNCTION, conversation, people.ben)
    assert events(migrated, "markConversationRead") == [
        ("success", None, people.ben, conversation),
        ("function_error", "not_found", people.mei, conversation),
        ("function_error", "permission_denied", people.mei, conversation),
    ]


def test_unexpected_error_shows_no_internals(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Whatever breaks inside is a server_error; the log knows what it was."""
    migrated.execute("alter table public.conversation_reads_v2 add constraint never check (false)")
    answer = call(people.ben, FUNCTION, conversation, people.ben)
    assert bare(answer) == refused(
        "server_error", "unexpected", 500, "Failed to mark conversation as read"
    )
    assert migrated.execute(
        "select sqlstate from messaging.rpc_events where method = 'markConversationRead'"
    ) == [("23514",)]


def test_revert_keeps_what_has_been_read(
    deployed_plan: Plan, migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """The rows are of a table that was there before; the functions come back to them."""
    call(people.rosa, FUNCTION, conversation, people.rosa)
    before = reads(migrated)
    deployed_plan.revert(deployed_plan.through("conversation_reading") - 1)
    deployed_plan.verify()
    assert reads(migrated) == before
    deployed_plan.deploy()
    deployed_plan.verify()
    assert unread(call, people.rosa) == 0


@pytest.mark.parametrize(
    "breakage",
    [
        """
        revoke execute on function public.mark_conversation_read_v2(uuid, uuid) from authenticated
        """,
        """
        create or replace function public.mark_conversation_read_v2(
            p_conversation_id uuid, p_user_id uuid
        ) returns jsonb language sql volatile security definer set search_path = ''
        return messaging.mark_conversation_read(p_conversation_id, p_user_id, 'id')
        """,
        "alter table public.conversation_reads_v2 add constraint never check (false)",
    ],
)
def test_verify_goes_red(
    migrated: TestDatabase, deployed_plan: Plan, conversation: UUID, breakage: str
) -> None:
    """Each thing that the script proves of read state is broken once."""
    assert_verify_goes_red(
        migrated, lambda: deployed_plan.run("verify", "conversation_reading"), breakage
    )
