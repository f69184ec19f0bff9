"""send_message with ids of clients: a repeat is answered, and writes nothing."""

from __future__ import annotations

from uuid import UUID, uuid4

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People
from tests.plugins.routes import (
    begin_v2,
    refused,
    remembered,
    restrict,
    written,
)
from tests.plugins.v1 import FirstSystem

FUNCTION = "send_message"


# Ids of clients ----------------------------------------------------------------------------------


def test_repeated_id_answers_the_first_message(
    migrated: TestDatabase, call: Call, people: People, version: str, talk: UUID
) -> None:
    """The second answer equals the first but for its request_id, whatever text came with it."""
    key = uuid4()
    first = call(people.ben, FUNCTION, talk, "hello", key)
    for text in ("hello", "something else", None, "x" * 2000):
        again = call(people.ben, FUNCTION, talk, text, key)
        assert again.pop("request_id") != first["request_id"]
        assert again == {name: value for name, value in first.items() if name != "request_id"}
    assert written(migrated, version) == [(people.ben, "hello")]
    assert migrated.execute(
        "select count(*) from messaging.rpc_events where event = 'success'"
    ) == [(5,)]


def test_without_an_id_equal_messages_are_two(
    migrated: TestDatabase, call: Call, people: People, version: str, talk: UUID
) -> None:
    """Null is no id, and is not remembered."""
    for _ in range(2):
        assert call(people.ben, FUNCTION, talk, "hello", None)["success"] is True
    assert len(written(migrated, version)) == 2
    assert remembered(migrated) == 0


def test_id_belongs_to_sender_and_conversation(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem, talk: UUID
) -> None:
    """Another sender and another conversation may use the same id."""
    key = uuid4()
    other = begin_v2(migrated, people.in_progress_request, people.ben, people.rosa)
    keys = {
        call(user, FUNCTION, conversation, "hello", key)["message_id"]
        for user in (people.ben, people.rosa)
        for conversation in (talk, other)
    }
    assert len(keys) == 4
    assert remembered(migrated) == 4


def test_repeat_is_answered_before_any_limit(
    migrated: TestDatabase, call: Call, people: People, version: str, talk: UUID
) -> None:
    """Who was restricted meanwhile still hears what became of the message."""
    key = uuid4()
    first = call(people.ben, FUNCTION, talk, "hello", key)
    restrict(migrated, people.ben, "banned")
    assert call(people.ben, FUNCTION, talk, "hello", key)["message_id"] == first["message_id"]
    assert call(people.ben, FUNCTION, talk, "hello", uuid4())["error"] == "permission_denied"
    assert len(written(migrated, version)) == 1


def test_repeat_after_the_minute_is_full(
    migrated: TestDatabase, call: Call, people: People, talk: UUID
) -> None:
    """A client that was answered too late does not run into the limit that it has filled."""
    migrated.execute("select messaging.set_limit('send_message', 1, '1 minute')")
    key = uuid4()
    first = call(people.ben, FUNCTION, talk, "hello", key)
    assert call(people.ben, FUNCTION, talk, "hello", uuid4())["error"] == "rate_limit_exceeded"
    assert call(people.ben, FUNCTION, talk, "hello", key)["message_id"] == first["message_id"]


def test_refused_message_does_not_use_its_id_up(
    migrated: TestDatabase, call: Call, people: People, version: str, talk: UUID
) -> None:
    """What was not written is written when it is sent again."""
    key = uuid4()
    assert call(people.ben, FUNCTION, talk, " ", key)["success"] is False
    assert call(people.ben, FUNCTION, talk, "hello", key)["success"] is True
    assert len(written(migrated, version)) == 1


def test_repeat_of_a_deleted_message_writes_nothing(
    migrated: TestDatabase, call: Call, people: People, version: str, talk: UUID
) -> None:
    """The id is used; what it stood for is gone, and does not come back."""
    key = uuid4()
    call(people.ben, FUNCTION, talk, "hello", key)
    table = {"v1": "messages", "v2": "messages_v2"}[version]
    migrated.execute(f"delete from public.{table} where content = 'hello'")
    answer = call(people.ben, FUNCTION, talk, "hello", key)
    assert refused(answer) == ("not_found", 404, "Message not found")
    assert written(migrated, version) == []


def test_repeat_after_a_backfill_shows_the_message(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem
) -> None:
    """A message keeps its id when its conversation is copied: the repeat shows it in V2."""
    talk = mended.begin(people.open_request, people.ben, people.rosa, "I can help you")
    key = uuid4()
    first = call(people.ben, FUNCTION, talk, "hello", key)
    migrated.execute(
        "insert into public.conversations_v2"
        " (id, help_request_id, requester_id, helper_id, initial_message, origin)"
        " values (%s, %s, %s, %s, 'I can help you', 'v1_backfill')",
        talk,
        people.open_request,
        people.rosa,
        people.ben,
    )
    migrated.execute(
        "insert into public.messages_v2 (id, conversation_id, sender_id, content, created_at)"
        " select id, conversation_id, sender_id, content, created_at from public.messages"
        " where content = 'hello'"
    )
    again = call(people.ben, FUNCTION, talk, "hello", key)
    assert (again["message_id"], again["version"]) == (first["message_id"], "v2")
    assert len(written(migrated, "v2")) == 1


def test_account_takes_its_ids_along(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem
) -> None:
    """Nothing of a deleted account stays in the table."""
    talk = begin_v2(migrated, people.open_request, people.ben, people.rosa)
    call(people.ben, FUNCTION, talk, "hello", uuid4())
    migrated.execute("delete from auth.users where id = %s", people.ben)
    assert remembered(migrated) == 0
