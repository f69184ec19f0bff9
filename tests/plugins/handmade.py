"""Databases that others have made: by hand, by a push, by an earlier tool."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

__all__ = ["FOLDER", "HANDMADE", "MakeByHand", "catalogue_of", "drop_registry", "offer"]

FOLDER = Path(__file__).resolve().parent.parent / "handmade"

HANDMADE = {"base": ("base",), "published fix": ("base", "fix"), "rough": ("rough",)}
"""The scripts of `tests/handmade`, in the order in which they were run, by what they leave."""

MakeByHand = Callable[[str], TestDatabase]

# Without the order of columns, which a table keeps from how it was made.
CATALOGUE = """
with ours as (
    select c.oid::regclass::text as name, c.* from pg_class as c
    where c.relnamespace::regnamespace::text in ('public', 'messaging')
)
select concat('relation ', name, relkind, relrowsecurity, relforcerowsecurity,
    relowner::regrole, relacl) from ours where relkind <> 'i'
union all
select concat('column ', name, '.', attname, ' ', format_type(atttypid, atttypmod), attnotnull,
    pg_get_expr(adbin, adrelid), attacl, col_description(ours.oid, attnum))
from ours join pg_attribute on attrelid = ours.oid and attnum > 0 and not attisdropped
    and relkind <> 'i'
left join pg_attrdef on adrelid = ours.oid and adnum = attnum
union all
select concat('constraint ', conname, ' ', name, pg_get_constraintdef(c.oid), convalidated)
from ours join pg_constraint as c on conrelid = ours.oid
union all
select concat(pg_get_indexdef(indexrelid), indisvalid)
from ours join pg_index on indrelid = ours.oid
union all
select concat(pg_get_triggerdef(t.oid), tgenabled)
from ours join pg_trigger as t on tgrelid = ours.oid and not tgisinternal
union all
select concat('policy ', policyname, tablename, permissive, roles, cmd, qual, with_check)
from pg_policies where schemaname = 'public'
union all
select concat('routine ', oid::regprocedure, proowner::regrole, proacl, pg_get_functiondef(oid))
from pg_proc where pronamespace::regnamespace::text in ('public', 'messaging')
union all
select concat('comment ', pg_describe_object(classoid, objoid, objsubid), description)
from pg_description
where objoid >= 16384 and pg_describe_object(classoid, objoid, objsubid) !~ 'sqitch'
union all
select concat('published ', pubname, schemaname, tablename) from pg_publication_tables
union all
select concat('schema ', nspname, nspowner::regrole, nspacl) from pg_namespace
where nspname !~ '^pg_' and nspname <> 'sqitch'
union all
select 'type ' || oid::regtype from pg_type
where typnamespace::regnamespace::text in ('public', 'messaging')
"""


def catalogue_of(database: TestDatabase) -> set[str]:
    """Return a line for each thing in schemas public and messaging, its definition included."""
    return {line for (line,) in database.execute(CATALOGUE)}


@pytest.fixture
def make_by_hand(database: TestDatabase) -> MakeByHand:
    """Give a function that makes one of the hand-made databases: `make_by_hand("base")`."""

    def make(kind: str) -> TestDatabase:
        for script in HANDMADE[kind]:
            with psycopg.connect(database.url, autocommit=True) as connection:
                connection.execute((FOLDER / f"{script}.sql").read_bytes())
        return database

    return make


def offer(database: TestDatabase, people: People, **values: object) -> str:
    """Write a conversation of Ben on Rosa's request into a hand-made table; return its id."""
    row = {
        "help_request_id": people.open_request,
        "requester_id": people.rosa,
        "helper_id": people.ben,
        "initial_message": "I can bring the groceries.",
        **values,
    }
    names = ", ".join(name for name, value in row.items() if value is not None)
    given = [value for value in row.values() if value is not None]
    ((key,),) = database.execute(
        f"insert into public.conversations_v2 ({names}) values"
        f" ({', '.join(['%s'] * len(given))}) returning id::text",
        *given,
    )
    return str(key)


def drop_registry(database: TestDatabase) -> None:
    """Leave a migrated database as a tool without a registry would."""
    database.execute("drop schema sqitch cascade")
