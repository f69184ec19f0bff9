"""What a subscriber of Supabase Realtime is told: every new conversation and message."""

from __future__ import annotations

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, invoke
from tests.plugins.replication import RowChange, Subscribe

PUBLICATION = "supabase_realtime"


def begin(call: Call, people: People) -> str:
    """Begin the conversation of Ben on Rosa's request; return its id."""
    offer = (people.open_request, people.ben, "I can help you.")
    answer: str = call(people.ben, "create_conversation_atomic", *offer)["conversation_id"]
    return answer


def new_rows(changes: list[RowChange]) -> list[tuple[str, str | None]]:
    """Return relation and id of the rows that were inserted."""
    return [(change.relation, change.row["id"]) for change in changes if change.kind == "insert"]


def test_each_conversation_and_message_is_streamed(
    call: Call, people: People, subscribe: Subscribe
) -> None:
    """A consumer of the publication sees the new rows as they are committed, in that order."""
    consumer = subscribe(PUBLICATION)
    begun = begin(call, people)
    expected = [("public.conversations_v2", begun)]
    for sender, text in ((people.rosa, "Thank you!"), (people.ben, " When?\n")):
        sent = call(sender, "send_message_v2", begun, sender, text)["message_id"]
        expected.append(("public.messages_v2", sent))
    changes = consumer.until(lambda change: change.row["id"] == expected[-1][1])
    assert new_rows(changes) == expected
    texts = [change.row for change in changes if change.kind == "insert"]
    assert texts[0]["initial_message"] == "I can help you."
    assert [row["content"] for row in texts[1:]] == ["Thank you!", "When?"]


def test_status_is_streamed(
    migrated: TestDatabase, call: Call, people: People, subscribe: Subscribe
) -> None:
    """A change of the status reaches the consumer with the whole new row."""
    begun = begin(call, people)
    consumer = subscribe(PUBLICATION)
    with migrated.as_role("authenticated", people.rosa) as connection:
        connection.execute("update public.conversations_v2 set status = 'closed'")
    (change,) = consumer.until(lambda change: change.kind == "update")
    assert (change.relation, change.row["id"]) == ("public.conversations_v2", begun)
    assert (change.row["status"], change.row["helper_id"]) == ("closed", str(people.ben))


def test_what_is_rolled_back_is_not_streamed(
    migrated: TestDatabase, call: Call, people: People, subscribe: Subscribe
) -> None:
    """Nobody is told of a conversation that was never committed, nor of what was refused."""
    consumer = subscribe(PUBLICATION)
    with migrated.as_role("authenticated", people.mei) as connection:
        offer = (people.open_request, people.mei, "I can help you.")
        with connection.transaction(force_rollback=True):
            assert invoke(connection, "create_conversation_atomic", *offer)["success"]
    begun = begin(call, people)
    assert not call(people.mei, "send_message_v2", begun, people.mei, "Me too!")["success"]
    last = call(people.ben, "send_message_v2", begun, people.ben, "Here I am.")["message_id"]
    changes = consumer.until(lambda change: change.row["id"] == last)
    assert new_rows(changes) == [("public.conversations_v2", begun), ("public.messages_v2", last)]
