"""Nobody acts in the name of another one, by function or table, at any point of the plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, Plan, invoke

FUNCTIONS = ("create_conversation_atomic", "send_message_v2", "get_conversation_v2")
TEXTS = {
    "create_conversation_atomic": "Cannot create conversation on behalf of another user",
    "send_message_v2": "Cannot send message on behalf of another user",
    "get_conversation_v2": "Cannot access conversation for another user",
}
TABLES = ("conversations_v2", "messages_v2", "conversation_reads_v2")

# Claims that are not those of the user in whose name the call is made.
STRANGERS = {
    "no claims": None,
    "empty claims": "",
    "claims without sub": "{}",
    "null sub": '{"sub": null}',
    "empty sub": '{"sub": ""}',
    "sub that is no uuid": '{"sub": "somebody"}',
    "sub that is a number": '{"sub": 7}',
    "sub that is an object": '{"sub": {"sub": "e4774cdd-a079-3f86-414e-8b9140bb6db4"}}',
    "JSON null": "null",
    "a list": "[]",
    "a string": '"e4774cdd-a079-3f86-414e-8b9140bb6db4"',
    "half a JSON": '{"sub": ',
    "deep JSON": "[" * 100_000,
    "no JSON": "e4774cdd-a079-3f86-414e-8b9140bb6db4",
    "a lone surrogate": '{"sub": "\\ud800"}',
    "a NUL": '{"sub": "\\u0000"}',
    "another user": '{"sub": "270c1b08-4f3f-146e-b578-7075158d9c53"}',
    "a user who does not exist": '{"sub": "00000000-0000-4000-8000-00000000dead"}',
}


def arguments(
    function: str, people: People, user: UUID | None, conversation: UUID | None
) -> tuple[Any, ...]:
    """Return arguments that would do something if the caller were that user."""
    if function == "create_conversation_atomic":
        return (people.in_progress_request, user, "I can give you a lift.")
    if function == "send_message_v2":
        return (conversation, user, "hello")
    return (conversation, user)


def seed(database: TestDatabase, people: People) -> UUID:
    """Make a conversation of Ben and Rosa, as the owner of the tables."""
    ((key,),) = database.execute(
        "insert into public.conversations_v2"
        " (help_request_id, requester_id, helper_id, initial_message)"
        " values (%s, %s, %s, 'I can help you') returning id",
        people.open_request,
        people.rosa,
        people.ben,
    )
    return UUID(str(key))


def contents(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Return all that V2 holds."""
    return database.execute(
        """
        select id, status, initial_message from public.conversations_v2
        union all select id, sender_id::text, content from public.messages_v2 order by 1
        """
    )


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_stranger_is_turned_away(
    migrated: TestDatabase, people: People, function: str, stranger: str
) -> None:
    """Whatever the claims are, nobody but Ben acts as Ben, and the answer never differs."""
    conversation = seed(migrated, people)
    before = contents(migrated)
    connection = migrated.as_role("authenticated", claims=STRANGERS[stranger])
    answer = invoke(connection, function, *arguments(function, people, people.ben, conversation))
    assert answer.pop("request_id").startswith("v2_")
    assert answer == {
        "success": False,
        "error": "permission_denied",
        "message": TEXTS[function],
        "http_status": 403,
        "details": {"reason": "not_the_caller"},
    }
    assert contents(migrated) == before


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("claims", [None, "", '{"sub": null}', '{"sub": "x"}'])
def test_nobody_in_the_name_of_nobody_is_turned_away(
    migrated: TestDatabase, people: People, function: str, claims: str | None
) -> None:
    """Null as the user equals no signed-in user, yet is a stranger."""
    conversation = seed(migrated, people)
    connection = migrated.as_role("authenticated", claims=claims)
    answer = invoke(connection, function, *arguments(function, people, None, conversation))
    assert (answer["error"], answer["message"]) == ("permission_denied", TEXTS[function])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_older_claim_setting_is_heeded(
    migrated: TestDatabase, people: People, function: str
) -> None:
    """request.jwt.claim.sub names the user too, hence can be a stranger's."""
    conversation = seed(migrated, people)
    connection = migrated.as_role("authenticated", claims="")
    connection.execute("select set_config('request.jwt.claim.sub', %s, false)", [str(people.mei)])
    answer = invoke(connection, function, *arguments(function, people, people.ben, conversation))
    assert answer["error"] == "permission_denied"
    connection.execute("select set_config('request.jwt.claim.sub', %s, false)", [str(people.ben)])
    answer = invoke(connection, function, *arguments(function, people, people.ben, conversation))
    assert answer["success"] is True


@pytest.mark.parametrize("function", FUNCTIONS)
def test_user_himself_gets_through(call: Call, people: People, function: str) -> None:
    """The check lets the right one in (otherwise the tests above would prove nothing)."""
    started = call(
        people.ben, "create_conversation_atomic", people.open_request, people.ben, "I can help you"
    )
    conversation = UUID(started["conversation_id"])
    answer = call(people.ben, function, *arguments(function, people, people.ben, conversation))
    assert answer["success"] is True


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_other_roles_may_not_call(
    migrated: TestDatabase, people: People, function: str, role: str
) -> None:
    """Even with the claims of the user, only role authenticated may call."""
    connection = migrated.as_role(role, people.ben)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        invoke(connection, function, *arguments(function, people, people.ben, people.nobody))


@pytest.mark.parametrize("function", ["send_message_v2", "get_conversation_v2"])
def test_outsider_cannot_tell_whether_a_conversation_exists(
    migrated: TestDatabase, people: People, function: str
) -> None:
    """For a third user an existing and a missing conversation give the same answer."""
    conversation = seed(migrated, people)
    connection = migrated.as_role("authenticated", people.mei)
    answers = [
        invoke(connection, function, *arguments(function, people, people.mei, key))
        for key in (conversation, people.nobody, None)
    ]
    for answer in answers:
        answer.pop("request_id")
    assert answers[0]["success"] is False
    assert json.dumps(answers[0]) == json.dumps(answers[1]) == json.dumps(answers[2])


def points(plan: Plan) -> Iterator[int]:
    """Deploy change by change and revert change by change; give how many are there each time."""
    for count in range(1, len(plan.changes) + 1):
        plan.deploy(count)
        yield count
    for count in range(len(plan.changes) - 1, -1, -1):
        plan.revert(count, carecli__allow_data_loss="on")
        yield count


def points_with_tables(plan: Plan) -> Iterator[int]:
    """Give the points of the plan at which the tables of V2 are there."""
    return (count for count in points(plan) if count >= 2)


ARGUMENTS = """
    select p.proname::text, p.proargnames[1:p.pronargs], p.proargtypes::regtype[]::text[]
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'public'::regnamespace and p.prorettype = 'jsonb'::regtype
        and exists (
            select from unnest(p.proargnames, p.proargtypes) as argument (name, type)
            where argument.name in ('p_user_id', 'p_helper_id', 'p_sender_id')
        )
    order by p.oid
"""


def calls_in_the_name_of(
    database: TestDatabase, people: People, user: UUID, conversation: UUID
) -> list[tuple[str, list[Any]]]:
    """Return a sound call of every function that takes a user, then one for each null in it."""
    sound: dict[str, Any] = {
        "p_help_request_id": people.in_progress_request,
        "p_conversation_id": conversation,
        "p_helper_id": user,
        "p_sender_id": user,
        "p_user_id": user,
        "p_status": "closed",
        "p_direction": "older",
        "integer": 1,
        "text": "I can give you a lift.",
    }
    calls: list[tuple[str, list[Any]]] = []
    for name, arguments, types in database.execute(ARGUMENTS):
        given = [
            sound[argument] if argument in sound else sound[kind]
            for argument, kind in zip(arguments, types, strict=True)
        ]
        calls.append((name, given))
        for place in range(len(given)):
            calls.append((name, [*given[:place], None, *given[place + 1 :]]))
    return calls


@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_no_impersonation_by_a_function_at_any_point_of_the_plan(
    database: TestDatabase, plan: Plan, people: People, role: str, signed_in: bool
) -> None:
    """After each change and each revert no function acts for another one, whatever is null."""
    connection = database.as_role(role, people.mei if signed_in else None)
    conversation = people.nobody
    answered = set()
    for count in points(plan):
        if count == 2 and conversation == people.nobody:
            conversation = seed(database, people)
        for function, given in calls_in_the_name_of(database, people, people.ben, conversation):
            try:
                answer = invoke(connection, function, *given)
            except psycopg.errors.InsufficientPrivilege:
                continue
            answered.add(function)
            assert answer["error"] == "permission_denied", (function, given, count)
            assert answer["details"] == {"reason": "not_the_caller"}, (function, given, count)
            assert (role, count >= 3) == ("authenticated", True), (function, given, count)
        if count >= 2:
            assert len(contents(database)) == 1
    assert set(FUNCTIONS) <= answered or role == "anon"


WRITES = {
    "insert a conversation": """
        insert into public.conversations_v2
            (help_request_id, requester_id, helper_id, initial_message)
        values (%(request)s, %(rosa)s, %(ben)s, 'in his name')
    """,
    "insert one of his own": """
        insert into public.conversations_v2
            (help_request_id, requester_id, helper_id, initial_message)
        values (%(request)s, %(rosa)s, %(me)s, 'past the function')
    """,
    "insert a message": """
        insert into public.messages_v2 (conversation_id, sender_id, content)
        values (%(conversation)s, %(ben)s, 'in his name')
    """,
    "rewrite a message": "update public.messages_v2 set content = 'other words'",
    "rewrite the first one": "update public.conversations_v2 set initial_message = 'other words'",
    "take over a conversation": "update public.conversations_v2 set helper_id = %(me)s",
    "forge the time": "update public.conversations_v2 set created_at = '2000-01-01'",
    "delete a conversation": "delete from public.conversations_v2",
    "delete a message": "delete from public.messages_v2",
    "empty a table": "truncate public.messages_v2",
    "forge read state": """
        insert into public.conversation_reads_v2 (conversation_id, user_id)
        values (%(conversation)s, %(me)s)
    """,
    "change read state": "update public.conversation_reads_v2 set last_read_at = now()",
}


def refuses(connection: psycopg.Connection, statement: str, values: dict[str, Any]) -> bool:
    """Tell whether the statement is refused for want of a privilege."""
    try:
        connection.execute(statement.encode(), values)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


@pytest.mark.parametrize("user", ["ben", "mei", None])
def test_no_write_to_a_table_at_any_point_of_the_plan(
    database: TestDatabase, plan: Plan, people: People, user: str | None
) -> None:
    """Neither a participant nor a stranger nor nobody writes past the functions."""
    me = getattr(people, user) if user else None
    connections = [database.as_role(role, me) for role in ("authenticated", "anon")]
    values = {
        "request": people.in_progress_request,
        "rosa": people.rosa,
        "ben": people.ben,
        "me": me,
    }
    for count in points_with_tables(plan):
        if "conversation" not in values:
            values["conversation"] = seed(database, people)
        allowed = [
            (name, connections.index(connection))
            for name, write in WRITES.items()
            for connection in connections
            if not refuses(connection, write, values)
        ]
        assert (count, allowed) == (count, [])


def test_only_the_two_people_see_a_conversation_at_any_point_of_the_plan(
    database: TestDatabase, plan: Plan, people: People
) -> None:
    """Both people read it; a stranger and nobody read nothing; anon may not even ask."""
    seen: dict[UUID | None, int] = {people.rosa: 1, people.ben: 1, people.mei: 0, None: 0}
    readers = {reader: database.as_role("authenticated", reader) for reader in seen}
    anon = database.as_role("anon")
    conversation = None
    for count in points_with_tables(plan):
        if conversation is None:
            conversation = seed(database, people)
            database.execute(
                "insert into public.messages_v2 (conversation_id, sender_id, content)"
                " values (%s, %s, 'hello')",
                conversation,
                people.rosa,
            )
            database.execute(
                "insert into public.conversation_reads_v2 (conversation_id, user_id)"
                " select %s, unnest(%s::uuid[])",
                conversation,
                [people.rosa, people.ben],
            )
        for table in TABLES:
            select = f"select from public.{table}"
            for reader, connection in readers.items():
                rows = connection.execute(select.encode()).fetchall()
                assert len(rows) == seen[reader], (table, reader, count)
            assert refuses(anon, select, {}), (table, count)


def test_only_the_two_people_change_the_status_at_any_point_of_the_plan(
    database: TestDatabase, plan: Plan, people: People
) -> None:
    """The one column that may be updated is updated by a participant alone."""
    update = b"update public.conversations_v2 set status = 'archived' where status = 'active'"
    strangers = [database.as_role("authenticated", user) for user in (people.mei, None)]
    rosa = database.as_role("authenticated", people.rosa)
    conversation = None
    for count in points_with_tables(plan):
        conversation = conversation or seed(database, people)
        database.execute("update public.conversations_v2 set status = 'active'")
        assert [stranger.execute(update).rowcount for stranger in strangers] == [0, 0], count
        assert rosa.execute(update).rowcount == 1, count


def test_temporary_type_of_the_caller_does_not_run_with_the_rights_of_the_owner(
    migrated: TestDatabase, people: People
) -> None:
    """A domain that shadows uuid, text or jsonb is not used inside the functions."""
    connection = migrated.as_role("authenticated", people.ben)
    connection.execute(
        b"""
        create temporary table caught (who name);
        create function pg_temp.catch() returns boolean language plpgsql as $$
        begin
            insert into caught values (current_user);
            return true;
        end $$;
        create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.catch());
        create domain pg_temp.text as pg_catalog.text check (pg_temp.catch());
        create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.catch());
        grant all on caught to public;
        """
    )
    started = connection.execute(
        b"select public.create_conversation_atomic(%s::pg_catalog.uuid, %s::pg_catalog.uuid,"
        b" 'I can help you'::pg_catalog.text)",
        [str(people.open_request), str(people.ben)],
    ).fetchone()
    assert started is not None
    assert started[0]["success"] is True
    for statement in (
        b"select public.send_message_v2(%s::pg_catalog.uuid, %s::pg_catalog.uuid, 'hello')",
        b"select public.get_conversation_v2(%s::pg_catalog.uuid, %s::pg_catalog.uuid)",
    ):
        row = connection.execute(
            statement, [started[0]["conversation_id"], str(people.ben)]
        ).fetchone()
        assert row is not None
        assert row[0]["success"] is True
    assert connection.execute(b"select who from caught").fetchall() == []
