"""The look-alike of Supabase and of the V1 application."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from carecli.resources import data_directory
from tests.plugins.databases import TestDatabase
from tests.plugins.postgres import TestServer, uri
from tests.plugins.scratch import scratch_server

USER = UUID("3e334e85-9879-af25-6d38-27d651b7804a")
SCRIPTS = sorted((data_directory("sql") / "platform").glob("*.sql"))


def apply_platform(connection: psycopg.Connection) -> None:
    with connection.transaction():
        for script in SCRIPTS:
            connection.execute(script.read_bytes())


def user_id(connection: psycopg.Connection, claims: str | None, sub: str | None) -> Any:
    """Return auth.uid() with these settings; None leaves a setting alone."""
    for name, value in (("request.jwt.claims", claims), ("request.jwt.claim.sub", sub)):
        if value is not None:
            connection.execute("select set_config(%s, %s, false)", [name, value])
    row = connection.execute("select auth.uid()").fetchone()
    assert row is not None
    return row[0]


def test_platform_is_refused_where_schema_auth_exists(database: TestDatabase) -> None:
    """A second preparation, or a Supabase project, is refused and left as it is."""
    with pytest.raises(psycopg.errors.DuplicateSchema, match='already has a schema "auth"'):
        apply_platform(database.connect(superuser=True))


def test_platform_is_refused_to_a_role_without_the_rights(empty_database: TestDatabase) -> None:
    """The message says that it takes a superuser."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="it takes a superuser"):
        apply_platform(empty_database.as_role("anon"))


@pytest.mark.parametrize(
    ("claims", "sub", "expected"),
    [
        (None, None, None),
        ("", "", None),
        ("{}", None, None),
        ("null", None, None),
        ('{"sub": null}', None, None),
        (f'{{"sub": "{USER}"}}', None, USER),
        (None, str(USER), USER),
        ("", str(USER), USER),
        ('{"sub": "00000000-0000-4000-8000-00000000dead"}', str(USER), USER),
    ],
)
def test_uid_reads_both_kinds_of_claims(
    database: TestDatabase, claims: str | None, sub: str | None, expected: UUID | None
) -> None:
    """auth.uid() answers the user, or null where nobody is signed in."""
    assert user_id(database.as_role("authenticated"), claims, sub) == expected


@pytest.mark.parametrize("claims", ['{"sub": ', '{"sub": "somebody"}'])
def test_uid_raises_on_claims_that_are_none(database: TestDatabase, claims: str) -> None:
    """As on Supabase, garbled claims are an error of auth.uid(), not a user."""
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        user_id(database.as_role("authenticated"), claims, None)


def test_role_and_jwt_answer_the_claims(database: TestDatabase) -> None:
    """auth.role() and auth.jwt() read the same setting."""
    connection = database.as_role("authenticated", USER, {"email": "rosa@example.org"})
    row = connection.execute("select auth.role(), auth.jwt() ->> 'email'").fetchone()
    assert row == ("authenticated", "rosa@example.org")


def test_new_objects_of_the_owner_are_granted_to_everybody(database: TestDatabase) -> None:
    """Supabase's default privileges are there, so that the migrations have to revoke."""
    database.execute("set role postgres; create table public.probe (id int); reset role")
    rows = database.execute(
        """
        select role, pg_catalog.has_table_privilege(role, 'public.probe', 'insert, delete')
        from unnest(array['anon', 'authenticated', 'service_role']) as role
        """
    )
    assert rows == [("anon", True), ("authenticated", True), ("service_role", True)]


@pytest.mark.parametrize(
    ("role", "superuser", "bypasses", "inherits"),
    [
        ("anon", False, False, False),
        ("authenticated", False, False, False),
        ("service_role", False, True, False),
        ("authenticator", False, False, False),
        ("supabase_admin", True, True, True),
    ],
)
def test_roles_have_the_attributes_of_supabase(
    database: TestDatabase, role: str, superuser: bool, bypasses: bool, inherits: bool
) -> None:
    """Row security holds for those whom it must hold for."""
    rows = database.execute(
        "select rolsuper, rolsuper or rolbypassrls, rolinherit from pg_roles where rolname = %s",
        role,
    )
    assert rows == [(superuser, bypasses, inherits)]


def test_schema_auth_is_out_of_reach_of_the_migrating_role(database: TestDatabase) -> None:
    """As on Supabase, the owner of the application refers to auth.users but makes nothing there."""
    rows = database.execute(
        """
        select
            pg_catalog.has_schema_privilege('postgres', 'auth', 'create'),
            pg_catalog.has_table_privilege('postgres', 'auth.users', 'references'),
            pg_catalog.has_table_privilege('authenticated', 'auth.users', 'select')
        """
    )
    superuser = database.execute("select rolsuper from pg_roles where rolname = 'postgres'")
    assert rows == [(superuser == [(True,)], True, False)]


def test_every_object_of_the_platform_has_a_comment(database: TestDatabase) -> None:
    """Tables, columns, policies and functions say what they are."""
    rows = database.execute(
        """
        select c.oid::regclass::text || coalesce('.' || a.attname, '')
        from pg_class as c
        left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
        where c.relnamespace in ('public'::regnamespace, 'auth'::regnamespace)
            and c.relkind = 'r'
            and col_description(c.oid, coalesce(a.attnum, 0)) is null
        union all
        select p.polname from pg_policy as p where obj_description(p.oid, 'pg_policy') is null
        union all
        select f.oid::regprocedure::text from pg_proc as f
        where f.pronamespace = 'auth'::regnamespace and obj_description(f.oid, 'pg_proc') is null
        """
    )
    assert rows == []


def test_sample_may_be_applied_twice(database: TestDatabase) -> None:
    """The sample people and requests come once, however often they are asked for."""
    counts = "select (select count(*) from auth.users), (select count(*) from public.help_requests)"
    before = database.execute(counts)
    for script in sorted((data_directory("sql") / "sample").glob("*.sql")):
        database.execute(script.read_text(encoding="utf-8"))
    assert database.execute(counts) == before == [(4, 6)]


def test_two_databases_of_one_new_cluster_are_prepared_at_once(
    server: TestServer, new_name: Callable[[], str]
) -> None:
    """The roles belong to the cluster; both preparations make them, and neither fails."""
    if server.bin is None:
        # No programs to make a cluster with: the roles exist, the race is over the memberships.
        race([server.superuser_url(create(server, new_name())) for _ in range(2)])
        return
    with scratch_server(server.bin, superuser="supabase_admin") as parameters:
        given = {key: str(value) for key, value in parameters.items() if key != "dbname" and value}
        with psycopg.connect(uri(given, "postgres"), autocommit=True) as connection:
            for name in ("one", "two"):
                connection.execute(f"create database {name}".encode())
        race([uri(given, "one"), uri(given, "two")])


def create(server: TestServer, name: str) -> str:
    with server.administration() as connection:
        connection.execute(f"create database {name} template template0".encode())
    return name


def race(urls: list[str]) -> None:
    """Prepare all of the databases at the same moment; raise what any of them raised."""
    barrier = threading.Barrier(len(urls))
    errors: list[BaseException] = []

    def prepare(url: str) -> None:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                barrier.wait(timeout=60)
                apply_platform(connection)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=prepare, args=[url]) for url in urls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
