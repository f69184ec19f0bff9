"""Who may do what with the tables and functions of V2, as the catalogue says."""

from __future__ import annotations

import pytest

from tests.plugins.databases import TestDatabase

TABLES = ("conversations_v2", "messages_v2", "conversation_reads_v2")
OURS = "({})".format(", ".join(f"'public.{table}'::regclass" for table in TABLES))
PRIVILEGES = ("select", "insert", "update", "delete", "truncate", "references", "trigger")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    ("role", "granted"),
    [
        ("anon", set()),
        ("authenticated", {"select"}),
        ("service_role", {"select", "insert", "update", "delete"}),
    ],
)
def test_privileges_on_tables(
    migrated: TestDatabase, table: str, role: str, granted: set[str]
) -> None:
    """The roles have these privileges on the tables and no other."""
    rows = migrated.execute(
        "select p from unnest(%s::text[]) as p where pg_catalog.has_table_privilege(%s, %s, p)",
        list(PRIVILEGES),
        role,
        f"public.{table}",
    )
    assert {privilege for (privilege,) in rows} == granted


def test_signed_in_users_may_change_the_status_alone(migrated: TestDatabase) -> None:
    """Of all columns, authenticated may update one."""
    rows = migrated.execute(
        f"""
        select attrelid::regclass::text, attname, privilege
        from pg_attribute, unnest(array['insert', 'update', 'references']) as privilege
        where attrelid in {OURS} and attnum > 0
            and has_column_privilege('authenticated', attrelid, attnum, privilege)
        """
    )
    assert rows == [("conversations_v2", "status", "update")]


def test_internals_are_out_of_reach(migrated: TestDatabase) -> None:
    """anon and authenticated have no privilege on schema messaging, nor on what is in it."""
    rows = migrated.execute(
        """
        select role, 'schema' from unnest(array['anon', 'authenticated']) as role
        where has_schema_privilege(role, 'messaging', 'usage')
            or has_schema_privilege(role, 'messaging', 'create')
        union all
        select role, c.oid::regclass::text
        from unnest(array['anon', 'authenticated']) as role, pg_class as c
        where c.relnamespace = 'messaging'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
            and has_any_column_privilege(role, c.oid, 'select, insert, update, references')
        union all
        select role, p.oid::regprocedure::text
        from unnest(array['anon', 'authenticated']) as role, pg_proc as p
        where p.pronamespace = 'messaging'::regnamespace
            and pg_get_userbyid(p.proowner) <> role
            and has_function_privilege(role, p.oid, 'execute')
        """
    )
    assert rows == []


def test_service_role_only_calls_operations_functions(migrated: TestDatabase) -> None:
    """In schema messaging it calls definer functions that are granted to it, and no other."""
    granted = migrated.execute(
        """
        select bool_and(prosecdef), bool_or(proname = 'maintain_event_log') from pg_proc
        where pronamespace = 'messaging'::regnamespace
            and has_function_privilege('service_role', oid, 'execute')
        """
    )
    schema = migrated.execute(
        """
        select has_schema_privilege('service_role', 'messaging', 'usage'),
            has_schema_privilege('service_role', 'messaging', 'create')
        """
    )
    assert (granted, schema) == ([(True, True)], [(True, False)])


def test_row_security_is_on_and_policies_are_for_signed_in_users(migrated: TestDatabase) -> None:
    """Each policy is to authenticated and asks for the user once a statement, not once a row."""
    rows = migrated.execute(
        f"select oid::regclass::text from pg_class where oid in {OURS} and not relrowsecurity"
    )
    assert rows == []
    policies = migrated.execute(
        """
        select policyname, roles::text[], coalesce(qual, '') || coalesce(with_check, '')
        from pg_policies where tablename = any(%s)
        """,
        list(TABLES),
    )
    assert len(policies) == 8
    for name, roles, expression in policies:
        assert roles == ["authenticated"], name
        assert "SELECT auth.uid()" in expression, name
        assert expression.count("auth.uid()") == expression.count("SELECT auth.uid()"), name
