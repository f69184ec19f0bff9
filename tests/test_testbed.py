"""The fixtures keep the promises that the other tests rely on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.postgres import TestServer


def test_owner_is_no_superuser(empty_database: TestDatabase) -> None:
    """The role that migrates owns the database and has no more than Supabase gives."""
    rows = empty_database.execute(
        "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, current_user = d.owner "
        "from pg_roles, (select pg_get_userbyid(datdba) as owner from pg_database "
        "where datname = current_database()) as d where rolname = current_user"
    )
    assert rows == [(False, True, True, True, True)]


def test_superuser_url_is_a_superuser(empty_database: TestDatabase) -> None:
    """The other URL logs in as `supabase_admin`, a superuser."""
    with psycopg.connect(empty_database.superuser_url) as connection:
        row = connection.execute("select current_user, current_setting('is_superuser')").fetchone()
    assert row == ("supabase_admin", "on")


def test_databases_are_separate(empty_database: TestDatabase) -> None:
    """What one test creates, no other test sees."""
    empty_database.execute("create table public.left_behind ()")
    assert empty_database.execute("select count(*) from pg_tables where schemaname = 'public'") == [
        (1,)
    ]


def test_version_is_the_servers(server: TestServer, empty_database: TestDatabase) -> None:
    """The version that tests branch on is what the server says of itself."""
    assert empty_database.execute("select current_setting('server_version_num')::int / 10000") == [
        (server.version,)
    ]


def test_command_does_not_see_the_shell(carecli_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that choose a database are taken out of the environment of the command."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nowhere.invalid/x")
    monkeypatch.setenv("PGHOST", "nowhere.invalid")
    monkeypatch.setenv("CI", "true")
    assert not {"DATABASE_URL", "PGHOST", "CI"} & carecli_run.environment().keys()


def test_command_runs(carecli_run: Run) -> None:
    """The installed command answers."""
    assert "carecli" in carecli_run("--version", check=0).stdout


def test_platform_is_in_the_database(database: TestDatabase) -> None:
    """The look-alike of Supabase and the sample people are there, and the owner may read them."""
    assert database.execute("select count(*) > 0 from public.profiles") == [(True,)]


def test_role_is_the_one_of_a_request(database: TestDatabase) -> None:
    """A connection as a role is no superuser's and carries the user of the claims."""
    user = "3e334e85-9879-af25-6d38-27d651b7804a"
    row = (
        database.as_role("authenticated", user)
        .execute(
            "select session_user, current_user, current_setting('is_superuser'), auth.uid()::text"
        )
        .fetchone()
    )
    assert row == ("authenticator", "authenticated", "off", user)


def test_role_without_a_user_has_no_claims(database: TestDatabase) -> None:
    """Where no user is named, the claims are not even set."""
    row = (
        database.as_role("authenticated")
        .execute("select auth.uid(), current_setting('request.jwt.claims', true)")
        .fetchone()
    )
    assert row == (None, None)


def test_claims_may_be_garbled(database: TestDatabase) -> None:
    """A string is set as it is, so that tests can send what no JWT would hold."""
    row = (
        database.as_role("anon", claims="{not json")
        .execute("select current_setting('request.jwt.claims', true)")
        .fetchone()
    )
    assert row == ("{not json",)


def test_plan_is_in_the_migrated_database(migrated: TestDatabase) -> None:
    """Our whole plan is deployed there, and recorded as sqitch records it."""
    assert migrated.execute("select count(*) >= 3 from sqitch.changes") == [(True,)]


@pytest.mark.peer("sqitch")
def test_peer_is_a_program(peer: Callable[[str], Path]) -> None:
    """A peer that is installed is found, wherever its package puts it."""
    assert os.access(peer("sqitch"), os.X_OK)
