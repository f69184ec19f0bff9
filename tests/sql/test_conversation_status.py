"""set_conversation_status_v2: close, archive, block; who blocked, unblocks."""

from __future__ import annotations

from collections import Counter
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
)
from tests.plugins.sessions import at_once, until_waiting

FUNCTION = "set_conversation_status_v2"
UNBLOCK = "Only the one who blocked this conversation can unblock it"


def state(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Return status and blocked_by of the one conversation."""
    return database.execute("select status, blocked_by from public.conversations_v2")


def person(people: People, name: str) -> UUID:
    """Return one of the two people of the conversation."""
    return {"rosa": people.rosa, "ben": people.ben}[name]


@pytest.mark.parametrize("name", ["rosa", "ben"])
@pytest.mark.parametrize("status", ["closed", "archived", "blocked", "active"])
def test_both_people_set_every_status(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, name: str, status: str
) -> None:
    """The answer has the status, and so has the row."""
    user = person(people, name)
    answer = call(user, FUNCTION, conversation, user, status)
    assert answer.pop("request_id").startswith("v2_")
    assert answer == {
        "success": True,
        "message": "Conversation status updated successfully",
        "conversation_id": str(conversation),
        "status": status,
    }
    assert state(migrated) == [(status, user if status == "blocked" else None)]


@pytest.mark.parametrize(("blocker", "other"), [("rosa", "ben"), ("ben", "rosa")])
@pytest.mark.parametrize("status", ["active", "closed", "archived"])
def test_only_the_blocker_unblocks(
    migrated: TestDatabase,
    call: Call,
    people: People,
    conversation: UUID,
    blocker: str,
    other: str,
    status: str,
) -> None:
    """Any other status is refused to the other one, and let to the one who blocked."""
    one, two = person(people, blocker), person(people, other)
    call(one, FUNCTION, conversation, one, "blocked")
    answer = call(two, FUNCTION, conversation, two, status)
    assert bare(answer) == refused("permission_denied", "not_the_blocker", 403, UNBLOCK)
    assert state(migrated) == [("blocked", one)]
    assert call(one, FUNCTION, conversation, one, status)["success"] is True
    assert state(migrated) == [(status, None)]


def test_direct_update_does_not_unblock_either(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """The UPDATE of the column that signed-in users have is under the same rule."""
    ben = migrated.as_role("authenticated", people.ben)
    rosa = migrated.as_role("authenticated", people.rosa)
    ben.execute("update public.conversations_v2 set status = 'blocked'")
    assert state(migrated) == [("blocked", people.ben)]
    for status in ("active", "closed", "archived"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=UNBLOCK):
            rosa.execute("update public.conversations_v2 set status = %s", [status])
    assert state(migrated) == [("blocked", people.ben)]
    ben.execute("update public.conversations_v2 set status = 'active'")
    assert state(migrated) == [("active", None)]


def test_nobody_signs_for_another_one_in_a_direct_update(
    migrated: TestDatabase, people: People, conversation: UUID
) -> None:
    """blocked_by is not for users to write."""
    ben = migrated.as_role("authenticated", people.ben)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ben.execute(
            "update public.conversations_v2 set status = 'blocked', blocked_by = %s", [people.rosa]
        )


def test_blocking_what_is_blocked_changes_nothing(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """The second one to block does not take the key from the first."""
    call(people.ben, FUNCTION, conversation, people.ben, "blocked")
    before = migrated.execute("select updated_at from public.conversations_v2")
    assert call(people.rosa, FUNCTION, conversation, people.rosa, "blocked")["success"] is True
    assert state(migrated) == [("blocked", people.ben)]
    assert migrated.execute("select updated_at from public.conversations_v2") == before


def test_operator_may_do_anything(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Without a signed-in user, as an operator has it, the conversation is unblocked."""
    call(people.ben, FUNCTION, conversation, people.ben, "blocked")
    service = migrated.as_role("service_role")
    service.execute("update public.conversations_v2 set status = 'active'")
    assert state(migrated) == [("active", None)]


def test_who_blocked_before_anybody_noted_it_is_an_operators_to_tell(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Blocked by nobody known: neither of the two unblocks it."""
    migrated.execute("update public.conversations_v2 set status = 'blocked'")
    assert state(migrated) == [("blocked", None)]
    for user in (people.ben, people.rosa):
        answer = call(user, FUNCTION, conversation, user, "active")
        assert answer["details"] == {"reason": "not_the_blocker"}


@pytest.mark.parametrize("status", [None, "", "pending", "ACTIVE", " active", "x" * 100_000])
def test_unknown_status_is_refused(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, status: str | None
) -> None:
    """The answer names those that there are; a stranger is told the same."""
    expected = refused(
        "validation_error",
        "invalid_status",
        400,
        "Status must be active, closed, archived or blocked",
    )
    for user in (people.ben, people.mei):
        assert bare(call(user, FUNCTION, conversation, user, status)) == expected
    assert state(migrated) == [("active", None)]


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("null", [False, True])
def test_stranger_is_turned_away(
    migrated: TestDatabase, people: People, conversation: UUID, stranger: str, null: bool
) -> None:
    """Whatever the claims are, nobody but Ben acts as Ben, nor as nobody."""
    user = None if null else people.ben
    answer = call_as_stranger(
        migrated, STRANGERS[stranger], FUNCTION, conversation, user, "blocked"
    )
    assert answer == refused(
        "permission_denied", "not_the_caller", 403, "Cannot access conversation for another user"
    )
    assert state(migrated) == [("active", None)]


def test_outsider_cannot_tell_whether_a_conversation_exists(
    call: Call, people: People, conversation: UUID
) -> None:
    """A conversation of others, none at all and null are one answer."""
    answers = {
        bare(call(people.mei, FUNCTION, key, people.mei, "closed"))
        for key in (conversation, people.nobody, None)
    }
    assert answers == {
        refused(
            "not_found",
            "conversation_not_found",
            404,
            "Conversation not found or you do not have access",
        )
    }


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_other_roles_may_not_call(
    migrated: TestDatabase, people: People, conversation: UUID, role: str
) -> None:
    """Even with the claims of the user, only role authenticated may call."""
    connection = migrated.as_role(role, people.ben)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        invoke(connection, FUNCTION, conversation, people.ben, "closed")


@pytest.mark.parametrize(
    "change",
    ["status = 'active', blocked_by = helper_id", "status = 'blocked', blocked_by = id"],
)
def test_blocked_by_is_one_of_the_two_and_only_while_blocked(
    migrated: TestDatabase, conversation: UUID, change: str
) -> None:
    """The constraint is violated once for each of its sentences."""
    migrated.execute(
        "alter table public.conversations_v2 disable trigger conversations_v2_guard_block"
    )
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        migrated.execute(f"update public.conversations_v2 set {change}")
    assert caught.value.diag.constraint_name == "conversations_v2_blocked_by_known"


def test_every_call_leaves_one_event(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """A success, refusals, and a call in the name of another one."""
    call(people.ben, FUNCTION, conversation, people.ben, "blocked")
    call(people.rosa, FUNCTION, conversation, people.rosa, "active")
    call(people.mei, FUNCTION, conversation, people.ben, "active")
    assert events(migrated, "setConversationStatus") == [
        ("success", None, people.ben, conversation),
        ("function_error", "permission_denied", people.rosa, conversation),
        ("function_error", "permission_denied", people.mei, conversation),
    ]


def test_unexpected_error_shows_no_internals(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Whatever breaks inside is a server_error; the log knows what it was."""
    migrated.execute(
        "alter table public.conversations_v2 add constraint never check (status <> 'closed')"
    )
    answer = call(people.ben, FUNCTION, conversation, people.ben, "closed")
    assert bare(answer) == refused(
        "server_error", "unexpected", 500, "Failed to update conversation status"
    )
    assert migrated.execute(
        "select sqlstate from messaging.rpc_events where method = 'setConversationStatus'"
    ) == [("23514",)]


def test_no_message_gets_in_after_a_block(
    migrated: TestDatabase, people: People, conversation: UUID
) -> None:
    """Sixty-four sessions that write while one blocks wait for it, and are refused."""
    ben = migrated.as_role("authenticated", people.ben)
    writers = [
        (user, migrated.as_role("authenticated", user))
        for user in (people.rosa, people.ben)
        for _ in range(32)
    ]
    # Two people take turns with themselves, so one of each gets as far as the row.
    ben.execute("begin")
    assert invoke(ben, FUNCTION, conversation, people.ben, "blocked")["success"] is True

    def commit() -> None:
        until_waiting(migrated, *(session for _, session in writers))
        ben.execute("commit")

    actions = [
        partial(invoke, session, "send_message_v2", conversation, user, "hello")
        for user, session in writers
    ]
    answers = at_once([*actions, commit])[:-1]
    assert Counter(answer["details"]["reason"] for answer in answers) == {
        "conversation_not_active": 64
    }
    assert migrated.execute("select count(*) from public.messages_v2") == [(0,)]


def test_blocking_amid_messages_divides_them(
    migrated: TestDatabase, people: People, conversation: UUID
) -> None:
    """Each message is in before the block, or is refused; none is later than it."""
    writers = [
        (user, migrated.as_role("authenticated", user))
        for user in (people.rosa, people.ben)
        for _ in range(32)
    ]
    actions = [
        partial(invoke, session, "send_message_v2", conversation, user, "hello")
        for user, session in writers
    ]
    blocker = migrated.as_role("authenticated", people.rosa)
    actions.insert(32, partial(invoke, blocker, FUNCTION, conversation, people.rosa, "blocked"))
    answers = at_once(actions)
    assert answers.pop(32)["status"] == "blocked"
    outcomes = Counter(answer.get("details", {}).get("reason", "sent") for answer in answers)
    assert set(outcomes) <= {"sent", "conversation_not_active"}
    assert migrated.execute(
        "select count(*), count(*) filter (where m.created_at > c.updated_at)"
        " from public.messages_v2 as m, public.conversations_v2 as c"
    ) == [(outcomes["sent"], 0)]


def test_two_who_block_at_once_are_one_blocker(
    migrated: TestDatabase, people: People, conversation: UUID
) -> None:
    """Both succeed; the one who came first has the key."""
    sessions = [
        (user, migrated.as_role("authenticated", user))
        for user in (people.rosa, people.ben)
        for _ in range(16)
    ]
    answers = at_once(
        [
            partial(invoke, session, FUNCTION, conversation, user, "blocked")
            for user, session in sessions
        ]
    )
    assert all(answer["success"] for answer in answers)
    ((status, blocker),) = state(migrated)
    other = people.ben if blocker == people.rosa else people.rosa
    assert status == "blocked"
    answer = invoke(
        migrated.as_role("authenticated", other), FUNCTION, conversation, other, "active"
    )
    assert answer["error"] == "permission_denied"


def test_revert_refuses_to_forget_who_blocked(
    deployed_plan: Plan, migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """The message names the table and the rows; nothing is lost unless it is allowed."""
    call(people.ben, FUNCTION, conversation, people.ben, "blocked")
    before = deployed_plan.through("conversation_status") - 1
    with pytest.raises(psycopg.errors.ObjectInUse, match=r"conversations_v2 \(1 rows\)"):
        deployed_plan.revert(before)
    assert state(migrated) == [("blocked", people.ben)]
    deployed_plan.revert(before, carecli__allow_data_loss="on")
    assert migrated.execute("select status from public.conversations_v2") == [("blocked",)]
    deployed_plan.verify()


@pytest.mark.parametrize(
    "breakage",
    [
        "alter table public.conversations_v2 drop column blocked_by cascade",
        "alter table public.conversations_v2 drop constraint conversations_v2_blocked_by_known",
        "alter table public.conversations_v2 disable trigger conversations_v2_guard_block",
        "alter function messaging.guard_block() security invoker",
        """
        create or replace function messaging.guard_block() returns trigger language plpgsql
        security definer set search_path = '' as 'begin return new; end;'
        """,
        """
        grant execute on function public.set_conversation_status_v2(uuid, uuid, text) to anon
        """,
        """
        create or replace function public.set_conversation_status_v2(
            p_conversation_id uuid, p_user_id uuid, p_status text
        ) returns jsonb language sql volatile security definer set search_path = ''
        return messaging.set_conversation_status(p_conversation_id, p_user_id, p_status, 'id')
        """,
    ],
)
def test_verify_goes_red(migrated: TestDatabase, deployed_plan: Plan, breakage: str) -> None:
    """Each thing that the script proves is broken once."""
    assert_verify_goes_red(
        migrated, lambda: deployed_plan.run("verify", "conversation_status"), breakage
    )
