"""The attacks work where there is a hole, and find nothing where there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from carecli.verification import Part
from tests.plugins.databases import TestDatabase, cloned
from tests.plugins.messaging import Plan
from tests.plugins.postgres import TestServer
from tests.plugins.probes import Probe, probe_url, run_scripts

HERE = Path(__file__).parent
UNSOUND = sorted((HERE / "probing" / "unsound").glob("*.sql"))
FUNCTIONS = (
    "create_conversation_atomic(uuid,uuid,text)",
    "send_message_v2(uuid,uuid,text)",
    "get_conversation_v2(uuid,uuid)",
)
CHECK = "is distinct from v_caller_id"
CHECKED = """
    select function.oid::regprocedure::text, pg_catalog.pg_get_functiondef(function.oid)
    from pg_catalog.pg_proc as function
    where function.pronamespace = 'public'::regnamespace
        and function.prosrc like '%is distinct from v_caller_id%'
"""


def found(part: Part, check: str) -> set[str]:
    """Return the objects of the findings of one check."""
    assert part.skipped is None
    return {finding.object for finding in part.findings if finding.check == check}


def details(part: Part, check: str, name: str) -> str:
    """Return what the findings of a check say about one object, a line each."""
    return "\n".join(
        finding.detail
        for finding in part.findings
        if (finding.check, finding.object) == (check, name)
    )


def test_sound_database_has_no_finding(migrated: TestDatabase, probe_database: Probe) -> None:
    """On a database with the whole plan, hundreds of attacks come to nothing."""
    part = probe_database(migrated)
    assert (part.name, part.findings, part.skipped) == ("probes", (), None)
    assert part.checked > 500


@pytest.mark.parametrize("strategy", ["internal", "percentage", "enabled"])
def test_rollout_is_no_finding(
    migrated: TestDatabase, probe_database: Probe, strategy: str
) -> None:
    """Whoever is on V2, only the application's server is told so of others, by design."""
    migrated.execute("update messaging.rollout set strategy = %s, percentage = 50;", strategy)
    assert probe_database(migrated).findings == ()


def test_no_finding_at_any_point_of_the_plan(
    database: TestDatabase, plan: Plan, probe_database: Probe
) -> None:
    """After each change on its own no attack works, and no proper call fails."""
    seen = {}
    for count in range(1, len(plan.changes) + 1):
        plan.deploy(count)
        part = probe_database(database)
        seen[plan.changes[count - 1]] = (part.findings, part.skipped is None)
    first = plan.changes[0]
    assert seen == {change: ((), change != first) for change in plan.changes}


def test_sound_neighbours_are_no_finding(migrated: TestDatabase, probe_database: Probe) -> None:
    """Functions and views of others that check who calls, or are not about us, are left alone."""
    run_scripts(migrated, *sorted((HERE / "probing" / "sound").glob("*.sql")))
    assert probe_database(migrated).findings == ()


@pytest.fixture(scope="module")
def unsound(
    server: TestServer, new_name: Callable[[], str], migrated_template: str
) -> Iterator[Part]:
    """Give what is found in a database with everything that somebody might add tomorrow."""
    for database in cloned(server, new_name(), migrated_template):
        run_scripts(database, *UNSOUND)
        yield probe_url(database.url)


@pytest.mark.parametrize("script", UNSOUND, ids=lambda path: path.stem)
def test_what_is_added_without_a_check_is_found(unsound: Part, script: Path) -> None:
    """A function or view that nobody told us about is attacked, and its hole is shown."""
    told = re.search(r"^-- Finds: (\w+), (.*)$", script.read_text(), re.MULTILINE)
    assert told is not None
    assert told[2] in found(unsound, told[1])


def test_findings_name_objects_and_remedies(unsound: Part) -> None:
    """Each finding says who did what, to which object, and what mends it."""
    errors = [finding for finding in unsound.findings if finding.level == "error"]
    assert len(errors) > len(UNSOUND) / 2
    for finding in errors:
        assert re.match(
            r"(function|procedure|aggregate|table|(materialized )?view) \w+\.\w+", finding.object
        )
        assert re.match(r"as (anon|authenticated)|(anon|authenticated) may", finding.detail)
        assert finding.object.removeprefix("materialized ").partition(" ")[2] in finding.remediation


@pytest.fixture(scope="module")
def published(
    server: TestServer, new_name: Callable[[], str], platform_template: str
) -> Iterator[Part]:
    """Give what is found in a database with the functions as they were first published."""
    for database in cloned(server, new_name(), platform_template):
        run_scripts(
            database, *(HERE / "published" / f"{name}.sql" for name in ("tables", "functions"))
        )
        yield probe_url(database.url)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("check", "deed"),
    [
        pytest.param("impersonation", r"as anon without claims, called", id="not equal"),
        pytest.param("anonymous_call", r"as anon without claims, called", id="everybody"),
        pytest.param("search_path", r"empty search path: 42P01", id="search path"),
    ],
)
def test_published_functions_show_their_holes(
    published: Part, function: str, check: str, deed: str
) -> None:
    """The check with <>, EXECUTE for everybody and names looked up in the caller's path."""
    assert re.search(deed, details(published, check, f"function public.{function}"))


@pytest.mark.parametrize(
    ("table", "deed"),
    [
        ("conversations_v2", "began a conversation past the function"),
        ("conversations_v2", "updated id, help_request_id, requester_id, helper_id, initial_mess"),
        ("messages_v2", "wrote a message past the function"),
        ("messages_v2", "wrote a message into a conversation of others"),
        ("messages_v2", "may truncate"),
    ],
)
def test_published_tables_show_their_holes(published: Part, table: str, deed: str) -> None:
    """INSERT and UPDATE of whole rows, which were granted, are made use of."""
    assert deed in details(published, "direct_write", f"table public.{table}")


def test_published_functions_act_for_another(published: Part) -> None:
    """The finding says that a row was written in the name of another user."""
    told = details(published, "impersonation", "function public.send_message_v2(uuid,uuid,text)")
    assert "wrote a row of public.messages_v2 in the name of the helper (sender_id)" in told


@pytest.mark.parametrize("replacement", ["<> v_caller_id", "is null"])
def test_each_weakened_check_is_found(
    migrated: TestDatabase, probe_database: Probe, replacement: str
) -> None:
    """A check that lets null or anybody through is found in each function that has one."""
    functions = migrated.execute(CHECKED)
    assert len(functions) >= 6
    for _, definition in functions:
        migrated.execute(definition.replace(CHECK, replacement))
    names = {f"function public.{signature.removeprefix('public.')}" for signature, _ in functions}
    assert found(probe_database(migrated), "impersonation") >= names


NO_RESTRICTIONS = """
do $$
declare
    v_definition text;
begin
    for v_definition in
        select pg_get_functiondef(function.oid)
        from pg_proc as function
        where function.prosrc ~ 'from public.user_restrictions as'
    loop
        execute replace(
            v_definition,
            'from public.user_restrictions as',
            'from (select * from public.user_restrictions limit 0) as'
        );
    end loop;
end;
$$
"""

WEAKENED = {
    "rows for everybody": (
        "alter policy messages_v2_select_participant on public.messages_v2 using (true)",
        "direct_read", "table public.messages_v2",
    ),
    "no row level security": (
        "alter table public.conversations_v2 disable row level security",
        "direct_read", "table public.conversations_v2",
    ),
    "first system open": (
        "alter table public.messages disable row level security",
        "direct_read", "table public.messages",
    ),
    "read state of others": (
        ("alter policy"
        " conversation_reads_v2_select_own on public.conversation_reads_v2 using (true)"),
        "direct_read", "table public.conversation_reads_v2",
    ),
    "insert granted": (
        "grant insert on public.conversations_v2 to authenticated",
        "direct_write", "table public.conversations_v2",
    ),
    "one column granted": (
        "grant update (initial_message) on public.conversations_v2 to authenticated",
        "direct_write", "table public.conversations_v2",
    ),
    "no guard of blocks": (
        "alter table public.conversations_v2 disable trigger conversations_v2_guard_block",
        "blocked_user", "table public.conversations_v2",
    ),
    "restrictions are not looked at": (
        NO_RESTRICTIONS, "banned_user", "function public.send_message_v2(uuid,uuid,text)",
    ),
    "settings shown": (
        "grant usage on schema messaging to anon; grant select on messaging.limits to anon",
        "direct_read", "table messaging.limits",
    ),
    "settings written": (
        "grant usage on schema messaging to anon; grant update on messaging.limits to anon",
        "direct_write", "table messaging.limits",
    ),
    "execute for anon": (
        "grant execute on function public.list_conversations(integer, integer) to anon",
        "anonymous_call", "function public.list_conversations(integer,integer)",
    ),
    "nobody is ever signed in": (
        ("create or replace function messaging.caller_id() returns uuid language sql stable"
        " set search_path = '' return null::uuid"),
        "control", "function public.send_message_v2(uuid,uuid,text)",
    ),
    "people do not see their own": (
        "drop policy conversations_v2_select_participant on public.conversations_v2",
        "control", "table public.conversations_v2",
    ),
    "claims raise errors": (
        ("create or replace function messaging.caller_id() returns uuid language sql stable"
        " set search_path = '' return auth.uid()"),
        "unexpected_error", "function public.send_message_v2(uuid,uuid,text)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", WEAKENED)
def test_each_fault_is_found(migrated: TestDatabase, probe_database: Probe, fault: str) -> None:
    """What opens a sound database is found by making use of it."""
    statement, check, name = WEAKENED[fault]
    migrated.execute(statement)
    part = probe_database(migrated)
    assert name in found(part, check)
