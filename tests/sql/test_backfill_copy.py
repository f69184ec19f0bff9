"""What becomes of a V1 conversation, its messages and its read state in V2."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.plugins.backfill import (
    BEGAN,
    CONVERSATIONS,
    MESSAGES,
    PLACEHOLDER,
    V1,
    backfill,
    copied,
    findings,
)
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People


def test_conversation_is_copied_whole(migrated: TestDatabase, people: People, v1: V1) -> None:
    """Ids, people, texts (trimmed) and times are those of V1; the first message is the initial."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "  I can help you \u2003", after=1)
    reply = v1.message(key, people.rosa, "\tyes\n", after=2)
    assert backfill(migrated) == {
        "conversations": 1, "messages": 2, "examined": 2, "passed_over": 0,
    }  # fmt: skip
    assert migrated.execute(CONVERSATIONS) == [
        (key, people.open_request, people.rosa, people.ben, "I can help you", "active",
         "v1_backfill", BEGAN, BEGAN + timedelta(seconds=2)),
    ]  # fmt: skip
    at = BEGAN + timedelta(seconds=2)
    assert migrated.execute(MESSAGES) == [(reply, key, people.rosa, "yes", at)]
    assert findings(migrated) == copied(1, 2)


@pytest.mark.parametrize(
    ("sender", "text"),
    [
        ("rosa", "I have a question first"),
        ("ben", " too short"),
    ],
)
def test_unfit_first_message_becomes_a_follow_up(
    migrated: TestDatabase, people: People, v1: V1, sender: str, text: str
) -> None:
    """Where the owner wrote first, or too little, the placeholder stands and nothing is lost."""
    key = v1.conversation(request=people.open_request)
    first = v1.message(key, getattr(people, sender), text, after=1)
    backfill(migrated)
    assert migrated.execute("select initial_message from public.conversations_v2") == [
        (PLACEHOLDER,)
    ]
    assert [row[0] for row in migrated.execute(MESSAGES)] == [first]
    assert findings(migrated) == copied(1, 1)


def test_conversation_without_a_message(migrated: TestDatabase, people: People, v1: V1) -> None:
    """It gets the placeholder, and nothing in it is unread."""
    key = v1.conversation(request=people.open_request)
    backfill(migrated)
    assert migrated.execute("select id, initial_message from public.conversations_v2") == [
        (key, PLACEHOLDER)
    ]
    assert migrated.execute("select distinct last_read_at from conversation_reads_v2") == [(BEGAN,)]


@pytest.mark.parametrize("status", ["active", "closed", "blocked"])
def test_status_is_kept(migrated: TestDatabase, people: People, v1: V1, status: str) -> None:
    """A conversation that was closed or blocked in V1 is so in V2."""
    v1.conversation(request=people.open_request, status=status)
    backfill(migrated)
    assert migrated.execute("select status from public.conversations_v2") == [(status,)]


def test_second_conversation_of_a_pair_is_skipped(
    migrated: TestDatabase, people: People, v1: V1
) -> None:
    """V2 has one conversation a request and helper; the other one is named."""
    keys = sorted(v1.conversation(request=people.open_request) for _ in range(2))
    backfill(migrated)
    assert [row[0] for row in migrated.execute(CONVERSATIONS)] == keys[:1]
    assert findings(migrated) == {
        ("conversation", "copied", None): 1,
        ("conversation", "skipped", "pair_has_conversation"): 1,
    }


def test_later_runs_take_what_came_since(migrated: TestDatabase, people: People, v1: V1) -> None:
    """A second run copies nothing twice and everything new, without touching what V2 has."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you", after=1)
    assert backfill(migrated)["messages"] == 1
    before = migrated.execute("select *, xmin::text from public.conversations_v2")
    assert backfill(migrated)["messages"] == 0
    assert migrated.execute("select *, xmin::text from public.conversations_v2") == before
    late = v1.message(key, people.rosa, "ok", after=5)
    assert findings(migrated)["message", "missing", None] == 1
    assert backfill(migrated)["messages"] == 1
    assert [row[0] for row in migrated.execute(MESSAGES)] == [late]
    assert migrated.execute("select last_message_at from public.conversations_v2") == [
        (BEGAN + timedelta(seconds=5),)
    ]


def test_lost_notes_are_made_again(migrated: TestDatabase, people: People, v1: V1) -> None:
    """Without its notes a run does not write the first message a second time."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you", after=1)
    backfill(migrated)
    migrated.execute("delete from messaging.v1_backfill_conversations")
    assert backfill(migrated)["messages"] == 0
    assert migrated.execute(MESSAGES) == []
    assert findings(migrated) == copied(1, 1)


def test_read_state_is_carried_over(migrated: TestDatabase, people: People, v1: V1) -> None:
    """Everything up to the first unread message of the other one is read, and nothing after."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you", after=0, is_read=True)
    v1.message(key, people.rosa, "thanks", after=1, is_read=True)
    v1.message(key, people.ben, "tomorrow?", after=2)
    v1.message(key, people.ben, "or today?", after=3, is_read=True)
    backfill(migrated)
    reads = dict(migrated.execute("select user_id, last_read_at from conversation_reads_v2"))
    assert reads == {
        people.rosa: BEGAN + timedelta(seconds=2) - timedelta(microseconds=1),
        people.ben: BEGAN + timedelta(seconds=1),
    }


def test_read_state_never_goes_back(migrated: TestDatabase, people: People, v1: V1) -> None:
    """Who has read on in V2 has read on."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you")
    backfill(migrated)
    read = (
        "insert into public.conversation_reads_v2 (conversation_id, user_id, last_read_at)"
        " values (%s, %s, now()) returning last_read_at"
    )
    at = migrated.execute(read, key, people.rosa)
    v1.message(key, people.ben, "Are you there?", after=9)
    backfill(migrated)
    assert (
        migrated.execute(
            "select last_read_at from conversation_reads_v2 where user_id = %s", people.rosa
        )
        == at
    )


def test_status_follows_v1_until_somebody_decides_in_v2(
    migrated: TestDatabase, people: People, v1: V1
) -> None:
    """A block that comes in V1 later blocks in V2; lifting it in V1 does not lift it there."""
    v1.conversation(request=people.open_request)
    backfill(migrated)
    for status in ("blocked", "active"):
        migrated.execute("update public.conversations set status = %s", status)
        backfill(migrated)
        assert migrated.execute("select status from public.conversations_v2") == [("blocked",)]


def test_v1_is_not_changed(migrated: TestDatabase, people: People, v1: V1) -> None:
    """Not one row of V1 is written, nor locked in a way that leaves a trace."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you")
    tables = ("conversations", "conversation_participants", "messages")

    def rows() -> list[Any]:
        return [
            migrated.execute(f"select t.*, xmin::text, xmax::text from public.{table} as t")
            for table in tables
        ]

    before = rows()
    backfill(migrated)
    assert rows() == before
