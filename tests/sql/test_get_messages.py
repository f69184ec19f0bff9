"""get_messages_v2: pages of messages from a cursor on, older or newer."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
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
    crowd,
    refused,
    settle,
    work,
    write,
)

FUNCTION = "get_messages_v2"
LIMIT = refused("validation_error", "invalid_limit", 400, "Limit must be between 1 and 100")
DIRECTION = refused(
    "validation_error", "invalid_direction", 400, "Direction must be older or newer"
)
CURSOR = refused(
    "validation_error",
    "invalid_cursor",
    400,
    "Cursor must be one from an earlier page of this conversation, or an ISO 8601 timestamp",
)

Fetch = Callable[..., dict[str, Any]]


@pytest.fixture
def fetch(call: Call, people: People, conversation: UUID) -> Fetch:
    """Give a function that fetches a page as Rosa: `fetch(cursor, limit, direction)`."""
    return lambda *given: call(people.rosa, FUNCTION, conversation, people.rosa, *given)


def numbers(answer: dict[str, Any]) -> list[int]:
    """Return the messages of a page, which are called by numbers."""
    return [int(message["content"]) for message in answer["messages"]]


def walk(
    fetch: Fetch, limit: int, direction: str, between: Callable[[], Any] = lambda: None
) -> list[int]:
    """Return the messages of all pages, as they came; do something after each page."""
    seen: list[int] = []
    cursor = None
    while True:
        answer = fetch(cursor, limit, direction)
        seen += numbers(answer)
        cursor = answer["pagination"]["cursor"]
        if not answer["pagination"]["has_more"]:
            return seen
        assert len(answer["messages"]) == limit
        between()


def encoded(text: str) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_conversation_without_follow_ups_has_an_empty_page(
    fetch: Fetch, conversation: UUID
) -> None:
    """The first message is part of the conversation, not of its messages."""
    answer = fetch()
    assert answer.pop("request_id").startswith("v2_")
    assert answer == {
        "success": True,
        "message": "Messages retrieved successfully",
        "conversation_id": str(conversation),
        "version": "v2",
        "messages": [],
        "pagination": {"cursor": None, "limit": 50, "has_more": False},
    }


def test_message_has_all_that_is_shown_of_it(
    call: Call, people: People, conversation: UUID, fetch: Fetch
) -> None:
    """Both people get the same, and nothing of the other one's but what was sent."""
    sent = call(people.ben, "send_message_v2", conversation, people.ben, "When shall I come?")
    (message,) = fetch()["messages"]
    assert message["id"] == sent["message_id"]
    assert message["created_at"] == message["updated_at"]
    assert {key: message[key] for key in message if not key.endswith("_at")} == {
        "id": sent["message_id"],
        "conversation_id": str(conversation),
        "sender_id": str(people.ben),
        "content": "When shall I come?",
    }
    assert call(people.ben, FUNCTION, conversation, people.ben)["messages"] == [message]


@pytest.mark.parametrize("alike", [1, 7, 1000])
@pytest.mark.parametrize("limit", [1, 7, 33, 100])
@pytest.mark.parametrize("direction", ["older", "newer"])
def test_walk_meets_every_message_once(
    migrated: TestDatabase,
    people: People,
    conversation: UUID,
    fetch: Fetch,
    alike: int,
    limit: int,
    direction: str,
) -> None:
    """Also where many messages, or all of them, are of the same moment."""
    write(migrated, conversation, people.ben, 66, alike=alike)
    expected = list(range(1, 67))
    assert walk(fetch, limit, direction) == (
        expected if direction == "newer" else list(reversed(expected))
    )


def test_older_page_is_not_moved_by_what_is_written_meanwhile(
    call: Call, migrated: TestDatabase, people: People, conversation: UUID, fetch: Fetch
) -> None:
    """New messages, between any two pages, neither push a message over the edge nor repeat one."""
    write(migrated, conversation, people.ben, 30, alike=3)
    seen = walk(
        fetch,
        4,
        "older",
        lambda: call(people.ben, "send_message_v2", conversation, people.ben, "99"),
    )
    assert seen == list(range(30, 0, -1))


def test_newer_pages_catch_up_with_writers(
    migrated: TestDatabase, people: People, conversation: UUID
) -> None:
    """Who polls while four sessions write sees each message once, in the order of get_conversation.

    The messages are those of two people, who together stay below the limits of a minute.
    """
    writers = [
        (user, migrated.as_role("authenticated", user))
        for user in (people.rosa, people.ben)
        for _ in range(2)
    ]

    def send(user: UUID, session: psycopg.Connection, first: int) -> None:
        for number in range(first, first + 20):
            invoke(session, "send_message_v2", conversation, user, str(number))

    threads = [
        threading.Thread(target=send, args=(*writer, 100 * place))
        for place, writer in enumerate(writers)
    ]
    reader = migrated.as_role("authenticated", people.rosa)
    seen: list[int] = []
    cursor = None
    for thread in threads:
        thread.start()
    alive = True
    while True:
        given = (conversation, people.rosa, cursor, 3, "newer")
        answer = invoke(reader, FUNCTION, *given)
        seen += numbers(answer)
        cursor = answer["pagination"]["cursor"]
        if not answer["messages"] and not alive:
            break
        # Asked before the next page, so that one more page follows the last message.
        alive = any(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.join()
    stored = migrated.execute("select content::int from public.messages_v2 order by created_at, id")
    assert len(stored) == 80
    assert seen == [content for (content,) in stored]


def test_cursor_past_the_end_stays_where_it_is(
    call: Call, migrated: TestDatabase, people: People, conversation: UUID, fetch: Fetch
) -> None:
    """Who has read everything asks again with the same cursor, and gets what came since."""
    write(migrated, conversation, people.ben, 3)
    cursor = fetch(None, 50, "newer")["pagination"]["cursor"]
    answer = fetch(cursor, 50, "newer")
    assert (answer["messages"], answer["pagination"]["cursor"]) == ([], cursor)
    call(people.ben, "send_message_v2", conversation, people.ben, "4")
    assert numbers(fetch(cursor, 50, "newer")) == [4]


def test_cursor_turns_round(
    migrated: TestDatabase, people: People, conversation: UUID, fetch: Fetch
) -> None:
    """The place that a page ended at is good for the other direction as well."""
    write(migrated, conversation, people.ben, 9, alike=2)
    cursor = fetch(None, 4, "older")["pagination"]["cursor"]
    assert numbers(fetch(cursor, 50, "newer")) == [7, 8, 9]
    assert numbers(fetch(cursor, 50, "older")) == [5, 4, 3, 2, 1]


def test_cursor_outlives_its_message(
    migrated: TestDatabase, people: People, conversation: UUID, fetch: Fetch
) -> None:
    """A cursor is a place in the order, also when a moderator has deleted the message there."""
    write(migrated, conversation, people.ben, 9, alike=3)
    cursor = fetch(None, 4, "older")["pagination"]["cursor"]
    migrated.execute("delete from public.messages_v2 where content = '6'")
    assert numbers(fetch(cursor, 50, "older")) == [5, 4, 3, 2, 1]


def test_cursor_is_opaque_and_fits_into_an_address(
    migrated: TestDatabase, people: People, conversation: UUID, fetch: Fetch
) -> None:
    """It is base64url: letters, digits, hyphen and underscore, in one line."""
    write(migrated, conversation, people.ben, 2)
    cursor = fetch(None, 1)["pagination"]["cursor"]
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).count(b"_") == 2


@pytest.mark.parametrize(
    "written",
    [
        "2026-02-01T00:00:00.002Z",
        "2026-02-01T00:00:00.002000+00:00",
        "2026-02-01 00:00:00.002+00",
        "2026-02-01T05:30:00.002+05:30",
        "2026-01-31T16:00:00.002-0800",
        "2026-02-01T00:00:00.002",
    ],
)
def test_timestamp_is_a_cursor_too(
    migrated: TestDatabase, people: People, conversation: UUID, fetch: Fetch, written: str
) -> None:
    """It divides what was before from what came after; without an offset it is UTC."""
    write(migrated, conversation, people.ben, 12, alike=2)
    session = migrated.as_role("authenticated", people.rosa)
    session.execute("set timezone = 'America/New_York'")
    session.execute("set datestyle = 'German'")
    for direction, expected in (("older", [4, 3, 2, 1]), ("newer", [7, 8, 9, 10, 11, 12])):
        given = (conversation, people.rosa, written, 50, direction)
        assert numbers(invoke(session, FUNCTION, *given)) == expected


def test_time_shown_of_a_message_is_a_cursor(
    migrated: TestDatabase, people: People, conversation: UUID, fetch: Fetch
) -> None:
    """What an answer shows as created_at can be handed back as it is."""
    write(migrated, conversation, people.ben, 6)
    shown = fetch(None, 3)["messages"][-1]["created_at"]
    assert numbers(fetch(shown)) == [3, 2, 1]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        " ",
        "null",
        "0",
        "x",
        "abcde",
        "nonsense",
        "no base64!",
        "####",
        "AAAA",
        "____",
        "gIGC",
        "2026-02-01",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-02-01T25:00:00Z",
        "2026-02-01T00:00:00+99:00",
        "0000-01-01T00:00:00Z",
        "9999999-01-01T00:00:00Z",
        "infinity",
        "-infinity",
        "now",
        "tomorrow",
        "2026-02-01T00:00:00Z; drop table messages_v2",
        "' or true --",
        "x" * 201,
        "A" * 1_000_000,
        "\u0661" * 8,
        "🙂",
        encoded("1_1_1"),
        encoded("_"),
        encoded("0_00000000-0000-0000-0000-000000000000"),
        encoded("x_00000000-0000-0000-0000-000000000000_CONVERSATION"),
        encoded("1_zzzzzzzz-0000-0000-0000-000000000000_CONVERSATION"),
        encoded("1.5_00000000-0000-0000-0000-000000000000_CONVERSATION"),
        "far",
        "before",
        "other",
    ],
)
@pytest.mark.parametrize("direction", ["older", "newer"])
def test_cursor_that_is_none_of_ours_is_refused(
    conversation: UUID, people: People, fetch: Fetch, cursor: str, direction: str
) -> None:
    """Garbled, made up, or from another conversation: the answer says what would be right."""
    made_up = {
        "far": encoded(f"999999999999999999_{people.ben}_{conversation}"),
        "before": encoded(f"-999999999999999999_{people.ben}_{conversation}"),
        "other": encoded(f"1_{people.ben}_{people.nobody}"),
    }
    assert bare(fetch(made_up.get(cursor, cursor), 50, direction)) == CURSOR


def test_cursor_of_another_conversation_is_refused(
    call: Call, migrated: TestDatabase, people: People, conversation: UUID, fetch: Fetch
) -> None:
    """Although both conversations are one's own."""
    other = call(
        people.mei,
        "create_conversation_atomic",
        people.in_progress_request,
        people.mei,
        "I can give you a lift.",
    )["conversation_id"]
    write(migrated, conversation, people.ben, 2)
    cursor = fetch(None, 1)["pagination"]["cursor"]
    assert bare(call(people.rosa, FUNCTION, other, people.rosa, cursor)) == CURSOR


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None), LIMIT),
        ((None, 0), LIMIT),
        ((None, 101), LIMIT),
        ((None, 2_147_483_647), LIMIT),
        ((None, -2_147_483_648), LIMIT),
        ((None, 50, None), DIRECTION),
        ((None, 50, ""), DIRECTION),
        ((None, 50, "Older"), DIRECTION),
        ((None, 50, "sideways"), DIRECTION),
    ],
)
def test_limit_or_direction_that_there_is_not_is_refused(
    fetch: Fetch, given: tuple[Any, ...], expected: str
) -> None:
    """The answer names what would be right."""
    assert bare(fetch(*given)) == expected


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("null", [False, True])
def test_stranger_is_turned_away(
    migrated: TestDatabase, people: People, conversation: UUID, stranger: str, null: bool
) -> None:
    """Whatever the claims are, nobody reads as Ben; bad arguments do not help either."""
    user = None if null else people.ben
    expected = refused(
        "permission_denied", "not_the_caller", 403, "Cannot access conversation for another user"
    )
    for given in ((), ("nonsense",), (None, 0), (None, 50, None)):
        arguments = (conversation, user, *given)
        claims = STRANGERS[stranger]
        assert call_as_stranger(migrated, claims, FUNCTION, *arguments) == expected


@pytest.mark.parametrize("given", [(), ("2026-02-01T00:00:00Z",), ("nonsense",), (None, 0)])
def test_outsider_cannot_tell_whether_a_conversation_exists(
    migrated: TestDatabase,
    call: Call,
    people: People,
    conversation: UUID,
    given: tuple[Any, ...],
) -> None:
    """A conversation of others, none at all and null are one answer, whatever else is asked."""
    write(migrated, conversation, people.ben, 3)
    answers = {
        bare(call(people.mei, FUNCTION, key, people.mei, *given))
        for key in (conversation, people.nobody, None)
    }
    assert len(answers) == 1
    if given[:1] in ((), ("2026-02-01T00:00:00Z",)):
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
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        invoke(migrated.as_role(role, people.ben), FUNCTION, conversation, people.ben)


@pytest.mark.parametrize("status", ["closed", "archived", "blocked"])
def test_conversation_stays_readable(
    migrated: TestDatabase, people: People, conversation: UUID, fetch: Fetch, status: str
) -> None:
    """A conversation into which nobody may write is still read."""
    write(migrated, conversation, people.ben, 2)
    migrated.execute("update public.conversations_v2 set status = %s", status)
    assert numbers(fetch()) == [2, 1]


def test_unexpected_error_shows_no_internals(migrated: TestDatabase, fetch: Fetch) -> None:
    """Whatever breaks inside is a server_error without internals."""
    migrated.execute("alter table public.messages_v2 rename column content to gone")
    assert bare(fetch()) == refused("server_error", "unexpected", 500, "Failed to fetch messages")


def test_deep_page_costs_what_the_first_one_costs(
    migrated: TestDatabase, people: People, conversation: UUID
) -> None:
    """No table is read from end to end, and no message but those of the page is looked at."""
    crowd(migrated, people, 3000)
    write(migrated, conversation, people.ben, 20_000, alike=5)
    settle(migrated)
    rosa = migrated.as_role("authenticated", people.rosa)

    def page(cursor: str | None, direction: str) -> dict[str, tuple[int, int]]:
        given = (conversation, people.rosa, cursor, 50, direction)
        return work(rosa, lambda: invoke(rosa, FUNCTION, *given))

    deep = "2026-02-01T00:00:02Z"
    # Seven rounds: by then the plans are those that the session keeps.
    for _ in range(7):
        pages = [page(cursor, way) for cursor in (None, deep) for way in ("older", "newer")]
    for counted in pages:
        assert {table: scans for table, (scans, _) in counted.items() if scans} == {}
        assert counted["messages_v2"][1] == 51


@pytest.mark.parametrize(
    "breakage",
    [
        """
        grant execute on function public.get_messages_v2(uuid, uuid, text, integer, text)
        to service_role
        """,
        """
        create or replace function messaging.is_participant_v2(
            p_conversation_id uuid, p_user_id uuid
        ) returns boolean language sql stable set search_path = '' return true
        """,
        """
        create or replace function messaging.make_cursor(
            p_conversation_id uuid, p_created_at timestamptz, p_id uuid
        ) returns text language sql immutable set search_path = ''
        return 'MQ'
        """,
        """
        create or replace function messaging.read_messages_v2(
            p_conversation_id uuid, p_cursor text, p_newer boolean, p_count integer
        ) returns setof messaging.message language sql stable set search_path = ''
        as 'select null::messaging.message limit 0'
        """,
    ],
)
def test_verify_goes_red(
    migrated: TestDatabase,
    deployed_plan: Plan,
    people: People,
    conversation: UUID,
    breakage: str,
) -> None:
    """Each thing that the script proves of messages is broken once."""
    write(migrated, conversation, people.ben, 3)
    assert_verify_goes_red(
        migrated, lambda: deployed_plan.run("verify", "conversation_reading"), breakage
    )
