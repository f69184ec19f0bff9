"""list_conversations_v2: pages of conversations, newest activity first."""

from __future__ import annotations

import threading
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
    converse,
    crowd,
    refused,
    settle,
    work,
    write,
)

FUNCTION = "list_conversations_v2"
PAGE = refused("validation_error", "invalid_page", 400, "Page must be 1 or more")
LIMIT = refused("validation_error", "invalid_limit", 400, "Limit must be between 1 and 100")


def ids(answer: dict[str, Any]) -> list[UUID]:
    """Return the ids of a page, in its order."""
    return [UUID(item["id"]) for item in answer["conversations"]]


def first(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the first conversation of a page."""
    listed: dict[str, Any] = answer["conversations"][0]
    return listed


def test_nobody_has_conversations_at_first(call: Call, people: People) -> None:
    """An empty list is a page too."""
    answer = call(people.mei, FUNCTION, people.mei)
    assert answer.pop("request_id").startswith("v2_")
    assert answer == {
        "success": True,
        "message": "Conversations retrieved successfully",
        "conversations": [],
        "pagination": {"page": 1, "limit": 20, "total": 0, "has_more": False},
    }


def test_listed_conversation_has_all_that_a_list_shows(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Request, other person, unread messages, last message and version come with it."""
    call(people.ben, "send_message_v2", conversation, people.ben, "When shall I come?")
    ((created_at, updated_at, last_message_at, message_id),) = migrated.execute(
        "select to_jsonb(c.created_at), to_jsonb(c.updated_at), to_jsonb(m.created_at), m.id"
        " from public.conversations_v2 as c, public.messages_v2 as m"
    )
    for reader, other, unread in (
        (people.rosa, {"id": str(people.ben), "name": "Ben"}, 2),
        (people.ben, {"id": str(people.rosa), "name": "Rosa"}, 0),
    ):
        assert first(call(reader, FUNCTION, reader)) == {
            "id": str(conversation),
            "help_request_id": str(people.open_request),
            "requester_id": str(people.rosa),
            "helper_id": str(people.ben),
            "initial_message": "I can bring the groceries.",
            "status": "active",
            "blocked_by": None,
            "origin": "v2",
            "created_at": created_at,
            "updated_at": updated_at,
            "last_message_at": last_message_at,
            "help_request": {
                "id": str(people.open_request),
                "title": "Groceries for the week",
                "category": "groceries",
                "urgency": "normal",
                "status": "open",
            },
            "other_participant": other,
            "unread_count": unread,
            "last_message": {
                "id": str(message_id),
                "conversation_id": str(conversation),
                "sender_id": str(people.ben),
                "content": "When shall I come?",
                "created_at": last_message_at,
                "updated_at": last_message_at,
            },
            "version": "v2",
        }


def test_first_message_is_the_last_where_nothing_followed(
    call: Call, people: People, conversation: UUID
) -> None:
    """It has no id of its own, because it is part of the conversation."""
    listed = first(call(people.rosa, FUNCTION, people.rosa))
    assert listed["last_message"] == {
        "id": None,
        "conversation_id": str(conversation),
        "sender_id": str(people.ben),
        "content": "I can bring the groceries.",
        "created_at": listed["created_at"],
        "updated_at": listed["created_at"],
    }


def test_name_is_null_where_profiles_has_none(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Neither a missing profile nor a missing column of names is an error."""
    migrated.execute("alter table public.profiles rename column name to full_name")
    listed = first(call(people.ben, FUNCTION, people.ben))
    assert listed["other_participant"] == {"id": str(people.rosa), "name": None}


def test_unread_are_the_messages_of_the_other_one_after_the_last_read(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """The first message counts for the requester; one's own never count."""
    write(migrated, conversation, people.ben, 3, start="2100-01-01 00:00Z")
    migrated.execute(
        "insert into public.messages_v2 (conversation_id, sender_id, content, created_at)"
        " values (%s, %s, 'thanks', '2100-01-02 00:00Z')",
        conversation,
        people.rosa,
    )

    def unread(user: UUID) -> int:
        return int(first(call(user, FUNCTION, user))["unread_count"])

    assert (unread(people.rosa), unread(people.ben)) == (4, 1)
    for last_read_at, expected in (
        ("2000-01-01 00:00Z", (4, 1)),
        ("2100-01-01 00:00Z", (2, 1)),
        ("2100-01-01 00:00:00.002Z", (0, 1)),
        ("2100-01-02 00:00Z", (0, 0)),
    ):
        for user in (people.rosa, people.ben):
            migrated.execute(
                "insert into public.conversation_reads_v2 values (%s, %s, %s)"
                " on conflict (conversation_id, user_id)"
                " do update set last_read_at = excluded.last_read_at",
                conversation,
                user,
                last_read_at,
            )
        assert (unread(people.rosa), unread(people.ben)) == expected


@pytest.mark.parametrize("apart", ["1 second", "0"])
@pytest.mark.parametrize("limit", [1, 7, 20, 100])
def test_pages_have_every_conversation_once_newest_first(
    migrated: TestDatabase, call: Call, people: People, limit: int, apart: str
) -> None:
    """The order is total, so that equal times neither hide nor repeat a conversation."""
    expected = converse(migrated, people, 45, apart=apart)
    # Rosa is the helper in one more, with Mei: both roles are one list.
    answer = call(
        people.rosa,
        "create_conversation_atomic",
        people.request_of_mei,
        people.rosa,
        "I can carry a few.",
    )
    expected.insert(0, UUID(answer["conversation_id"]))
    seen: list[UUID] = []
    pages = -(-46 // limit)
    for page in range(1, pages + 1):
        answer = call(people.rosa, FUNCTION, people.rosa, page, limit)
        assert answer["pagination"] == {
            "page": page,
            "limit": limit,
            "total": 46,
            "has_more": page < pages,
        }
        seen += ids(answer)
    assert seen == expected


def test_new_message_brings_its_conversation_to_the_top(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Activity is the last message, not the beginning."""
    conversations = converse(migrated, people, 3)
    oldest = conversations[-1]
    call(people.rosa, "send_message_v2", oldest, people.rosa, "Are you there?")
    assert ids(call(people.ben, FUNCTION, people.ben)) == [oldest, *conversations[:2]]


@pytest.mark.parametrize("page", [2, 3, 1_000_000, 2_147_483_647])
@pytest.mark.parametrize("limit", [1, 100])
def test_page_beyond_the_last_is_empty(
    call: Call, people: People, conversation: UUID, page: int, limit: int
) -> None:
    """However far beyond: nothing overflows, and the total is still told."""
    answer = call(people.ben, FUNCTION, people.ben, page, limit)
    assert (answer["conversations"], answer["pagination"]["total"]) == ([], 1)
    assert answer["pagination"]["has_more"] is False


@pytest.mark.parametrize(
    ("page", "limit", "expected"),
    [
        (None, 20, PAGE),
        (0, 20, PAGE),
        (-1, 20, PAGE),
        (-2_147_483_648, 20, PAGE),
        (1, None, LIMIT),
        (1, 0, LIMIT),
        (1, 101, LIMIT),
        (1, 2_147_483_647, LIMIT),
        (1, -2_147_483_648, LIMIT),
    ],
)
def test_page_or_limit_that_there_is_not_is_refused(
    call: Call, people: People, page: int | None, limit: int | None, expected: str
) -> None:
    """The answer names what would be right."""
    assert bare(call(people.ben, FUNCTION, people.ben, page, limit)) == expected


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("null", [False, True])
def test_stranger_is_turned_away(
    migrated: TestDatabase, people: People, conversation: UUID, stranger: str, null: bool
) -> None:
    """Whatever the claims are, nobody lists what is Ben's; not by a bad page either."""
    user = None if null else people.ben
    expected = refused(
        "permission_denied", "not_the_caller", 403, "Cannot access conversation for another user"
    )
    for given in ((user,), (user, 0), (user, 1, None)):
        assert call_as_stranger(migrated, STRANGERS[stranger], FUNCTION, *given) == expected


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_other_roles_may_not_call(migrated: TestDatabase, people: People, role: str) -> None:
    """Even with the claims of the user, only role authenticated may call."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        invoke(migrated.as_role(role, people.ben), FUNCTION, people.ben)


def test_list_leaves_no_event(migrated: TestDatabase, call: Call, people: People) -> None:
    """Reading a list opens no conversation."""
    call(people.ben, FUNCTION, people.ben)
    call(people.ben, FUNCTION, people.rosa)
    assert migrated.execute("select count(*) from messaging.rpc_events") == [(0,)]


def test_unexpected_error_shows_no_internals(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Whatever breaks inside is a server_error without internals."""
    migrated.execute("alter table public.conversations_v2 rename column origin to gone")
    expected = refused("server_error", "unexpected", 500, "Failed to list conversations")
    assert bare(call(people.ben, FUNCTION, people.ben)) == expected


def test_total_and_page_are_of_one_moment(migrated: TestDatabase, people: People) -> None:
    """While conversations begin, a page has as many as its total says there are."""
    stop = threading.Event()
    writer = migrated.connect()

    def begin_conversations() -> None:
        for number in range(1, 100):
            if stop.is_set():
                return
            writer.execute(
                "with asked as (insert into public.help_requests (user_id, title, category)"
                " values (%s, %s, 'other') returning id, user_id)"
                " insert into public.conversations_v2"
                " (help_request_id, requester_id, helper_id, initial_message)"
                " select id, user_id, %s, 'I can help you' from asked",
                [people.rosa, str(number), people.ben],
            )

    thread = threading.Thread(target=begin_conversations)
    thread.start()
    ben = migrated.as_role("authenticated", people.ben)
    try:
        for _ in range(100):
            answer = invoke(ben, FUNCTION, people.ben, 1, 100)
            assert len(answer["conversations"]) == answer["pagination"]["total"]
    finally:
        stop.set()
        thread.join()


def test_list_costs_what_is_on_its_page(migrated: TestDatabase, people: People) -> None:
    """No table is read from end to end, and of messages only those of the page are looked at."""
    crowd(migrated, people, 4000)
    conversations = converse(migrated, people, 300)
    for conversation in conversations[::10]:
        write(migrated, conversation, people.rosa, 20, start="2025-12-01 00:00Z")
    settle(migrated)
    ben = migrated.as_role("authenticated", people.ben)
    # Seven calls: by then the plans are those that the session keeps.
    for _ in range(7):
        first_page = work(ben, lambda: invoke(ben, FUNCTION, people.ben, 1, 20))
        last_page = work(ben, lambda: invoke(ben, FUNCTION, people.ben, 15, 20))
    for page in (first_page, last_page):
        assert {table: scans for table, (scans, _) in page.items() if scans} == {}
        # Twenty rows of the page, and the newest message of the two that have any.
        assert page["conversations_v2"][1] == 20
        assert page["messages_v2"][1] == 2
        assert page["help_requests"][1] == 20
        assert page["profiles"][1] == 20


@pytest.mark.parametrize(
    "breakage",
    [
        "drop index public.conversations_v2_helper_id_last_message_at_id_idx",
        "drop index public.messages_v2_conversation_id_created_at_id_sender_id_idx",
        "grant execute on function public.list_conversations_v2(uuid, integer, integer) to anon",
        "alter function public.list_conversations_v2(uuid, integer, integer) security invoker",
        """
        create or replace function messaging.count_conversations_v2(p_user_id uuid)
        returns bigint language sql stable set search_path = '' return 7
        """,
        """
        create or replace function messaging.refuse_page(
            p_request_id text, p_page integer, p_limit integer
        ) returns jsonb language sql immutable set search_path = '' return null::jsonb
        """,
        """
        create or replace function messaging.newest_conversations_v2(p_user_id uuid, p_count bigint)
        returns table (id uuid, last_message_at timestamptz) language sql stable
        set search_path = '' as 'select c.id, c.last_message_at from public.conversations_v2 as c
            where c.helper_id = p_user_id limit p_count'
        """,
    ],
)
def test_verify_goes_red(
    migrated: TestDatabase, deployed_plan: Plan, conversation: UUID, breakage: str
) -> None:
    """Each thing that the script proves is broken once."""
    assert_verify_goes_red(
        migrated, lambda: deployed_plan.run("verify", "conversation_reading"), breakage
    )
