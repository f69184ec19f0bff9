"""The comparison of V1 with V2 names what was skipped, and finds what is missing or different."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.plugins.backfill import (
    CONVERSATIONS,
    V1,
    backfill,
    copied,
    findings,
)
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

SKIPPED = {
    "no_help_request": "update public.conversations set help_request_id = null",
    "not_two_people": """
        insert into public.conversation_participants (conversation_id, user_id)
        select id, '270c1b08-4f3f-146e-b578-7075158d9c53' from public.conversations
    """,
    "owner_not_participant": """
        update public.conversation_participants
        set user_id = '270c1b08-4f3f-146e-b578-7075158d9c53'
        where user_id = '3e334e85-9879-af25-6d38-27d651b7804a'
    """,
    "account_missing": """
        alter table public.conversation_participants
            drop constraint conversation_participants_user_id_fkey;
        update public.conversation_participants
        set user_id = '00000000-0000-4000-8000-00000000dead'
        where user_id = 'e4774cdd-a079-3f86-414e-8b9140bb6db4'
    """,
    "status_unknown": """
        alter table public.conversations drop constraint conversations_status_known;
        update public.conversations set status = 'muted'
    """,
    "pair_has_conversation": """
        insert into public.conversations_v2
            (help_request_id, requester_id, helper_id, initial_message)
        select help_request_id, '3e334e85-9879-af25-6d38-27d651b7804a', created_by, 'I can help you'
        from public.conversations
    """,
    "id_taken": """
        insert into public.conversations_v2
            (id, help_request_id, requester_id, helper_id, initial_message)
        select id, help_request_id, '3e334e85-9879-af25-6d38-27d651b7804a', created_by, 'I can help'
        from public.conversations
    """,
}


@pytest.mark.parametrize("reason", SKIPPED)
def test_conversation_that_does_not_fit_is_skipped(
    migrated: TestDatabase, people: People, v1: V1, reason: str
) -> None:
    """It stays in V1 with its messages, and the comparison says why."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you")
    migrated.execute(SKIPPED[reason])
    before = migrated.execute(CONVERSATIONS)
    assert backfill(migrated)["messages"] == 0
    assert migrated.execute(CONVERSATIONS) == before
    assert findings(migrated) == {
        ("conversation", "skipped", reason): 1,
        ("message", "skipped", reason): 1,
    }


def test_messages_that_do_not_fit_are_skipped(
    migrated: TestDatabase, people: People, v1: V1
) -> None:
    """Taken back, of a stranger, blank, too long: each is skipped with its reason."""
    migrated.execute("alter table public.messages drop constraint messages_content_length")
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I said something wrong", is_deleted=True)
    v1.message(key, people.ben, "x" * 1001, after=1)
    v1.message(key, people.mei, "Hello, I am not here", after=2)
    v1.message(key, people.ben, " \u3000\n", after=3)
    v1.message(key, people.ben, "I can help you", after=4)
    backfill(migrated)
    assert migrated.execute("select initial_message from public.conversations_v2") == [
        ("I can help you",)
    ]
    assert findings(migrated) == copied(1, 1) + Counter(
        {
            ("message", "skipped", reason): 1
            for reason in ("deleted", "text_too_long", "sender_not_participant", "text_empty")
        }
    )


BROKEN = {
    ("message", "missing", None): "delete from public.messages_v2",
    ("message", "different", "content"): "update public.messages_v2 set content = 'no'",
    ("message", "different", "created_at"): (
        "update public.messages_v2 set created_at = created_at - interval '1 microsecond'"
    ),
    ("message", "different", "last_message_at"): (
        "update public.conversations_v2 set last_message_at = created_at"
    ),
    ("conversation", "different", "initial_message"): (
        "update public.conversations_v2 set initial_message = 'I cannot help'"
    ),
    ("conversation", "missing", None): "delete from public.conversations_v2",
    ("conversation", "different", "requester_id"): (
        "update public.conversations_v2 set requester_id = '270c1b08-4f3f-146e-b578-7075158d9c53'"
    ),
}


@pytest.mark.parametrize("finding", BROKEN, ids=str)
def test_comparison_sees_every_difference(
    migrated: TestDatabase, people: People, v1: V1, finding: tuple[str, str, str | None]
) -> None:
    """One row that is gone or changed is found."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you", after=1)
    v1.message(key, people.ben, "gladly", after=2)
    backfill(migrated)
    assert findings(migrated) == copied(1, 2)
    migrated.execute(BROKEN[finding])
    assert findings(migrated)[finding] == 1
