"""What tests of both systems share: V1's policies mended, V1 conversations, the rollout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

__all__ = ["FirstSystem", "Rollout"]

Rollout = Callable[..., None]

# The policies say what they meant to say, and do not read their own tables to find out.
MENDED = """
create function public.takes_part(p_conversation_id uuid)
returns boolean
language sql
stable
security definer
set search_path = ''
return exists (
    select
    from public.conversation_participants as participant
    where participant.conversation_id = p_conversation_id
        and participant.user_id = auth.uid()
        and participant.left_at is null
);

create function public.has_begun(p_conversation_id uuid)
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

alter policy conversations_select_participant on public.conversations
    using (public.takes_part(id));
alter policy conversation_participants_select_fellow on public.conversation_participants
    using (public.takes_part(conversation_id));
alter policy conversation_participants_insert_own on public.conversation_participants
    with check (user_id = auth.uid() or public.has_begun(conversation_id));
alter policy messages_select_participant on public.messages
    using (public.takes_part(conversation_id));
alter policy messages_insert_participant on public.messages
    with check (sender_id = auth.uid() and public.takes_part(conversation_id));
"""


@dataclass(frozen=True, slots=True)
class FirstSystem:
    """V1 in a database: makes conversations as its owner could, and counts what is there.

    Arguments:
        database: where.
    """

    database: TestDatabase

    def mend(self) -> None:
        """Let V1 do what it was meant to do."""
        self.database.execute(MENDED)

    def begin(
        self, help_request: UUID | None, helper: UUID, requester: UUID, *messages: str
    ) -> UUID:
        """Make a conversation of two people with what the helper wrote; return its id."""
        conversation = uuid4()
        self.database.execute(
            "insert into public.conversations (id, help_request_id, created_by)"
            " values (%s, %s, %s)",
            conversation,
            help_request,
            helper,
        )
        for person in (helper, requester):
            self.join(conversation, person)
        for text in messages:
            self.database.execute(
                "insert into public.messages (conversation_id, sender_id, recipient_id, content)"
                " values (%s, %s, %s, %s)",
                conversation,
                helper,
                requester,
                text,
            )
        return conversation

    def join(self, conversation: UUID, person: UUID, role: str = "member") -> None:
        """Let one more person take part."""
        self.database.execute(
            "insert into public.conversation_participants (conversation_id, user_id, role)"
            " values (%s, %s, %s)",
            conversation,
            person,
            role,
        )

    def counts(self) -> tuple[int, int, int]:
        """Return the numbers of conversations, participants and messages."""
        ((*counts,),) = self.database.execute(
            """
            select
                (select count(*) from public.conversations),
                (select count(*) from public.conversation_participants),
                (select count(*) from public.messages)
            """
        )
        conversations, participants, messages = counts
        return conversations, participants, messages


@pytest.fixture
def first_system(migrated: TestDatabase) -> FirstSystem:
    """Give V1 as the application has it, with the policies that recurse."""
    return FirstSystem(migrated)


@pytest.fixture
def mended(first_system: FirstSystem) -> FirstSystem:
    """Give V1 with sound policies."""
    first_system.mend()
    return first_system


@pytest.fixture
def roll_out(migrated: TestDatabase) -> Rollout:
    """Give a function that sets the flag: `roll_out("percentage", 31)`."""

    def set_flag(strategy: str, percentage: int | None = None) -> None:
        migrated.execute(
            "select messaging.set_rollout(%s, %s::integer, 'a test')", strategy, percentage
        )

    return set_flag


@pytest.fixture
def helpers(migrated: TestDatabase, people: People) -> Callable[[int], list[UUID]]:
    """Give a function that makes so many approved people."""

    def make(count: int) -> list[UUID]:
        made = [uuid4() for _ in range(count)]
        migrated.execute("insert into auth.users (id) select unnest(%s::uuid[])", made)
        migrated.execute(
            "insert into public.profiles (id, name, verification_status, email_confirmed)"
            " select helper, 'Helper', 'approved', true from unnest(%s::uuid[]) as helper",
            made,
        )
        return made

    return make
