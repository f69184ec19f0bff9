"""No call of the application reads a table from its beginning to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

CONVERSATIONS = 2000
LARGE = 1000  # rows; a table of a few pages is read whole, and should be

# Ids that a test can name: conversation n is between Ben, who answers, and one of many who asked.
FILL = """
set session_replication_role = replica;
insert into auth.users (id) select md5('owner ' || n)::uuid from generate_series(1, {count}) as n;
insert into public.profiles (id, name, verification_status, email_confirmed)
    select md5('owner ' || n)::uuid, 'Somebody', 'approved', true
      from generate_series(1, {count}) as n;
insert into public.help_requests (id, user_id, title, category)
    select md5('request ' || n)::uuid, md5('owner ' || (n - 1) % {count} + 1)::uuid, 'Something',
           'other'
      from generate_series(1, {count} + 50) as n;
insert into public.conversations_v2
       (id, help_request_id, requester_id, helper_id, initial_message, created_at, last_message_at)
    select md5('conversation ' || n)::uuid, md5('request ' || n)::uuid, md5('owner ' || n)::uuid,
           case when n % 10 = 0 then '{ben}'::uuid else md5('owner ' || n % {count} + 1)::uuid end,
           'I can help you.', timestamptz '2026-01-01' + n * interval '1 minute',
           timestamptz '2026-02-01' + n * interval '1 minute'
      from generate_series(1, {count}) as n;
insert into public.messages_v2 (conversation_id, sender_id, content, created_at)
    select md5('conversation ' || n)::uuid, md5('owner ' || n)::uuid, 'Thank you!',
           timestamptz '2026-01-01' + n * interval '1 minute' + m * interval '1 second'
      from generate_series(1, {count}) as n, generate_series(1, 10) as m;
insert into public.conversation_reads_v2 (conversation_id, user_id, last_read_at)
    select md5('conversation ' || n)::uuid, md5('owner ' || n)::uuid, timestamptz '2026-01-15'
      from generate_series(1, {count}) as n;
insert into public.conversations (id, help_request_id, created_by)
    select md5('old ' || n)::uuid, md5('request ' || n)::uuid,
           md5('owner ' || n % {count} + 1)::uuid
      from generate_series(1, {count}) as n;
insert into public.conversation_participants (conversation_id, user_id)
    select md5('old ' || n)::uuid, person.id
      from generate_series(1, {count}) as n,
           lateral (values (md5('owner ' || n)::uuid),
                           (case when n % 10 = 0 then '{ben}'::uuid
                                 else md5('owner ' || n % {count} + 1)::uuid end)) as person (id);
insert into public.messages (conversation_id, sender_id, recipient_id, content)
    select md5('old ' || n)::uuid, md5('owner ' || n)::uuid,
           md5('owner ' || n % {count} + 1)::uuid, 'Hello'
      from generate_series(1, {count}) as n, generate_series(1, 5) as m;
insert into public.user_restrictions (user_id, reason, expires_at)
    select md5('owner ' || n)::uuid, 'Long ago', timestamptz '2026-01-01'
      from generate_series(1, {count}) as n;
insert into messaging.rpc_events (occurred_at, request_id, service, method, event, duration_ms)
    select now(), n::text, 'MessagingServiceV2', 'sendMessage', 'success', 1
      from generate_series(1, {count}) as n;
reset session_replication_role;
update messaging.limits set maximum = 1000;
select messaging.set_rollout('enabled', null, 'Everything is to be tried');
analyze;
"""

Calls = Sequence[tuple[str, tuple[Any, ...]]]


def mine(number: int) -> UUID:
    """Return the id of a conversation of Ben's."""
    return md5(f"conversation {number * 10}")


def md5(text: str) -> UUID:
    """Return the id that the database makes of a text."""
    import hashlib

    return UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


@pytest.fixture
def large(migrated: TestDatabase, people: People) -> TestDatabase:
    """Give a database in which the server would rather not read a table to its end."""
    with migrated.connect(superuser=True) as connection:
        connection.execute(FILL.format(count=CONVERSATIONS, ben=people.ben).encode())
    return migrated


@pytest.fixture
def whole_reads(large: TestDatabase) -> Callable[[psycopg.Connection], dict[str, int]]:
    """Give a function that tells which large tables the open transaction has read to their end."""
    rows = large.execute(
        "select oid::regclass::text from pg_class where reltuples >= %s and relkind = 'r'", LARGE
    )
    names = {name for (name,) in rows}
    assert {"conversations_v2", "messages_v2", "help_requests", "profiles"} <= names

    def read(connection: psycopg.Connection) -> dict[str, int]:
        found = connection.execute(
            "select relid::regclass::text, seq_scan from pg_stat_xact_all_tables where seq_scan > 0"
        )
        return {name: count for name, count in found if name in names}

    return read


def calls_of(function: str, people: People) -> Calls:
    """Return ten calls, so that the later ones run with the plans that are kept."""
    numbers = range(1, 11)
    arguments: dict[str, Callable[[int], tuple[Any, ...]]] = {
        "create_conversation_atomic": lambda n: (
            md5(f"request {CONVERSATIONS + n}"), people.ben, "I can help you.",
        ),
        "start_help_conversation": lambda n: (
            md5(f"request {CONVERSATIONS + 20 + n}"), "I can help you.",
        ),
        "send_message_v2": lambda n: (mine(n), people.ben, "When?"),
        "send_message": lambda n: (mine(n), "When?", md5(f"client {n}")),
        "get_conversation_v2": lambda n: (mine(n), people.ben),
        "get_messages_v2": lambda n: (mine(n), people.ben, "2026-01-10T00:00:00Z"),
        "get_messages": lambda n: (mine(n) if n % 2 else md5(f"old {n * 10}"),),
        "list_conversations_v2": lambda n: (people.ben, n, 10),
        "list_conversations": lambda n: (n, 10),
        "mark_conversation_read_v2": lambda n: (mine(n), people.ben),
        "set_conversation_status_v2": lambda n: (mine(n), people.ben, "closed"),
        "get_conversation_version": lambda n: (mine(n),),
        "is_messaging_v2_enabled": lambda n: (people.ben,),
        "list_error_codes": lambda n: (),
    }  # fmt: skip
    return [(function, arguments[function](number)) for number in numbers]


def test_no_function_reads_a_large_table_to_its_end(
    large: TestDatabase,
    people: People,
    whole_reads: Callable[[psycopg.Connection], dict[str, int]],
) -> None:
    """Not in the first call and not in the tenth, of any function that signed-in users have."""
    functions = large.execute(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace"
        " and has_function_privilege('authenticated', oid, 'execute') order by proname"
    )
    found = {}
    for (function,) in functions:
        with large.as_role("authenticated", people.ben) as connection:
            for name, arguments in calls_of(function, people):
                with connection.transaction():
                    made(connection, name, arguments)
                    if read := whole_reads(connection):
                        found[function] = read
    assert found == {}


def made(connection: psycopg.Connection, function: str, arguments: tuple[Any, ...]) -> None:
    """Call a function, which has to succeed."""
    statement = sql.SQL("select public.{}({})").format(
        sql.Identifier(function), sql.SQL(", ").join([sql.Placeholder()] * len(arguments))
    )
    row = connection.execute(statement, arguments).fetchone()
    assert row is not None
    assert not isinstance(row[0], dict) or row[0]["success"], row[0]


@pytest.mark.parametrize("table", ["conversations_v2", "messages_v2", "conversation_reads_v2"])
def test_policies_let_indexes_be_used(
    large: TestDatabase,
    people: People,
    whole_reads: Callable[[psycopg.Connection], dict[str, int]],
    table: str,
) -> None:
    """What is read past the functions, under the policies, is found by its index too."""
    column = "id" if table == "conversations_v2" else "conversation_id"
    with large.as_role("authenticated", people.ben) as connection, connection.transaction():
        connection.execute(f"select count(*) from public.{table} where {column} = %s", [mine(1)])
        assert whole_reads(connection) == {}


def test_reading_to_the_end_is_noticed(
    large: TestDatabase, whole_reads: Callable[[psycopg.Connection], dict[str, int]]
) -> None:
    """Without its index a query is told on."""
    with large.connect() as connection, connection.transaction():
        connection.execute("select from public.messages_v2 where content = 'x'")
        assert whole_reads(connection) == {"messages_v2": 1}
