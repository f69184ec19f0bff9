"""Reverts refuse to lose rows, and leave nothing behind."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People, Plan

CATALOGUE = """
select 'relation ' || c.oid::regclass || ' ' || coalesce(c.relacl::text, '')
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'sqitch')
union all
select 'routine ' || p.oid::regprocedure || ' ' || md5(pg_get_functiondef(p.oid))
    || coalesce(p.proacl::text, '')
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'sqitch')
union all
select 'schema ' || nspname || coalesce(nspacl::text, '') from pg_namespace
where nspname !~ '^pg_' and nspname <> 'sqitch'
union all
select 'constraint ' || conname || ' ' || conrelid::regclass || pg_get_constraintdef(oid)
from pg_constraint where conrelid <> 0 and connamespace::regnamespace::text <> 'sqitch'
union all
select 'index ' || pg_get_indexdef(indexrelid) from pg_index
where indrelid::regclass::text !~ '^(pg_|sqitch|information_schema)'
union all
select 'column ' || attrelid::regclass || '.' || attname || ' ' || atttypid::regtype
    || coalesce(attacl::text, '')
from pg_attribute join pg_class as c on c.oid = attrelid
join pg_namespace as n on n.oid = relnamespace
where n.nspname in ('public', 'auth', 'messaging') and attnum > 0 and not attisdropped
union all
select 'comment ' || pg_describe_object(classoid, objoid, objsubid) || ' ' || description
from pg_description where objoid >= 16384
union all
select 'default privileges ' || defaclrole::regrole || defaclnamespace || defaclacl::text
from pg_default_acl
union all
select 'trigger ' || tgname || ' ' || tgrelid::regclass from pg_trigger where not tgisinternal
union all
select 'policy ' || polname || ' ' || polrelid::regclass from pg_policy
union all
select 'published ' || schemaname || '.' || tablename from pg_publication_tables
union all
select 'type ' || t.oid::regtype from pg_type as t join pg_namespace as n on n.oid = t.typnamespace
where n.nspname in ('public', 'auth', 'messaging')
order by 1
"""

MESSAGE = (
    "insert into public.messages_v2 (conversation_id, sender_id, content) values (%s, %s, 'x')"
)
READ = "insert into public.conversation_reads_v2 (conversation_id, user_id) values (%s, %s)"


def fill(database: TestDatabase, people: People) -> None:
    """Put a row into each table."""
    ((key,),) = database.execute(
        "insert into public.conversations_v2"
        " (help_request_id, requester_id, helper_id, initial_message)"
        " values (%s, %s, %s, 'I can help you') returning id",
        people.open_request,
        people.rosa,
        people.ben,
    )
    for user in (people.rosa, people.ben):
        database.execute(MESSAGE, key, user)
    database.execute(READ, key, people.ben)


def counts(database: TestDatabase) -> list[tuple[Any, ...]]:
    return database.execute(
        """
        select
            (select count(*) from public.conversations_v2),
            (select count(*) from public.messages_v2),
            (select count(*) from public.conversation_reads_v2)
        """
    )


def test_each_revert_leaves_what_was_there_before(database: TestDatabase, plan: Plan) -> None:
    """The catalogue after each revert is that before the deploy of its change, object by object."""
    before = []
    for count in range(1, len(plan.changes) + 1):
        before.append(database.execute(CATALOGUE))
        plan.deploy(count)
    for count in range(len(plan.changes) - 1, -1, -1):
        reverted = plan.changes[count]
        plan.revert(count)
        assert (reverted, database.execute(CATALOGUE)) == (reverted, before[count])


def test_revert_refuses_to_lose_rows_and_names_them(
    deployed_plan: Plan, migrated: TestDatabase, people: People
) -> None:
    """The message names each table with its number of rows; the hint, what to do."""
    fill(migrated, people)
    deployed_plan.revert(2)
    with pytest.raises(psycopg.errors.ObjectInUse) as caught:
        deployed_plan.revert(1)
    message = caught.value.diag.message_primary or ""
    for words in (
        "public.conversations_v2 (1 rows)",
        "public.messages_v2 (2 rows)",
        "public.conversation_reads_v2 (1 rows)",
    ):
        assert words in message
    assert "carecli.allow_data_loss" in (caught.value.diag.message_hint or "")
    assert counts(migrated) == [(1, 2, 1)]


@pytest.mark.parametrize("value", ["off", "", "true", "1", "ON "])
def test_nothing_but_on_allows_the_loss(
    deployed_plan: Plan, migrated: TestDatabase, people: People, value: str
) -> None:
    """A setting that is nearly `on` is not."""
    fill(migrated, people)
    deployed_plan.revert(2)
    with pytest.raises(psycopg.errors.ObjectInUse):
        deployed_plan.revert(1, carecli__allow_data_loss=value)
    assert counts(migrated) == [(1, 2, 1)]


def test_loss_may_be_allowed(deployed_plan: Plan, migrated: TestDatabase, people: People) -> None:
    """With carecli.allow_data_loss = on the rows go."""
    fill(migrated, people)
    deployed_plan.revert(0, carecli__allow_data_loss="on")
    assert migrated.execute("select to_regclass('public.conversations_v2')") == [(None,)]


def test_taking_the_functions_back_loses_nothing(
    deployed_plan: Plan, migrated: TestDatabase, people: People
) -> None:
    """All but the change that made the tables can be reverted and deployed again over rows."""
    fill(migrated, people)
    deployed_plan.revert(2)
    deployed_plan.verify()
    deployed_plan.deploy()
    deployed_plan.verify()
    assert counts(migrated) == [(1, 2, 1)]


def test_revert_does_not_miss_a_row_that_comes_meanwhile(
    deployed_plan: Plan, migrated: TestDatabase, people: People
) -> None:
    """A row that a transaction has not committed yet is waited for, and then counted."""
    deployed_plan.revert(2)
    with migrated.connect() as writer, writer.transaction():
        writer.execute(
            "insert into public.conversations_v2"
            " (help_request_id, requester_id, helper_id, initial_message)"
            " values (%s, %s, %s, 'I can help you')",
            [people.open_request, people.rosa, people.ben],
        )
        with pytest.raises(psycopg.errors.LockNotAvailable):
            deployed_plan.revert(1, lock_timeout="100ms")
    with pytest.raises(psycopg.errors.ObjectInUse):
        deployed_plan.revert(1)
