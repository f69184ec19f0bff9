"""Many sessions at once: one outcome, no deadlock, no server_error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People, invoke
from tests.plugins.sessions import at_once, in_background, until_waiting

SESSIONS = 64


def test_64_sessions_create_one_conversation(migrated: TestDatabase, people: People) -> None:
    """One of 64 equal calls succeeds, 63 answer conversation_exists with its id."""
    sessions = [migrated.as_role("authenticated", people.ben) for _ in range(SESSIONS)]
    answers = at_once(
        [
            partial(
                invoke,
                session,
                "create_conversation_atomic",
                people.open_request,
                people.ben,
                "I can help you",
            )
            for session in sessions
        ]
    )
    outcomes = Counter(answer.get("error", "success") for answer in answers)
    assert outcomes == {"success": 1, "conversation_exists": SESSIONS - 1}
    assert len({answer["conversation_id"] for answer in answers}) == 1
    assert migrated.execute("select count(*) from public.conversations_v2") == [(1,)]


def test_second_call_waits_for_the_first(migrated: TestDatabase, people: People) -> None:
    """A call that meets an uncommitted twin waits, and succeeds where the twin is rolled back."""
    first = migrated.as_role("authenticated", people.ben)
    second = migrated.as_role("authenticated", people.ben)
    arguments = (people.open_request, people.ben, "I can help you")
    with first.transaction(force_rollback=True):
        assert invoke(first, "create_conversation_atomic", *arguments)["success"] is True
        thread, results = in_background(
            lambda: invoke(second, "create_conversation_atomic", *arguments)
        )
        until_waiting(migrated, second)
    thread.join()
    assert [answer["success"] for answer in results] == [True]


def test_request_closed_first_takes_no_offer(migrated: TestDatabase, people: People) -> None:
    """An answer that meets an uncommitted closing waits for it and is then refused."""
    owner = migrated.as_role("authenticated", people.rosa)
    helper = migrated.as_role("authenticated", people.ben)
    with owner.transaction():
        owner.execute(
            "update public.help_requests set status = 'closed' where id = %s", [people.open_request]
        )
        thread, results = in_background(
            lambda: invoke(
                helper,
                "create_conversation_atomic",
                people.open_request,
                people.ben,
                "I can help you",
            )
        )
        until_waiting(migrated, helper)
    thread.join()
    assert [answer["error"] for answer in results] == ["help_request_unavailable"]
    assert migrated.execute("select count(*) from public.conversations_v2") == [(0,)]


def test_request_answered_first_is_closed_afterwards(
    migrated: TestDatabase, people: People
) -> None:
    """A closing that meets an uncommitted answer waits: the answer came before it."""
    owner = migrated.as_role("authenticated", people.rosa)
    helper = migrated.as_role("authenticated", people.ben)
    with helper.transaction():
        answer = invoke(
            helper, "create_conversation_atomic", people.open_request, people.ben, "I can help you"
        )
        assert answer["success"] is True
        thread, results = in_background(
            lambda: (
                owner.execute(
                    "update public.help_requests set status = 'closed' where id = %s",
                    [people.open_request],
                ).rowcount
            )
        )
        until_waiting(migrated, owner)
    thread.join()
    assert results == [1]


def test_answering_while_closing_is_never_half_done(migrated: TestDatabase, people: People) -> None:
    """Helpers answer while the owner closes: each is in before, or is told that it is closed."""
    helpers = [UUID(int=number) for number in range(1, 33)]
    migrated.execute("insert into auth.users (id) select unnest(%s::uuid[])", helpers)
    migrated.execute(
        "insert into public.profiles (id, name, verification_status)"
        " select unnest(%s::uuid[]), 'Helper', 'approved'",
        helpers,
    )
    sessions = [(helper, migrated.as_role("authenticated", helper)) for helper in helpers]

    def answer(helper: UUID, session: psycopg.Connection) -> str:
        arguments = (people.open_request, helper, "I can help you")
        outcome = invoke(session, "create_conversation_atomic", *arguments)
        return str(outcome.get("error", "success"))

    actions: list[Callable[[], Any]] = [partial(answer, *item) for item in sessions]
    owner = migrated.as_role("authenticated", people.rosa)
    actions.insert(
        16,
        lambda: (
            owner.execute(
                "update public.help_requests set status = 'closed' where id = %s",
                [people.open_request],
            ).rowcount
        ),
    )
    outcomes = Counter(at_once(actions))
    assert outcomes.pop(1) == 1
    assert set(outcomes) <= {"success", "help_request_unavailable"}
    assert migrated.execute("select count(*) from public.conversations_v2") == [
        (outcomes["success"],)
    ]


def test_two_people_write_at_once_without_a_deadlock(
    migrated: TestDatabase, people: People, conversation: UUID
) -> None:
    """Every message of both is stored, in the order of its time."""
    sessions = [
        (user, migrated.as_role("authenticated", user))
        for user in (people.rosa, people.ben)
        for _ in range(8)
    ]

    def write(user: UUID, session: psycopg.Connection) -> set[bool]:
        return {
            invoke(session, "send_message_v2", conversation, user, f"message {number}")["success"]
            for number in range(6)
        }

    results = at_once([partial(write, *item) for item in sessions])
    assert results == [{True}] * len(sessions)
    assert migrated.execute(
        "select count(*), count(distinct created_at) from public.messages_v2"
    ) == [(96, 96)]


def test_message_meets_the_closing_of_its_conversation(
    migrated: TestDatabase, people: People, conversation: UUID
) -> None:
    """A message that meets an uncommitted closing waits for it and is then refused."""
    rosa = migrated.as_role("authenticated", people.rosa)
    ben = migrated.as_role("authenticated", people.ben)
    with rosa.transaction():
        rosa.execute("update public.conversations_v2 set status = 'closed'")
        thread, results = in_background(
            lambda: invoke(ben, "send_message_v2", conversation, people.ben, "hello")
        )
        until_waiting(migrated, ben)
    thread.join()
    assert [answer["details"]["reason"] for answer in results] == ["conversation_not_active"]
    assert migrated.execute("select count(*) from public.messages_v2") == [(0,)]


def test_stranger_blocks_nobody(migrated: TestDatabase, people: People, conversation: UUID) -> None:
    """The call of a third user locks no row of the conversation."""
    mei = migrated.as_role("authenticated", people.mei)
    ben = migrated.as_role("authenticated", people.ben)
    ben.execute("set lock_timeout = '5s'")
    with mei.transaction():
        invoke(mei, "send_message_v2", conversation, people.mei, "hello")
        answer = invoke(ben, "send_message_v2", conversation, people.ben, "hello")
    assert answer["success"] is True


def test_race_beyond_read_committed_is_the_callers_to_repeat(
    migrated: TestDatabase, people: People, conversation: UUID
) -> None:
    """Where only the whole transaction can be tried again, the error says so and is no answer."""
    rosa = migrated.as_role("authenticated", people.rosa)
    ben = migrated.as_role("authenticated", people.ben)
    ben.execute("begin isolation level repeatable read")
    ben.execute("select count(*) from public.messages_v2")
    invoke(rosa, "send_message_v2", conversation, people.rosa, "hello")
    with pytest.raises(psycopg.errors.SerializationFailure):
        invoke(ben, "send_message_v2", conversation, people.ben, "hello")
