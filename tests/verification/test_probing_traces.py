"""Probing a live database leaves nothing in it and holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from carecli.errors import LockNotAvailable
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, invoke
from tests.plugins.postgres import TestServer, uri
from tests.plugins.probes import Probe, contents, probe_url, run_scripts

HERE = Path(__file__).parent / "probing"

# What is there beside us writes wherever it can: numbers, notifications, triggers on our people.
LIVE = """
create table public.audit (id bigserial primary key, what text);
create function public.audit_profile() returns trigger language plpgsql security definer
set search_path = '' as $$
begin
    insert into public.audit (what) values ('profile');
    perform pg_catalog.pg_notify('traces', 'profile');
    return new;
end;
$$;
create trigger audit_profile after insert on public.{} for each row
execute function public.audit_profile();
"""


@pytest.fixture
def live(migrated: TestDatabase, call: Call, people: People) -> TestDatabase:
    """Give a database in which people write to each other, and others have added things."""
    begun = call(people.ben, "create_conversation_atomic", people.open_request, people.ben,
                 "I can bring the groceries.")  # fmt: skip
    assert call(people.rosa, "send_message_v2", begun["conversation_id"], people.rosa, "Thank you")
    run_scripts(migrated, *sorted(HERE.glob("*sound/*.sql")))
    return migrated


def test_nothing_is_left(live: TestDatabase, probe_database: Probe) -> None:
    """No row, no number of a sequence, no lock, no notification, no temporary object."""
    listener = live.connect()
    listener.execute("listen nudges")
    before = contents(live)
    part = probe_database(live)
    assert part.checked > 1000
    assert part.findings
    assert contents(live) == before
    assert list(listener.notifies(timeout=0, stop_after=1)) == []
    held = "select locktype, mode from pg_locks where database = %s::oid and pid <> %s"
    ((oid,),) = live.execute("select oid from pg_database where datname = current_database()")
    own = listener.info.backend_pid
    rows = listener.execute(held, [oid, own]).fetchall()
    assert rows == []


def test_session_is_left_as_it_was(migrated: TestDatabase, probe_database: Probe) -> None:
    """Neither the role, nor the claims, nor a timeout of the connection stays changed."""
    from carecli.database import Choice
    from carecli.migrator.target import Target
    from carecli.project import Project
    from carecli.resources import data_directory
    from carecli.settings import Settings
    from carecli.verification.probing import probe

    settings = (
        "select current_user, current_setting('lock_timeout'), current_setting('search_path'),"
        " current_setting('statement_timeout'), current_setting('transaction_read_only'),"
        " coalesce(current_setting('request.jwt.claims', true), '')"
    )
    connection = migrated.connect()
    project = Project.load(data_directory("migrations"))
    before = connection.execute(settings.encode()).fetchone()
    probe(Target(project, Choice(migrated.url, "test"), connection, Settings()))
    assert connection.execute(settings.encode()).fetchone() == before
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_live_traffic_goes_on(live: TestDatabase, people: People, probe_database: Probe) -> None:
    """While a database is probed, calls in it succeed and wait for no lock."""
    ((conversation,),) = live.execute("select id from public.conversations_v2")
    connection = live.as_role("authenticated", people.rosa)
    connection.execute("set lock_timeout = '300ms'")
    live.execute("select messaging.set_limit('send_message', 1000000, '1 minute')")
    ended = threading.Event()
    answers: list[bool] = []

    def write() -> None:
        while not ended.is_set():
            answer = invoke(connection, "send_message_v2", conversation, people.rosa, "Hello")
            listed = invoke(connection, "list_conversations_v2", people.rosa)
            answers.append(answer["success"] and listed["success"])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        probe_database(live)
    finally:
        ended.set()
        writer.join()
    assert len(answers) > 10
    assert all(answers)


def test_locked_tables_are_not_waited_for(migrated: TestDatabase, probe_database: Probe) -> None:
    """Where somebody holds a table, the probe gives up and says so, and leaves nothing."""
    holder = migrated.connect(autocommit=False)
    holder.execute("lock table public.messages_v2 in access exclusive mode")
    with pytest.raises(LockNotAvailable, match="are locked"):
        probe_database(migrated)
    holder.rollback()
    assert contents(migrated)["messages_v2"] == []


@pytest.fixture
def without_roles(server: TestServer, migrated: TestDatabase) -> Iterator[str]:
    """Give the URL of the database for a role that may not act as any other."""
    role = f"{migrated.name}_auditor"
    with server.administration() as connection:
        connection.execute(SQL("create role {} login password 'x'").format(Identifier(role)))
        yield uri({**server.migrator, "user": role}, migrated.name)
        connection.execute(SQL("drop role {}").format(Identifier(role)))


def test_role_that_cannot_be_taken_is_a_finding(without_roles: str) -> None:
    """A role that may not become `authenticated` is told what to grant; that is no silence."""
    part = probe_url(without_roles)
    assert {(finding.check, finding.level, finding.object) for finding in part.findings} == {
        ("set_role", "error", f"role {role}") for role in ("anon", "authenticated", "service_role")
    }
    assert part.findings[0].remediation.startswith("grant anon to ")


def test_nothing_to_probe_is_said(database: TestDatabase, probe_database: Probe) -> None:
    """Without the tables of V2 the part says that it did not run, and why."""
    part = probe_database(database)
    assert part.skipped is not None
    assert "conversations_v2" in part.skipped


EXTRA_COLUMNS = """
create type public.pronoun as enum ('she', 'he', 'they');
alter table public.profiles
    add column number bigint generated always as identity,
    add column counter serial,
    add column pronoun public.pronoun not null default 'they',
    add column born date not null default '2000-01-01',
    add column tags text[] not null default '{}',
    add column handle varchar(20) not null default gen_random_uuid()::varchar(20) unique;
alter table public.profiles alter column pronoun drop default, alter column born drop default,
    alter column tags drop default, alter column handle drop default;
alter table public.help_requests add column settings jsonb, add column wanted interval;
update public.help_requests set settings = '{}', wanted = '1 day';
alter table public.help_requests alter column settings set not null, alter wanted set not null;
"""


def test_extra_columns_get_values(migrated: TestDatabase, probe_database: Probe) -> None:
    """Victims are made in tables with columns we do not know; their sequences are not asked."""
    migrated.execute(EXTRA_COLUMNS)
    before = contents(migrated)
    assert probe_database(migrated).findings == ()
    assert contents(migrated) == before


NEW_PROFILE = """
create function public.greet() returns trigger language plpgsql security definer
set search_path = '' as $$
begin
    insert into public.profiles (id, name) values (new.id, 'New here');
    return new;
end;
$$;
grant execute on function public.greet() to public;
"""


def test_profile_made_by_a_trigger(migrated: TestDatabase, probe_database: Probe) -> None:
    """An application that makes the profile when somebody signs up is no obstacle."""
    migrated.execute(NEW_PROFILE)
    migrated.connect(superuser=True).execute(
        "create trigger greet after insert on auth.users for each row"
        " execute function public.greet()"
    )
    assert probe_database(migrated).findings == ()


def test_people_are_borrowed_where_making_some_would_leave_a_trace(
    migrated: TestDatabase, probe_database: Probe, helpers: Callable[[int], list[UUID]]
) -> None:
    """Where a trigger would number a row, people who are there take the parts."""
    helpers(4)
    migrated.execute(LIVE.replace("{}", "profiles"))
    before = contents(migrated)
    assert probe_database(migrated).findings == ()
    assert contents(migrated) == before


def test_no_victims_is_said(migrated: TestDatabase, probe_database: Probe) -> None:
    """Where a trigger on our table would leave a trace, nothing is attacked, and that is said."""
    migrated.execute(LIVE.replace("{}", "conversations_v2"))
    before = contents(migrated)
    (finding,) = probe_database(migrated).findings
    assert (finding.check, finding.level) == ("seed", "warning")
    assert "public.audit numbers its rows by a sequence" in finding.detail
    assert contents(migrated) == before


SLOW = """
create function public.slow(p_conversation_id uuid) returns bigint language sql security definer
set search_path = '' as $$
    select count(*) from public.messages_v2, pg_catalog.pg_sleep(60);
$$;
"""


def test_slow_function_does_not_hold_up_the_probe(
    migrated: TestDatabase, probe_database: Probe
) -> None:
    """A function that takes too long is left, and named; the others are probed all the same."""
    migrated.execute(SLOW)
    part = probe_database(migrated)
    (finding,) = part.findings
    assert (finding.check, finding.level) == ("not_probed", "info")
    assert finding.object == "function public.slow(uuid)"
    assert part.seconds < 30
