"""Nobody acts in the name of another one, by function or table, at any point of the plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
ALL = 3

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


def nulls_among(given: Sequence[object]) -> list[list[object]]:
    """Return the arguments, then once for each of them with that one null."""
    nulls = ([*given[:place], None, *given[place + 1 :]] for place in range(len(given)))
    return [list(given), *nulls]


@pytest.mark.parametrize("changes", range(ALL + 1))
@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_no_impersonation_by_a_function_at_any_point_of_the_plan(
    database: TestDatabase, plan: Plan, people: People, changes: int, role: str, signed_in: bool
) -> None:
    """After each change and each revert no function acts for another one, whatever is null."""
    plan.deploy()
    plan.revert(changes)
    if changes < ALL:
        plan.revert(0)
        plan.deploy(changes)
    conversation = seed(database, people) if changes >= 2 else people.nobody
    connection = database.as_role(role, people.mei if signed_in else None)
    calls = [
        (function, given)
        for function in FUNCTIONS
        for given in nulls_among(arguments(function, people, people.ben, conversation))
    ]
    for function, given in calls:
        try:
            answer = invoke(connection, function, *given)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFunction):
            continue
        assert answer["error"] == "permission_denied"
        assert (role, changes) == ("authenticated", ALL)
    if changes >= 2:
        assert len(contents(database)) == 1


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


@pytest.mark.parametrize("changes", [2, ALL])
@pytest.mark.parametrize("user", ["ben", "mei", None])
@pytest.mark.parametrize("write", WRITES)
def test_no_write_to_a_table_at_any_point_of_the_plan(
    database: TestDatabase,
    plan: Plan,
    people: People,
    changes: int,
    user: str | None,
    write: str,
) -> None:
    """Neither a participant nor a stranger nor nobody writes past the functions."""
    plan.deploy(changes)
    conversation = seed(database, people)
    me = getattr(people, user) if user else None
    values = {
        "request": people.in_progress_request,
        "rosa": people.rosa,
        "ben": people.ben,
        "me": me,
        "conversation": conversation,
    }
    for role in ("authenticated", "anon"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.as_role(role, me).execute(WRITES[write].encode(), values)


@pytest.mark.parametrize("changes", [2, ALL])
def test_only_the_two_people_see_a_conversation_at_any_point_of_the_plan(
    database: TestDatabase, plan: Plan, people: People, changes: int
) -> None:
    """Both people read it; a stranger and nobody read nothing; anon may not even ask."""
    plan.deploy(changes)
    conversation = seed(database, people)
    database.execute(
        "insert into public.messages_v2 (conversation_id, sender_id, content)"
        " values (%s, %s, 'hello')",
        conversation,
        people.rosa,
    )
    for user in (people.rosa, people.ben):
        database.execute(
            "insert into public.conversation_reads_v2 (conversation_id, user_id) values (%s, %s)",
            conversation,
            user,
        )
    readers: dict[UUID | None, int] = {people.rosa: 1, people.ben: 1, people.mei: 0, None: 0}
    for reader, seen in readers.items():
        connection = database.as_role("authenticated", reader)
        for table in TABLES:
            rows = connection.execute(f"select from public.{table}".encode()).fetchall()
            assert len(rows) == seen, (table, reader)
    for table in TABLES:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.as_role("anon").execute(f"select from public.{table}".encode())


@pytest.mark.parametrize("changes", [2, ALL])
def test_only_the_two_people_change_the_status(
    database: TestDatabase, plan: Plan, people: People, changes: int
) -> None:
    """The one column that may be updated is updated by a participant alone."""
    plan.deploy(changes)
    seed(database, people)
    update = b"update public.conversations_v2 set status = 'archived' where status = 'active'"
    assert database.as_role("authenticated", people.mei).execute(update).rowcount == 0
    assert database.as_role("authenticated").execute(update).rowcount == 0
    assert database.as_role("authenticated", people.rosa).execute(update).rowcount == 1


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
