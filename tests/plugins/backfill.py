"""What tests of the backfill share: V1 rows, runs of it, and what its comparison finds."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

__all__ = [
    "BEGAN",
    "CONVERSATIONS",
    "MESSAGES",
    "PLACEHOLDER",
    "V1",
    "Findings",
    "backfill",
    "copied",
    "findings",
]

Findings = Counter[tuple[str, str, str | None]]
"""Numbers of rows of V1 by kind, outcome and reason."""

PLACEHOLDER = "[Initial message not available - migrated from V1]"
BEGAN = datetime(2025, 3, 1, 12, tzinfo=UTC)
CONVERSATIONS = (
    "select id, help_request_id, requester_id, helper_id, initial_message, status, origin,"
    " created_at, last_message_at from public.conversations_v2"
)
MESSAGES = (
    "select id, conversation_id, sender_id, content, created_at from public.messages_v2"
    " order by created_at, id"
)


class V1:
    """Writes V1 rows, of Ben on a request of Rosa by default.

    Arguments:
        database: where.
        people: the sample people.
    """

    def __init__(self, database: TestDatabase, people: People) -> None:
        self.database = database
        self.people = people

    def conversation(
        self,
        *,
        request: UUID | None,
        people: tuple[UUID, ...] | None = None,
        status: str = "active",
        key: UUID | None = None,
    ) -> UUID:
        """Write a conversation with its participants and return its key."""
        key = key or uuid4()
        self.database.execute(
            "insert into public.conversations"
            " (id, help_request_id, created_by, status, created_at, updated_at)"
            " values (%s, %s, %s, %s, %s, %s)",
            key, request, self.people.ben, status, BEGAN, BEGAN,
        )  # fmt: skip
        for person in people or (self.people.rosa, self.people.ben):
            self.database.execute(
                "insert into public.conversation_participants (conversation_id, user_id)"
                " values (%s, %s)",
                key, person,
            )  # fmt: skip
        return key

    def message(
        self,
        conversation: UUID,
        sender: UUID,
        content: str,
        *,
        after: int = 0,
        is_read: bool = False,
        is_deleted: bool = False,
    ) -> UUID:
        """Write a message so many seconds after the beginning and return its key."""
        at = BEGAN + timedelta(seconds=after)
        other = self.people.ben if sender == self.people.rosa else self.people.rosa
        ((key,),) = self.database.execute(
            "insert into public.messages (conversation_id, sender_id, recipient_id, content,"
            " created_at, updated_at, read_at, deleted_at)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s) returning id",
            conversation, sender, other, content, at, at,
            at if is_read else None, at if is_deleted else None,
        )  # fmt: skip
        return UUID(str(key))


@pytest.fixture
def v1(migrated: TestDatabase, people: People) -> V1:
    """Give what writes V1 rows."""
    return V1(migrated, people)


def backfill(database: TestDatabase, limit: int = 1000) -> Counter[str]:
    """Copy all there is, as service_role, and return the sums of the answers."""
    session = database.as_role("service_role")
    sums: Counter[str] = Counter()
    while True:
        row = session.execute("select messaging.backfill_conversations(%s)", [limit]).fetchone()
        assert row is not None
        sums.update({name: number for name, number in row[0].items() if name != "done"})
        if row[0]["done"]:
            return sums


def findings(database: TestDatabase) -> Findings:
    """Return how many rows of V1 the comparison finds to be what."""
    rows = database.as_role("service_role").execute(
        "select kind, outcome, reason, sum(number)::int from messaging.reconcile_backfill()"
        " group by 1, 2, 3"
    )
    return Counter({(kind, outcome, reason): number for kind, outcome, reason, number in rows})


def copied(conversations: int, messages: int) -> Findings:
    """Return the findings where everything was copied."""
    return Counter(
        {("conversation", "copied", None): conversations, ("message", "copied", None): messages}
    )
