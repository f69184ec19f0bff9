"""The tables of V2: constraints, indexes, triggers, comments."""

from __future__ import annotations

import unicodedata
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People, Plan

TABLES = ("conversations_v2", "messages_v2", "conversation_reads_v2")
OURS = "({})".format(", ".join(f"'public.{table}'::regclass" for table in TABLES))

# https://www.unicode.org/Public/UCD/latest/ucd/PropList.txt, property White_Space.
WHITE_SPACE = [
    *map(chr, range(0x0009, 0x000E)),
    *map(chr, (0x0020, 0x0085, 0x00A0, 0x1680)),
    *map(chr, range(0x2000, 0x200B)),
    *map(chr, (0x2028, 0x2029, 0x202F, 0x205F, 0x3000)),
]


@pytest.fixture
def row(people: People) -> dict[str, Any]:
    """Give the columns of a sound conversation."""
    return {
        "help_request_id": people.open_request,
        "requester_id": people.rosa,
        "helper_id": people.ben,
        "initial_message": "I can help you",
    }


def insert(database: TestDatabase, table: str, row: dict[str, Any]) -> Any:
    columns = ", ".join(row)
    places = ", ".join(["%s"] * len(row))
    ((key,),) = database.execute(
        f"insert into public.{table} ({columns}) values ({places}) returning {next(iter(row))}"
        if table == "conversation_reads_v2"
        else f"insert into public.{table} ({columns}) values ({places}) returning id",
        *row.values(),
    )
    return key


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"help_request_id": uuid4()}, "conversations_v2_help_request_id_fkey"),
        ({"requester_id": uuid4()}, "conversations_v2_requester_id_fkey"),
        ({"helper_id": uuid4()}, "conversations_v2_helper_id_fkey"),
        (
            {"helper_id": UUID("3e334e85-9879-af25-6d38-27d651b7804a")},
            "conversations_v2_two_people",
        ),
        ({"initial_message": "123456789"}, "conversations_v2_initial_message_length"),
        ({"initial_message": "1234\u30006789 \u2003"}, "conversations_v2_initial_message_length"),
        ({"initial_message": "x" * 1001}, "conversations_v2_initial_message_length"),
        ({"status": "pending"}, "conversations_v2_status_known"),
        ({"origin": "v3"}, "conversations_v2_origin_known"),
    ],
)
def test_conversation_that_breaks_a_rule_is_refused(
    migrated: TestDatabase, row: dict[str, Any], changed: dict[str, Any], constraint: str
) -> None:
    """Each constraint of conversations_v2 is violated once."""
    with pytest.raises(psycopg.IntegrityError) as caught:
        insert(migrated, "conversations_v2", row | changed)
    assert caught.value.diag.constraint_name == constraint


def test_second_conversation_of_a_helper_on_a_request_is_refused(
    migrated: TestDatabase, row: dict[str, Any]
) -> None:
    """The unique constraint holds, and so does the primary key."""
    key = insert(migrated, "conversations_v2", row)
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        insert(migrated, "conversations_v2", row)
    assert caught.value.diag.constraint_name == "conversations_v2_help_request_id_helper_id_key"
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        insert(migrated, "conversations_v2", row | {"id": key})
    assert caught.value.diag.constraint_name == "conversations_v2_pkey"


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"conversation_id": uuid4()}, "messages_v2_conversation_id_fkey"),
        ({"sender_id": uuid4()}, "messages_v2_sender_id_fkey"),
        ({"content": "\u00a0\u2003\t"}, "messages_v2_content_length"),
        ({"content": "x" * 1001}, "messages_v2_content_length"),
    ],
)
def test_message_that_breaks_a_rule_is_refused(
    migrated: TestDatabase,
    row: dict[str, Any],
    people: People,
    changed: dict[str, Any],
    constraint: str,
) -> None:
    """Each constraint of messages_v2 is violated once."""
    key = insert(migrated, "conversations_v2", row)
    message = {"conversation_id": key, "sender_id": people.ben, "content": "x"}
    with pytest.raises(psycopg.IntegrityError) as caught:
        insert(migrated, "messages_v2", message | changed)
    assert caught.value.diag.constraint_name == constraint


def test_message_with_a_used_id_is_refused(
    migrated: TestDatabase, row: dict[str, Any], people: People
) -> None:
    """The primary key of messages_v2 holds."""
    key = insert(migrated, "conversations_v2", row)
    message = {"conversation_id": key, "sender_id": people.ben, "content": "x", "id": uuid4()}
    insert(migrated, "messages_v2", message)
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        insert(migrated, "messages_v2", message)
    assert caught.value.diag.constraint_name == "messages_v2_pkey"


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"conversation_id": uuid4()}, "conversation_reads_v2_conversation_id_fkey"),
        ({"user_id": uuid4()}, "conversation_reads_v2_user_id_fkey"),
        ({}, "conversation_reads_v2_pkey"),
    ],
)
def test_read_state_that_breaks_a_rule_is_refused(
    migrated: TestDatabase,
    row: dict[str, Any],
    people: People,
    changed: dict[str, Any],
    constraint: str,
) -> None:
    """Each constraint of conversation_reads_v2 is violated once."""
    key = insert(migrated, "conversations_v2", row)
    state = {"conversation_id": key, "user_id": people.ben}
    insert(migrated, "conversation_reads_v2", state)
    with pytest.raises(psycopg.IntegrityError) as caught:
        insert(migrated, "conversation_reads_v2", state | changed)
    assert caught.value.diag.constraint_name == constraint


def test_no_column_takes_null(migrated: TestDatabase) -> None:
    """Every column of the three tables is not null, but for one: mostly nobody has blocked."""
    rows = migrated.execute(
        f"""
        select attrelid::regclass::text, attname from pg_attribute
        where attrelid in {OURS} and attnum > 0 and not attisdropped and not attnotnull
        """
    )
    assert rows == [("conversations_v2", "blocked_by")]


@pytest.mark.parametrize("space", WHITE_SPACE, ids=lambda char: f"U+{ord(char):04X}")
def test_every_white_space_of_unicode_is_trimmed(
    migrated: TestDatabase, row: dict[str, Any], space: str
) -> None:
    """Function and constraints agree on what white space is."""
    padded = f"{space}12345{space}789{space}"
    assert migrated.execute("select messaging.trim_whitespace(%s)", padded) == [
        (f"12345{space}789",)
    ]
    with pytest.raises(psycopg.errors.CheckViolation):
        insert(migrated, "conversations_v2", row | {"initial_message": padded})


def test_nothing_but_white_space_is_trimmed(migrated: TestDatabase) -> None:
    """Of all other characters of the first plane none is taken away."""
    others = [
        chr(code)
        for code in range(1, 0x10000)
        if not 0xD800 <= code < 0xE000 and chr(code) not in WHITE_SPACE
    ]
    # Zero-width and format characters are no white space to Unicode, whatever they look like.
    assert "\u200b" in others
    assert unicodedata.category("\ufeff") == "Cf"
    rows = migrated.execute(
        "select char from unnest(%s::text[]) as char where messaging.trim_whitespace(char) <> char",
        others,
    )
    assert rows == []


def test_every_foreign_key_and_policy_column_leads_an_index(migrated: TestDatabase) -> None:
    """Cascades and policies find their rows by an index."""
    rows = migrated.execute(
        f"""
        select conrelid::regclass::text, conname
        from pg_constraint as c
        where conrelid in {OURS} and contype = 'f' and not exists (
            select from pg_index as i
            where i.indrelid = c.conrelid and i.indisvalid and i.indkey[0] = c.conkey[1]
        )
        """
    )
    assert rows == []


def test_names_follow_the_rule(migrated: TestDatabase) -> None:
    """Constraints are called <table>_<rule>, indexes <table>_<columns>_idx."""
    rows = migrated.execute(
        f"""
        select conname from pg_constraint as c join pg_class as r on r.oid = c.conrelid
        where conrelid in {OURS} and not pg_catalog.starts_with(conname, r.relname || '_')
        union all
        select i.indexrelid::regclass::text from pg_index as i
        join pg_class as r on r.oid = i.indrelid
        left join pg_constraint as c on c.conindid = i.indexrelid and c.contype in ('p', 'u')
        where i.indrelid in {OURS} and c.oid is null
            and i.indexrelid::regclass::text <> r.relname || '_' || (
                select string_agg(a.attname, '_' order by k.place)
                from unnest(i.indkey) with ordinality as k (number, place)
                join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number
            ) || '_idx'
        """
    )
    assert rows == []


def test_every_object_has_a_comment(migrated: TestDatabase) -> None:
    """Schema, tables, columns, policies, triggers and functions say what they are."""
    rows = migrated.execute(
        f"""
        select attrelid::regclass::text || '.' || attname from pg_attribute
        where attrelid in {OURS} and attnum > 0 and col_description(attrelid, attnum) is null
        union all
        select oid::regclass::text from pg_class
        where oid in {OURS} and obj_description(oid, 'pg_class') is null
        union all
        select polname from pg_policy
        where polrelid in {OURS} and obj_description(oid, 'pg_policy') is null
        union all
        select tgname from pg_trigger
        where tgrelid in {OURS} and not tgisinternal and obj_description(oid, 'pg_trigger') is null
        union all
        select oid::regprocedure::text from pg_proc
        where pronamespace in ('messaging'::regnamespace, 'public'::regnamespace)
            and obj_description(oid, 'pg_proc') is null
        union all
        select nspname from pg_namespace
        where nspname = 'messaging' and obj_description(oid, 'pg_namespace') is null
        """
    )
    assert rows == []


def test_every_function_pins_the_search_path(migrated: TestDatabase) -> None:
    """No function can be led astray by the search path of its caller.

    messaging.caller_id() alone has another one: it calls auth.uid(), which is not ours.
    """
    rows = migrated.execute(
        """
        select oid::regprocedure::text, proconfig from pg_proc
        where pronamespace in ('messaging'::regnamespace, 'public'::regnamespace)
            and array['search_path=""'] <@ proconfig is not true
        """
    )
    assert rows == [("messaging.caller_id()", ["search_path=pg_catalog, pg_temp"])]


def test_updated_at_is_kept_by_a_trigger(migrated: TestDatabase, row: dict[str, Any]) -> None:
    """A change moves updated_at, whatever the statement says; one that changes nothing does not."""
    key = insert(migrated, "conversations_v2", row)
    unchanged = migrated.execute(
        "update public.conversations_v2 set status = status where id = %s"
        " returning updated_at = created_at",
        key,
    )
    changed = migrated.execute(
        "update public.conversations_v2 set status = 'closed', updated_at = '2000-01-01'"
        " where id = %s returning updated_at > created_at",
        key,
    )
    assert (unchanged, changed) == ([(True,)], [(True,)])


def test_last_message_at_follows_the_messages(
    migrated: TestDatabase, row: dict[str, Any], people: People
) -> None:
    """The newest message counts, also when an older one is added after it."""
    key = insert(migrated, "conversations_v2", row)
    message = {"conversation_id": key, "sender_id": people.ben, "content": "x"}
    insert(migrated, "messages_v2", message | {"created_at": "2100-01-02"})
    insert(migrated, "messages_v2", message | {"created_at": "2100-01-01"})
    assert migrated.execute(
        "select last_message_at::date::text from public.conversations_v2 where id = %s", key
    ) == [("2100-01-02",)]


def test_messages_and_conversations_are_streamed(migrated: TestDatabase) -> None:
    """Both message tables are in the publication of Supabase Realtime."""
    rows = migrated.execute(
        """
        select tablename from pg_publication_tables
        where pubname = 'supabase_realtime' and tablename like '%_v2' order by tablename
        """
    )
    assert rows == [("conversations_v2",), ("messages_v2",)]


@pytest.mark.parametrize(
    "statement",
    [
        "delete from public.help_requests where id = %(open_request)s",
        "delete from auth.users where id = %(helper)s",
    ],
)
def test_what_belongs_to_a_request_or_a_person_goes_with_it(
    migrated: TestDatabase, row: dict[str, Any], people: People, statement: str
) -> None:
    """Conversation, messages and read state are deleted with the request or the account."""
    key = insert(migrated, "conversations_v2", row)
    insert(
        migrated,
        "messages_v2",
        {"conversation_id": key, "sender_id": people.ben, "content": "x"},
    )
    insert(migrated, "conversation_reads_v2", {"conversation_id": key, "user_id": people.ben})
    migrated.connect(superuser=True).execute(
        statement.encode(), {"open_request": people.open_request, "helper": people.ben}
    )
    assert migrated.execute(
        """
        select count(*) from (
            select id from public.conversations_v2
            union all select id from public.messages_v2
            union all select user_id from public.conversation_reads_v2
        ) as rest
        """
    ) == [(0,)]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("conversation_exists", 409),
        ("help_request_unavailable", 400),
        ("permission_denied", 403),
        ("validation_error", 400),
        ("not_found", 404),
        ("unauthorized", 401),
        ("rate_limit_exceeded", 429),
        ("rpc_error", 500),
        ("server_error", 500),
        ("something_else", None),
    ],
)
def test_error_codes_have_their_http_status(
    migrated: TestDatabase, code: str, status: int | None
) -> None:
    """The one place that knows the HTTP status knows every code of the contract."""
    assert migrated.execute("select messaging.http_status(%s)", code) == [(status,)]


def test_deploying_waits_no_longer_for_a_lock_than_it_is_told(
    database: TestDatabase, plan: Plan
) -> None:
    """The lock_timeout of the session counts, and what is deployed is all or nothing."""
    plan.deploy(1)
    with database.connect() as other, other.transaction():
        other.execute("update public.help_requests set title = title")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            plan.run("deploy", plan.changes[1], lock_timeout="100ms")
    assert database.execute("select to_regnamespace('messaging')") == [(None,)]
