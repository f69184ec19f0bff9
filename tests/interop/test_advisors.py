"""Supabase's own advisors, run by Supabase's own command, find nothing in what our plan makes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.forwarding import TcpUrl

pytestmark = [pytest.mark.slow, pytest.mark.peer("supabase")]

Advise = Callable[[TestDatabase], list[dict[str, Any]]]
Finding = tuple[str, str]

# What is as it should be, and why.
INTENDED = {
    # Each function in public asks first who is calling; that is what the plan is about. (The
    # command's own copy of the advisors does not look for it yet, those of the dashboard do.)
    "authenticated_security_definer_function_executable",
    # Counted by the server since the tables were made; nobody has read these yet.
    "unused_index",
}


@pytest.fixture
def advise(peer: Callable[[str], Path], tcp_url: TcpUrl, tmp_path: Path) -> Advise:
    """Give a function that returns every finding on a database, down to the lowest level."""
    # No home of the user's, no proxy, no word to anybody about this run.
    environment = {"HOME": str(tmp_path), "SUPABASE_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"}

    def run(database: TestDatabase) -> list[dict[str, Any]]:
        command = [
            *(str(peer("supabase")), "db", "advisors", "--db-url", tcp_url(database)),
            *("--type", "all", "--level", "info", "--fail-on", "none", "--output-format", "json"),
        ]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)["results"]
        return found

    return run


def objects(database: TestDatabase) -> set[str]:
    """Return schema and name of every relation and function outside of the server's own."""
    rows = database.execute(
        "select relnamespace::regnamespace::text || '.' || relname from pg_class"
        " where relnamespace::regnamespace::text !~ '^(pg_|information_schema)'"
        " union select pronamespace::regnamespace::text || '.' || proname from pg_proc"
        " where pronamespace::regnamespace::text !~ '^(pg_|information_schema)'"
    )
    return {name for (name,) in rows}


def place(metadata: Mapping[str, Any]) -> str:
    """Return schema and name of what a finding is about."""
    return f"{metadata.get('schema')}.{metadata.get('name')}"


def ours(found: list[dict[str, Any]], strange: set[str]) -> set[Finding]:
    """Return the findings that are not about what was there before our plan.

    Arguments:
        found: the findings.
        strange: the objects of others; sqitch's registry is another's too.
    """
    places = [(finding["name"], place(finding["metadata"])) for finding in found]
    return {
        (name, where)
        for name, where in places
        if where not in strange and not where.startswith("sqitch.")
    }


def test_advisors_find_nothing(
    database: TestDatabase, migrated: TestDatabase, advise: Advise
) -> None:
    """No finding of any kind or level, but for what is intended."""
    found = ours(advise(migrated), objects(database))
    assert {finding for finding in found if finding[0] not in INTENDED} == set()


def test_advisors_would_find_something(
    database: TestDatabase, migrated: TestDatabase, advise: Advise
) -> None:
    """The filter above lets through what is wrong with a table, a view, a policy, a function."""
    before = ours(advise(migrated), objects(database))
    migrated.execute(
        "alter table public.messages_v2 disable row level security;"
        "create view public.all_messages as select id from public.messages_v2;"
        "drop index public.conversation_reads_v2_user_id_idx;"
        "alter function messaging.request_id() reset search_path;"
        "create policy everybody on public.conversations_v2 for select to authenticated"
        " using (auth.uid() is not null);"
    )
    assert ours(advise(migrated), objects(database)) - before == {
        ("rls_disabled_in_public", "public.messages_v2"),
        ("policy_exists_rls_disabled", "public.messages_v2"),
        ("security_definer_view", "public.all_messages"),
        ("unindexed_foreign_keys", "public.conversation_reads_v2"),
        ("function_search_path_mutable", "messaging.request_id"),
        ("multiple_permissive_policies", "public.conversations_v2"),
        ("auth_rls_initplan", "public.conversations_v2"),
    }


def test_only_signed_in_users_may_call_what_is_intended(
    database: TestDatabase, migrated: TestDatabase
) -> None:
    """What the dashboard's two advisors on definer functions list: ours, and nothing for anon."""
    before = objects(database)
    rows = migrated.execute(
        "select 'public.' || proname, prosecdef, has_function_privilege('anon', oid, 'execute'),"
        " has_function_privilege('authenticated', oid, 'execute')"
        " from pg_proc where pronamespace = 'public'::regnamespace"
    )
    functions = {name: rights for name, *rights in rows if name not in before}
    assert len(functions) >= 3
    assert {
        name: rights for name, rights in functions.items() if rights != [True, False, True]
    } == {}
