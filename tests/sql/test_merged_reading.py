"""list_conversations, get_messages and get_conversation_version: V1 and V2 as one."""

from __future__ import annotations

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

LIST, MESSAGES, VERSION = "list_conversations", "get_messages", "get_conversation_version"
NOT_FOUND = refused(
    "not_found",
    "conversation_not_found",
    404,
    "Conversation not found or you do not have access",
)
NOT_SIGNED_IN = refused("unauthorized", "not_signed_in", 401, "You must be signed in")
NOBODY = [
    "no claims",
    "empty claims",
    "null sub",
    "empty sub",
    "sub that is no uuid",
    "half a JSON",
    "JSON null",
]
V1_TABLES = ("messages", "conversation_participants", "conversations")


def converse_v1(
    database: TestDatabase, people: People, count: int, *, start: str = "2026-01-01 00:00:00.5Z"
) -> list[UUID]:
    """Let Ben and Rosa have so many V1 conversations with a message each; newest first."""
    database.execute(
        """
        insert into public.conversations (id, help_request_id, created_by, created_at)
        select md5('v1 ' || number)::uuid, %s, %s, '2020-01-01 00:00Z'
        from generate_series(1, %s) as number
        """,
        people.open_request,
        people.ben,
        count,
    )
    database.execute(
        """
        insert into public.conversation_participants (conversation_id, user_id)
        select conversation.id, person
        from public.conversations as conversation, unnest(%s::uuid[]) as person
        """,
        [people.ben, people.rosa],
    )
    database.execute(
        """
        insert into public.messages
            (conversation_id, sender_id, recipient_id, content, created_at, updated_at)
        select md5('v1 ' || number)::uuid, %s, %s, 'I can help you', moment, moment
        from generate_series(1, %s) as number,
            cast(%s::timestamptz + number * interval '1 second' as timestamptz) as moment
        """,
        people.ben,
        people.rosa,
        count,
        start,
    )
    rows = database.execute("select conversation_id from public.messages order by created_at desc")
    return [row[0] for row in rows]


def write_v1(
    database: TestDatabase, people: People, conversation: UUID, count: int, *, alike: int = 1
) -> None:
    """Let Ben write so many messages, called 1, 2, ..., so many of them at each moment."""
    database.execute(
        """
        insert into public.messages
            (id, conversation_id, sender_id, recipient_id, content, created_at)
        select lpad(to_hex(number), 32, '0')::uuid, %s, %s, %s, number::text,
            timestamptz '2026-02-01 00:00Z' + (number - 1) / %s * interval '1 millisecond'
        from generate_series(1, %s) as number
        order by random()
        """,
        conversation,
        people.ben,
        people.rosa,
        alike,
        count,
    )


def version(call: Call, user: UUID, conversation: UUID | None) -> Any:
    """Return what get_conversation_version tells the user."""
    return call(user, VERSION, conversation)


def copy_to_v2(database: TestDatabase, conversation: UUID) -> None:
    """Do what the backfill does with one conversation: it keeps its id."""
    database.execute(
        """
        insert into public.conversations_v2 (id, help_request_id, requester_id, helper_id,
            initial_message, origin, created_at, last_message_at)
        select v1.id, request.id, request.user_id, v1.created_by, 'I can help you', 'v1_backfill',
            v1.created_at, v1.last_message_at
        from public.conversations as v1
        join public.help_requests as request on request.id = v1.help_request_id
        where v1.id = %s
        """,
        conversation,
    )


def without_v1(database: TestDatabase) -> None:
    """Take V1 out of the database."""
    for table in V1_TABLES:
        database.execute(f"drop table public.{table} cascade")


def ids(answer: dict[str, Any]) -> list[UUID]:
    """Return the ids of a page, in its order."""
    return [UUID(item["id"]) for item in answer["conversations"]]


def walk(call: Call, user: UUID, limit: int) -> list[tuple[UUID, str]]:
    """Return id and version of all conversations, page by page."""
    seen: list[tuple[UUID, str]] = []
    page = 1
    while True:
        answer = call(user, LIST, page, limit)
        seen += [(UUID(item["id"]), item["version"]) for item in answer["conversations"]]
        if not answer["pagination"]["has_more"]:
            assert answer["pagination"] == {
                "page": page,
                "limit": limit,
                "total": len(seen),
                "has_more": False,
            }
            return seen
        page += 1


def test_v1_conversation_is_listed_in_the_shape_of_v2(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Requester, helper, first and last message are where they are in V2."""
    (legacy,) = converse_v1(migrated, people, 1, start="2100-01-01 00:00Z")
    one, two = call(people.rosa, LIST)["conversations"]
    assert (one["version"], two["version"], two["id"]) == ("v1", "v2", str(conversation))
    assert one.keys() == two.keys()
    assert one["last_message"].keys() == two["last_message"].keys()
    ((moment, began, message_id),) = migrated.execute(
        "select to_jsonb(m.created_at), to_jsonb(c.created_at), m.id"
        " from public.messages as m, public.conversations as c"
    )
    one.pop("updated_at")
    assert one == {
        "id": str(legacy),
        "help_request_id": str(people.open_request),
        "requester_id": str(people.rosa),
        "helper_id": str(people.ben),
        "initial_message": "I can help you",
        "status": "active",
        "blocked_by": None,
        "origin": "v1",
        "created_at": began,
        "last_message_at": moment,
        "help_request": two["help_request"],
        "other_participant": {"id": str(people.ben), "name": "Ben"},
        "unread_count": 1,
        "last_message": {
            "id": str(message_id),
            "conversation_id": str(legacy),
            "sender_id": str(people.ben),
            "content": "I can help you",
            "created_at": moment,
            "updated_at": moment,
        },
        "version": "v1",
    }


@pytest.mark.parametrize("limit", [1, 7, 20, 100])
def test_pages_have_every_conversation_of_both_once_newest_first(
    migrated: TestDatabase, call: Call, people: People, limit: int
) -> None:
    """The two systems take turns in time; pages and totals are those of both together."""
    v1 = converse_v1(migrated, people, 12)
    v2 = converse(migrated, people, 15)
    expected = [(item, "v2") for item in v2[:3]]
    for legacy, modern in zip(v1, v2[3:], strict=True):
        expected += [(legacy, "v1"), (modern, "v2")]
    for user in (people.ben, people.rosa):
        assert walk(call, user, limit) == expected
    assert walk(call, people.mei, limit) == []


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_copied_conversation_is_listed_once_as_v2(
    migrated: TestDatabase, call: Call, people: People, limit: int
) -> None:
    """Neither list, total nor version know the V1 original any more."""
    legacy = converse_v1(migrated, people, 3)
    copy_to_v2(migrated, legacy[1])
    for user in (people.ben, people.rosa):
        seen = walk(call, user, limit)
        assert sorted(seen) == sorted([(legacy[0], "v1"), (legacy[1], "v2"), (legacy[2], "v1")])


def test_unread_of_v1_are_the_messages_to_the_reader_without_read_at(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Read ones, deleted ones and one's own do not count."""
    (legacy,) = converse_v1(migrated, people, 1)
    write_v1(migrated, people, legacy, 5)
    migrated.execute("update public.messages set read_at = now() where content = '1'")
    migrated.execute("update public.messages set deleted_at = now() where content in ('2', '5')")
    for user, expected in ((people.rosa, 3), (people.ben, 0)):
        (listed,) = call(user, LIST)["conversations"]
        assert listed["unread_count"] == expected
        assert listed["last_message"]["content"] == "4"


def test_deleted_messages_of_v1_are_not_shown(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Not as first, last or any other message; a conversation may have none left."""
    (legacy,) = converse_v1(migrated, people, 1)
    write_v1(migrated, people, legacy, 3)
    migrated.execute("update public.messages set deleted_at = now() where content <> '2'")
    (listed,) = call(people.rosa, LIST)["conversations"]
    assert (listed["initial_message"], listed["last_message"]["content"]) == ("2", "2")
    answer = call(people.rosa, MESSAGES, legacy)
    assert [message["content"] for message in answer["messages"]] == ["2"]
    migrated.execute("update public.messages set deleted_at = now()")
    (listed,) = call(people.rosa, LIST)["conversations"]
    assert (listed["initial_message"], listed["last_message"]) == (None, None)
    assert listed["last_message_at"] == listed["created_at"]
    assert call(people.rosa, MESSAGES, legacy)["messages"] == []


@pytest.mark.parametrize("alike", [1, 7, 1000])
@pytest.mark.parametrize("limit", [1, 7, 100])
@pytest.mark.parametrize("direction", ["older", "newer"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_walk_meets_every_message_once(
    migrated: TestDatabase,
    call: Call,
    people: People,
    version: str,
    direction: str,
    limit: int,
    alike: int,
) -> None:
    """In both systems, in both directions, however many messages are of one moment."""
    if version == "v1":
        (conversation,) = converse_v1(migrated, people, 1)
        migrated.execute("delete from public.messages")
        write_v1(migrated, people, conversation, 25, alike=alike)
    else:
        (conversation,) = converse(migrated, people, 1)
        write(migrated, conversation, people.ben, 25, alike=alike)
    seen: list[int] = []
    cursor, more = None, True
    while more:
        answer = call(people.rosa, MESSAGES, conversation, cursor, limit, direction)
        assert answer["version"] == version
        seen += [int(message["content"]) for message in answer["messages"]]
        cursor, more = answer["pagination"]["cursor"], answer["pagination"]["has_more"]
    ordered = list(range(1, 26))
    assert seen == (ordered if direction == "newer" else ordered[::-1])


def test_messages_of_v2_are_those_of_the_function_for_v2(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """One rule for both functions: the answers differ in nothing."""
    write(migrated, conversation, people.ben, 9)
    for given in ((), (None, 4), (None, 4, "newer"), ("2026-02-01T00:00:00.004Z",), ("x",)):
        both = call(people.rosa, MESSAGES, conversation, *given)
        only = call(people.rosa, "get_messages_v2", conversation, people.rosa, *given)
        assert bare(both) == bare(only)


def test_list_of_v2_alone_is_that_of_the_function_for_v2(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """One rule for both functions: the answers differ in nothing."""
    for conversation in converse(migrated, people, 5)[::2]:
        write(migrated, conversation, people.ben, 2)
    for given in ((), (1, 2), (3, 2), (9, 9), (0, 20), (1, 101)):
        both = call(people.rosa, LIST, *given)
        only = call(people.rosa, "list_conversations_v2", people.rosa, *given)
        assert bare(both) == bare(only)


def test_walk_goes_on_in_v2_when_the_conversation_is_copied_meanwhile(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Follow-ups keep id and time, so a cursor of V1 is a place in V2."""
    (legacy,) = converse_v1(migrated, people, 1)
    write_v1(migrated, people, legacy, 9, alike=3)
    before = call(people.rosa, MESSAGES, legacy, None, 4)
    copy_to_v2(migrated, legacy)
    migrated.execute(
        "insert into public.messages_v2 (id, conversation_id, sender_id, content, created_at)"
        " select id, conversation_id, sender_id, content, created_at from public.messages"
        " where content <> 'I can help you'"
    )
    after = call(people.rosa, MESSAGES, legacy, before["pagination"]["cursor"])
    assert (before["version"], after["version"]) == ("v1", "v2")
    seen = [message["content"] for message in before["messages"] + after["messages"]]
    assert seen == ["9", "8", "7", "6", "5", "4", "3", "2", "1"]


def test_version_is_told_to_participants(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """To others it is null, for a conversation that there is and for one that there is not."""
    (legacy,) = converse_v1(migrated, people, 1)
    (conversation,) = converse(migrated, people, 1)
    for user in (people.rosa, people.ben):
        assert version(call, user, legacy) == "v1"
        assert version(call, user, conversation) == "v2"
        assert version(call, user, people.nobody) is None
        assert version(call, user, None) is None
    assert [version(call, people.mei, key) for key in (legacy, conversation)] == [None, None]
    copy_to_v2(migrated, legacy)
    assert version(call, people.rosa, legacy) == "v2"


def test_who_has_left_a_v1_conversation_reads_it_no_more(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """The other one still does, and still sees whom it was with."""
    (legacy,) = converse_v1(migrated, people, 1)
    migrated.execute(
        "update public.conversation_participants set left_at = now() where user_id = %s",
        people.rosa,
    )
    assert call(people.rosa, LIST)["pagination"]["total"] == 0
    assert bare(call(people.rosa, MESSAGES, legacy)) == NOT_FOUND
    assert version(call, people.rosa, legacy) is None
    (listed,) = call(people.ben, LIST)["conversations"]
    assert listed["other_participant"] == {"id": str(people.rosa), "name": "Rosa"}
    assert call(people.ben, MESSAGES, legacy)["success"] is True


def test_v1_conversation_outlives_its_request(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Without the request the other one of the two is the requester."""
    converse_v1(migrated, people, 1)
    migrated.execute("delete from public.help_requests where id = %s", people.open_request)
    for user in (people.rosa, people.ben):
        (listed,) = call(user, LIST)["conversations"]
        assert (listed["help_request_id"], listed["help_request"]) == (None, None)
        assert listed["requester_id"] == str(people.rosa)


def test_moderator_is_not_the_other_participant(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Where a moderator has joined, the conversation is still with the other one of the two."""
    (legacy,) = converse_v1(migrated, people, 1)
    migrated.execute(
        "insert into public.conversation_participants"
        " (conversation_id, user_id, role, joined_at) values (%s, %s, 'moderator', '2000-01-01')",
        legacy,
        people.mei,
    )
    (listed,) = call(people.rosa, LIST)["conversations"]
    assert listed["other_participant"]["id"] == str(people.ben)
    assert version(call, people.mei, legacy) == "v1"


def test_v1_whose_columns_are_enums_is_read(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Status and role may be of types of their own."""
    (legacy,) = converse_v1(migrated, people, 1)
    migrated.execute(
        """
        create type public.conversation_state as enum ('active', 'closed', 'blocked');
        alter table public.conversations
            drop constraint conversations_status_known,
            alter column status drop default,
            alter column status type public.conversation_state
                using status::public.conversation_state;
        """
    )
    (listed,) = call(people.rosa, LIST)["conversations"]
    assert (listed["id"], listed["status"]) == (str(legacy), "active")


@pytest.mark.parametrize("tables", [V1_TABLES, V1_TABLES[:1]])
def test_without_v1_there_is_v2(
    migrated: TestDatabase,
    call: Call,
    people: People,
    conversation: UUID,
    deployed_plan: Plan,
    tables: tuple[str, ...],
) -> None:
    """V1 may go, as a whole or in part, under the feet of a session that has just used it."""
    (legacy,) = converse_v1(migrated, people, 1)
    assert call(people.rosa, LIST)["pagination"]["total"] == 2
    assert call(people.rosa, MESSAGES, legacy)["success"] is True
    for table in tables:
        migrated.execute(f"drop table public.{table} cascade")
    answer = call(people.rosa, LIST)
    assert (ids(answer), answer["pagination"]["total"]) == ([conversation], 1)
    assert call(people.rosa, MESSAGES, conversation)["success"] is True
    assert bare(call(people.rosa, MESSAGES, legacy)) == NOT_FOUND
    assert version(call, people.rosa, legacy) is None
    deployed_plan.run("verify", "merged_reading")


def test_policies_of_v1_do_not_stand_in_the_way(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """V1's own policy recurses for everybody who reads the table; these functions do not."""
    (legacy,) = converse_v1(migrated, people, 1)
    rosa = migrated.as_role("authenticated", people.rosa)
    with pytest.raises(psycopg.errors.InvalidObjectDefinition, match="infinite recursion"):
        rosa.execute("select from public.messages")
    assert ids(call(people.rosa, LIST)) == [legacy]


@pytest.mark.parametrize("stranger", NOBODY)
def test_nobody_signed_in_is_told_so(
    migrated: TestDatabase, people: People, conversation: UUID, stranger: str
) -> None:
    """Before anything else is looked at; the version is null, as for a stranger."""
    claims = STRANGERS[stranger]
    calls: list[tuple[Any, ...]] = [
        *((LIST, *given) for given in ((), (0,), (None, None))),
        *((MESSAGES, conversation, *given) for given in ((), ("x",), (None, 0))),
        (MESSAGES, None),
    ]
    for function, *given in calls:
        assert call_as_stranger(migrated, claims, function, *given) == NOT_SIGNED_IN
    connection = migrated.as_role("authenticated", claims=claims)
    assert invoke(connection, VERSION, conversation) is None


@pytest.mark.parametrize("given", [(), ("2026-02-01T00:00:00Z",), ("x",), (None, 0)])
def test_outsider_cannot_tell_whether_a_conversation_exists(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, given: tuple[Any, ...]
) -> None:
    """A conversation of others in V1 or V2, none at all and null are one answer."""
    (legacy,) = converse_v1(migrated, people, 1)
    answers = {
        bare(call(people.mei, MESSAGES, key, *given))
        for key in (legacy, conversation, people.nobody, None)
    }
    assert len(answers) == 1
    if not given:
        assert answers == {NOT_FOUND}


@pytest.mark.parametrize("given", [(None, 20), (0, 20), (1, None), (1, 0), (1, 101)])
def test_page_or_limit_that_there_is_not_is_refused(
    call: Call, people: People, given: tuple[int | None, int | None]
) -> None:
    """As by the function for V2."""
    assert call(people.ben, LIST, *given)["error"] == "validation_error"


@pytest.mark.parametrize("page", [3, 2_147_483_647])
def test_page_beyond_the_last_is_empty(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, page: int
) -> None:
    """However far beyond: nothing overflows, and the total is still told."""
    converse_v1(migrated, people, 1)
    answer = call(people.ben, LIST, page, 100)
    assert (answer["conversations"], answer["pagination"]["total"]) == ([], 2)


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_other_roles_may_not_call(
    migrated: TestDatabase, people: People, conversation: UUID, role: str
) -> None:
    """Even with the claims of the user, only role authenticated may call."""
    connection = migrated.as_role(role, people.ben)
    for function, given in ((LIST, ()), (MESSAGES, (conversation,)), (VERSION, (conversation,))):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            invoke(connection, function, *given)


def test_unexpected_error_shows_no_internals(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Whatever breaks inside is a server_error without internals."""
    (legacy,) = converse_v1(migrated, people, 1)
    migrated.execute("alter table public.messages rename column deleted_at to gone")
    for answer, message in (
        (call(people.ben, LIST), "Failed to list conversations"),
        (call(people.ben, MESSAGES, legacy), "Failed to fetch messages"),
    ):
        assert bare(answer) == refused("server_error", "unexpected", 500, message)


def test_reading_leaves_no_event(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Lists and pages are not logged."""
    before = migrated.execute("select count(*) from messaging.rpc_events")
    for function, given in ((LIST, ()), (MESSAGES, (conversation,)), (VERSION, (conversation,))):
        call(people.mei, function, *given)
    assert migrated.execute("select count(*) from messaging.rpc_events") == before


def test_merged_reading_costs_what_is_on_its_page(migrated: TestDatabase, people: People) -> None:
    """No table of either system is read from end to end."""
    crowd(migrated, people, 3000)
    legacy = converse_v1(migrated, people, 30, start="2100-01-01 00:00Z")
    modern = converse(migrated, people, 200)
    migrated.execute(
        """
        with began as (
            insert into public.conversations (id, created_by)
            select md5('other ' || n)::uuid, md5('user' || 1 + n % 2000)::uuid
            from generate_series(1, 3000) as n
            returning id, created_by
        ), joined as (
            insert into public.conversation_participants (conversation_id, user_id)
            select id, created_by from began
        )
        insert into public.messages (conversation_id, sender_id, recipient_id, content)
        select id, created_by, created_by, 'hello' from began, generate_series(1, 5)
        """
    )
    write_v1(migrated, people, legacy[0], 5000)
    write(migrated, modern[0], people.ben, 5000)
    settle(migrated)
    ben = migrated.as_role("authenticated", people.ben)
    deep = "2026-02-01T00:00:01Z"
    calls: list[tuple[str, tuple[Any, ...]]] = [
        (LIST, (1, 20)),
        (LIST, (2, 20)),
        (LIST, (10, 20)),
        (MESSAGES, (legacy[0],)),
        (MESSAGES, (legacy[0], deep)),
        (MESSAGES, (legacy[0], deep, 50, "newer")),
        (MESSAGES, (modern[0], deep)),
    ]
    for function, given in calls:
        # Seven times: by then the plan is the one that the session keeps.
        for _ in range(7):
            counted = work(ben, lambda one=function, two=given: invoke(ben, one, *two))  # type: ignore[misc]
        assert {table: scans for table, (scans, _) in counted.items() if scans} == {}
        # Of V1 the newest message of each conversation is looked at, and those on the page thrice.
        assert counted["conversations_v2"][1] <= 20
        assert counted["messages_v2"][1] <= 51
        assert counted["messages"][1] <= 30 + 3 * 20 + 5


@pytest.mark.parametrize(
    "breakage",
    [
        "grant execute on function public.list_conversations(integer, integer) to anon",
        "alter function public.get_messages(uuid, text, integer, text) reset search_path",
        "alter function public.get_conversation_version(uuid) security invoker",
        """
        create or replace function messaging.conversations_v1(p_user_id uuid)
        returns table (id uuid, last_message_at timestamptz) language sql stable
        set search_path = '' as
        'select p.conversation_id, pg_catalog.now() from public.conversation_participants as p'
        """,
        """
        create or replace function messaging.conversation_version(
            p_conversation_id uuid, p_user_id uuid
        ) returns text language sql stable set search_path = '' return 'v1'
        """,
        """
        create or replace function messaging.read_messages_v1(
            p_conversation_id uuid, p_cursor text, p_newer boolean, p_count integer
        ) returns setof messaging.message language plpgsql stable set search_path = ''
        as 'begin raise division_by_zero; end'
        """,
    ],
)
def test_verify_goes_red(
    migrated: TestDatabase, deployed_plan: Plan, people: People, breakage: str
) -> None:
    """Each thing that the script proves is broken once."""
    converse_v1(migrated, people, 3)
    assert_verify_goes_red(
        migrated, lambda: deployed_plan.run("verify", "merged_reading"), breakage
    )


def test_revert_takes_nothing_but_the_functions(
    deployed_plan: Plan, migrated: TestDatabase, people: People
) -> None:
    """Each system is read by itself again; the change can be deployed once more."""
    converse_v1(migrated, people, 1)
    deployed_plan.revert(deployed_plan.through("merged_reading") - 1)
    assert migrated.execute("select to_regprocedure('public.get_messages(uuid, text, int, text)')")
    deployed_plan.verify()
    deployed_plan.deploy()
    deployed_plan.verify()
