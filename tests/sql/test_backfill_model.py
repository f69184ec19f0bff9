"""V1 data that hypothesis makes up, copied by the backfill and by an independent model of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plugins.backfill import BEGAN, PLACEHOLDER, backfill, findings
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

ROSA, BEN, MEI = range(3)
TEXTS = ["I can help you", " \u2003ten chars.\n", "too short", "  ok\t", " \u3000", "", "y" * 1000]


@dataclass(frozen=True, slots=True)
class Message:
    """A V1 message.

    Arguments:
        key: its id.
        sender: number of the person.
        text: as it was typed.
        second: after the beginning of its conversation.
        is_read: whether V1 has a time at which it was read.
        is_deleted: whether it was taken back.
    """

    key: UUID
    sender: int
    text: str
    second: int
    is_read: bool
    is_deleted: bool

    @property
    def at(self) -> datetime:
        """When it was sent."""
        return BEGAN + timedelta(seconds=self.second)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A V1 conversation.

    Arguments:
        key: its id, and that of its request.
        has_request: whether it is about a request, which is Rosa's.
        people: numbers of those who take part.
        messages: in any order.
    """

    key: UUID
    has_request: bool
    people: frozenset[int]
    messages: list[Message]


KEYS = st.uuids(version=4)
MESSAGE = st.builds(
    Message,
    KEYS,
    st.sampled_from([ROSA, BEN, BEN, MEI]),
    st.sampled_from(TEXTS),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from([False, False, False, True]),
)
CONVERSATION = st.builds(
    Conversation,
    KEYS,
    st.sampled_from([True, True, True, False]),
    st.sampled_from(
        [frozenset(people) for people in ((ROSA, BEN), (ROSA, MEI), (BEN, MEI), (BEN,))]
    )
    | st.just(frozenset((ROSA, BEN))),
    st.lists(MESSAGE, max_size=14, unique_by=lambda message: message.key),
)
CONVERSATIONS = st.lists(
    CONVERSATION, min_size=1, max_size=4, unique_by=lambda conversation: conversation.key
).filter(
    lambda found: (
        len({m.key for c in found for m in c.messages}) == sum(len(c.messages) for c in found)
    )
)


def write(database: TestDatabase, people: list[UUID], conversations: list[Conversation]) -> None:
    """Write V1 rows into a database that has none, and take everything out of V2."""
    for table in ("conversations_v2", "messages", "conversation_participants", "conversations"):
        database.execute(f"delete from public.{table}")
    for conversation in conversations:
        database.execute(
            "insert into public.help_requests (id, user_id, title, category)"
            " values (%s, %s, 'Help', 'other') on conflict do nothing",
            conversation.key, people[ROSA],
        )  # fmt: skip
        database.execute(
            "insert into public.conversations (id, help_request_id, created_by, created_at)"
            " values (%s, %s, %s, %s)",
            conversation.key, conversation.key if conversation.has_request else None,
            people[BEN], BEGAN,
        )  # fmt: skip
        for person in conversation.people:
            database.execute(
                "insert into public.conversation_participants (conversation_id, user_id)"
                " values (%s, %s)",
                conversation.key, people[person],
            )  # fmt: skip
        for message in conversation.messages:
            database.execute(
                "insert into public.messages (id, conversation_id, sender_id, recipient_id,"
                " content, created_at, read_at, deleted_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s)",
                message.key, conversation.key, people[message.sender], people[ROSA], message.text,
                message.at, message.at if message.is_read else None,
                message.at if message.is_deleted else None,
            )  # fmt: skip


def expected(conversation: Conversation) -> Iterator[tuple[object, ...]]:
    """Yield the rows that V2 is to have: of the conversation, its messages, its read state."""
    if (
        not conversation.has_request
        or len(conversation.people) != 2
        or ROSA not in conversation.people
    ):
        return
    (helper,) = conversation.people - {ROSA}
    fit = sorted(
        (
            message
            for message in conversation.messages
            if not message.is_deleted
            and message.sender in conversation.people
            and message.text.strip()
        ),
        key=lambda message: (message.at, message.key),
    )
    opening = None
    if fit and fit[0].sender == helper and len(fit[0].text.strip()) >= 10:
        opening = fit[0]
    yield (
        conversation.key,
        helper,
        opening.text.strip() if opening else PLACEHOLDER,
        max([BEGAN, *(message.at for message in fit)]),
    )
    follow_ups = [message for message in fit if message is not opening]
    for message in follow_ups:
        yield (message.key, conversation.key, message.sender, message.text.strip(), message.at)
    for reader, other in ((ROSA, helper), (helper, ROSA)):
        theirs = [message for message in follow_ups if message.sender == other]
        unread = [message.at for message in theirs if not message.is_read]
        if opening and not opening.is_read and reader == ROSA:
            unread.append(BEGAN)
        if unread:
            until = min(unread) - timedelta(microseconds=1)
        else:
            until = max([BEGAN, *(message.at for message in theirs)])
        if until >= BEGAN:
            yield (conversation.key, reader, until)


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(conversations=CONVERSATIONS, limit=st.sampled_from([1, 2, 1000]))
def test_copy_is_that_of_the_model(
    migrated: TestDatabase, people: People, conversations: list[Conversation], limit: int
) -> None:
    """Conversations, messages and read state are those of the model, in batches of any size."""
    persons = [people.rosa, people.ben, people.mei]
    write(migrated, persons, conversations)
    backfill(migrated, limit)
    found = [
        *migrated.execute(
            "select id, helper_id, initial_message, last_message_at from public.conversations_v2"
        ),
        *migrated.execute(
            "select id, conversation_id, sender_id, content, created_at from public.messages_v2"
        ),
        *migrated.execute(
            "select conversation_id, user_id, last_read_at from public.conversation_reads_v2"
        ),
    ]
    wanted = [
        tuple(persons[value] if type(value) is int else value for value in row)
        for conversation in conversations
        for row in expected(conversation)
    ]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
    assert {outcome for _, outcome, _ in findings(migrated)} <= {"copied", "skipped"}
