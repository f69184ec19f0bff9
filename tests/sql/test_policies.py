"""The policies hold by themselves, should somebody ever grant more than the migrations do."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

CONVERSATION = (
    "insert into public.conversations_v2"
    " (help_request_id, requester_id, helper_id, initial_message)"
    " values (%s, %s, %s, 'I can help you')"
)
MESSAGE = (
    "insert into public.messages_v2 (conversation_id, sender_id, content) values (%s, %s, 'x')"
)
READ = "insert into public.conversation_reads_v2 (conversation_id, user_id) values (%s, %s)"


@pytest.fixture
def opened(migrated: TestDatabase) -> TestDatabase:
    """Give a database in which signed-in users have every privilege on the tables."""
    migrated.execute(
        "grant all on public.conversations_v2, public.messages_v2, public.conversation_reads_v2"
        " to authenticated"
    )
    return migrated


def denied(database: TestDatabase, user: UUID | None, statement: str, *values: UUID | None) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        database.as_role("authenticated", user).execute(statement.encode(), values)


def test_helper_begins_a_conversation_on_an_open_request(
    opened: TestDatabase, people: People
) -> None:
    """With himself as the helper and the owner as the requester."""
    for request in (people.open_request, people.in_progress_request):
        opened.as_role("authenticated", people.ben).execute(
            CONVERSATION, [request, people.rosa, people.ben]
        )


def test_conversation_cannot_be_forged(opened: TestDatabase, people: People) -> None:
    """Not in another helper's name, not with another requester, not on a closed request."""
    denied(opened, people.mei, CONVERSATION, people.open_request, people.rosa, people.ben)
    denied(opened, people.rosa, CONVERSATION, people.open_request, people.rosa, people.ben)
    denied(opened, people.ben, CONVERSATION, people.open_request, people.mei, people.ben)
    denied(opened, people.ben, CONVERSATION, people.closed_request, people.rosa, people.ben)
    denied(opened, None, CONVERSATION, people.open_request, people.rosa, people.ben)


def test_message_cannot_be_forged(opened: TestDatabase, people: People, conversation: UUID) -> None:
    """Not in the other one's name, not by a third user, not where the conversation is closed."""
    denied(opened, people.ben, MESSAGE, conversation, people.rosa)
    denied(opened, people.mei, MESSAGE, conversation, people.mei)
    denied(opened, None, MESSAGE, conversation, people.ben)
    opened.as_role("authenticated", people.ben).execute(MESSAGE, [conversation, people.ben])
    opened.execute("update public.conversations_v2 set status = 'closed'")
    denied(opened, people.ben, MESSAGE, conversation, people.ben)


def test_messages_are_rewritten_by_nobody(
    opened: TestDatabase, people: People, conversation: UUID
) -> None:
    """There is no policy for update or delete: the rows are out of reach."""
    ben = opened.as_role("authenticated", people.ben)
    ben.execute(MESSAGE, [conversation, people.ben])
    for statement in (b"update public.messages_v2 set content = 'y'", b"delete from messages_v2"):
        assert ben.execute(statement).rowcount == 0
    assert ben.execute("delete from public.conversations_v2").rowcount == 0


def test_conversation_cannot_be_given_away(
    opened: TestDatabase, people: People, conversation: UUID
) -> None:
    """An update must leave the user in the conversation."""
    denied(
        opened,
        people.ben,
        "update public.conversations_v2 set helper_id = %s where id = %s",
        people.mei,
        conversation,
    )


def test_read_state_is_everybody_s_own(
    opened: TestDatabase, people: People, conversation: UUID
) -> None:
    """Nobody writes, sees or changes how far another one has read."""
    denied(opened, people.ben, READ, conversation, people.rosa)
    opened.as_role("authenticated", people.rosa).execute(READ, [conversation, people.rosa])
    ben = opened.as_role("authenticated", people.ben)
    assert ben.execute("select from public.conversation_reads_v2").fetchall() == []
    update = "update public.conversation_reads_v2 set last_read_at = now()"
    assert ben.execute(update).rowcount == 0
