"""Change `prerequisites`: it names all that is missing, and creates nothing."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Plan

MISSING = psycopg.errors.ObjectNotInPrerequisiteState

# What is broken, and the words that must be in the message.
BROKEN = {
    "schema": ("alter schema auth rename to gone", ["schema auth", "table auth.users"]),
    "function": ("alter function auth.uid() rename to gone", ["function auth.uid()"]),
    "table": ("alter table public.help_requests rename to gone", ["table public.help_requests"]),
    "column": (
        "alter table public.help_requests rename column urgency to gone",
        ["column public.help_requests.urgency (text or enum)"],
    ),
    "column type": (
        """
        drop policy help_requests_select_approved on public.help_requests;
        alter table public.profiles
            alter column verification_status drop default,
            alter column verification_status type integer using 1
        """,
        ["column public.profiles.verification_status (text or enum)"],
    ),
    "key": (
        "alter table auth.users drop constraint users_pkey cascade",
        ["primary key auth.users (id)"],
    ),
    "publication": (
        "alter publication supabase_realtime owner to supabase_admin",
        ["ownership of publication supabase_realtime"],
    ),
    "several": (
        """
        alter table auth.users rename to gone;
        alter table public.profiles rename column verification_status to gone;
        alter function auth.uid() rename to gone;
        """,
        [
            "misses 3 prerequisite(s)",
            "table auth.users",
            "column public.profiles.verification_status",
            "function auth.uid()",
        ],
    ),
}


def test_an_empty_database_lacks_everything_in_one_message(empty_database: TestDatabase) -> None:
    """The message names each missing object, the detail how to get it, and nothing is made."""
    before = namespaces(empty_database)
    script = deploy_script()
    with pytest.raises(MISSING) as caught:
        empty_database.execute(script)
    message = caught.value.diag.message_primary or ""
    detail = caught.value.diag.message_detail or ""
    for thing in (
        "schema auth",
        "function auth.uid() returning uuid",
        "table auth.users",
        "table public.profiles",
        "table public.help_requests",
    ):
        assert thing in message
        assert f"{thing}: " in detail
    assert "sql/platform" in (caught.value.diag.message_hint or "")
    empty_database.execute("rollback")
    assert namespaces(empty_database) == before


def deploy_script() -> str:
    from carecli.resources import data_directory

    return (data_directory("migrations") / "deploy" / "prerequisites.sql").read_text("utf-8")


def namespaces(database: TestDatabase) -> list[tuple[Any, ...]]:
    return database.execute("select nspname from pg_namespace where nspname !~ '^pg_' order by 1")


@pytest.mark.parametrize("case", BROKEN)
def test_each_missing_thing_is_named(database: TestDatabase, plan: Plan, case: str) -> None:
    """One thing taken away is one thing named; several are named together."""
    breakage, words = BROKEN[case]
    database.connect(superuser=True).execute(breakage.encode())
    with pytest.raises(MISSING) as caught:
        plan.deploy(1)
    message = caught.value.diag.message_primary or ""
    assert [word for word in words if word not in message] == []


def test_each_missing_privilege_of_the_migrating_role_is_named(database: TestDatabase) -> None:
    """A role that may do nothing is told all that it needs, with the statements that give it."""
    with database.connect(superuser=True) as connection:
        connection.execute("create role carecli_test_stranger")
        try:
            connection.execute("set role carecli_test_stranger")
            with pytest.raises(MISSING) as caught:
                connection.execute(deploy_script().encode())
        finally:
            connection.execute("rollback")
            connection.execute("reset role")
            connection.execute("drop role carecli_test_stranger")
    told = f"{caught.value.diag.message_primary}\n{caught.value.diag.message_detail}"
    for words in (
        "privilege references on auth.users",
        "privilege select on public.profiles",
        "privilege select on public.help_requests",
        "privilege update on public.help_requests",
        "privilege references on public.help_requests",
        "sight of all rows of public.help_requests",
        "privilege usage on schema auth",
        "privilege create on schema public",
        "privilege create on the database",
        "ownership of publication supabase_realtime",
        "grant usage on schema auth to carecli_test_stranger",
    ):
        assert words in told


@pytest.mark.parametrize("case", ["function", "column", "column type"])
def test_verify_fails_where_a_prerequisite_went_away(
    database: TestDatabase, plan: Plan, case: str
) -> None:
    """The verify script uses the prerequisites, so it notices."""
    plan.deploy(1)
    database.connect(superuser=True).execute(BROKEN[case][0].encode())
    with pytest.raises(psycopg.Error):
        plan.verify()


@pytest.mark.parametrize(
    "body",
    ["select null::uuid", "select '00000000-0000-4000-8000-00000000dead'::uuid"],
    ids=["nobody", "always the same"],
)
def test_verify_fails_where_uid_does_not_read_the_claims(
    database: TestDatabase, plan: Plan, body: str
) -> None:
    """An auth.uid() that is there but knows nobody is no prerequisite."""
    plan.deploy(1)
    database.connect(superuser=True).execute(
        f"create or replace function auth.uid() returns uuid language sql as $${body}$$".encode()
    )
    with pytest.raises(psycopg.errors.AssertFailure, match=r"auth\.uid"):
        plan.verify()


def test_status_and_verification_may_be_enum_or_text(database: TestDatabase, plan: Plan) -> None:
    """With the types the other way round all changes deploy, verify and work."""
    database.connect(superuser=True).execute(
        b"""
        drop policy help_requests_select_approved on public.help_requests;
        create type public.help_status as enum
            ('open', 'in_progress', 'completed', 'cancelled', 'closed');
        alter table public.help_requests
            drop constraint help_requests_status_known,
            alter column status drop default,
            alter column status type public.help_status using status::public.help_status;
        alter table public.profiles
            alter column verification_status drop default,
            alter column verification_status type text;
        """
    )
    plan.deploy()
    plan.verify()
    ben = "e4774cdd-a079-3f86-414e-8b9140bb6db4"
    row = (
        database.as_role("authenticated", ben)
        .execute(
            """
            select
                public.create_conversation_atomic(
                    'a0000000-0000-4000-8000-000000000001', %(me)s, 'I can help you'
                ) ->> 'success',
                public.create_conversation_atomic(
                    'a0000000-0000-4000-8000-000000000005', %(me)s, 'I can help you'
                ) ->> 'error'
            """,
            {"me": ben},
        )
        .fetchone()
    )
    assert row == ("true", "help_request_unavailable")


def test_v1_restrictions_and_publication_may_be_missing(database: TestDatabase, plan: Plan) -> None:
    """Where the optional objects are not there, V2 deploys without them and says so."""
    database.connect(superuser=True).execute(
        b"""
        drop publication supabase_realtime;
        drop table public.messages, public.conversation_participants, public.conversations;
        drop table public.user_restrictions;
        """
    )
    plan.deploy()
    plan.verify()
    told = "\n".join(plan.notices)
    for thing in (
        "public.conversations",
        "public.messages",
        "public.user_restrictions",
        "publication supabase_realtime",
    ):
        assert thing in told
    plan.revert()


def test_publication_of_all_tables_is_left_alone(database: TestDatabase, plan: Plan) -> None:
    """A publication that has every table has ours already."""
    database.connect(superuser=True).execute(
        b"drop publication supabase_realtime; create publication supabase_realtime for all tables"
    )
    plan.deploy()
    plan.verify()


def test_nothing_is_left_by_the_change(database: TestDatabase, plan: Plan) -> None:
    """The change only looks."""
    before = namespaces(database)
    plan.deploy(1)
    plan.verify()
    assert namespaces(database) == before
    plan.revert()
