"""Partitions of the event log: made ahead, done without, filled and dropped beside live calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, Plan, invoke
from tests.plugins.sessions import at_once, in_background, until_waiting

GET = "get_conversation_v2"
INSERT = """
    insert into messaging.rpc_events (occurred_at, request_id, service, method, event, duration_ms)
    values (%s, 'v2_1', 'MessagingServiceV2', 'sendMessage', 'success', 1)
"""
PLACES = """
    select tableoid::regclass::text, count(*) from messaging.rpc_events group by 1 order by 1
"""
DEFAULT = "messaging.rpc_events_default"


def today() -> date:
    """Return the present day of UTC."""
    return datetime.now(UTC).date()


def partition(day: date) -> str:
    """Return the name of the partition of a day."""
    return f"messaging.rpc_events_{day:%Y%m%d}"


def noon(days_ago: int) -> datetime:
    """Return noon, UTC, so many days ago."""
    return datetime.combine(today() - timedelta(days_ago), datetime.min.time(), UTC) + timedelta(
        hours=12
    )


def partitions(database: TestDatabase) -> set[str]:
    """Return the names of the partitions."""
    return {
        name
        for (name,) in database.execute(
            "select relid::regclass::text from pg_partition_tree('messaging.rpc_events')"
            " where isleaf"
        )
    }


def maintain(database: TestDatabase) -> dict[str, Any]:
    """Run the maintenance as the owner."""
    ((report,),) = database.execute("select messaging.maintain_event_log()")
    result: dict[str, Any] = report
    return result


@pytest.fixture(autouse=True)
def of_today(request: pytest.FixtureRequest) -> None:
    """Where midnight passed since the template was made, let it be as if it was made today."""
    if "migrated" in request.fixturenames:
        database = request.getfixturevalue("migrated")
        if partition(today() + timedelta(7)) not in partitions(database):
            database.execute(f"drop table {partition(today() - timedelta(1))}")
            maintain(database)


def test_deploy_makes_the_partitions_of_seven_days_ahead(migrated: TestDatabase) -> None:
    """There are today's, those of the next seven days, and the default one."""
    ahead = {partition(today() + timedelta(days)) for days in range(8)}
    assert partitions(migrated) == ahead | {DEFAULT}


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("style", ["ISO", "SQL, DMY"])
def test_days_are_those_of_utc(migrated: TestDatabase, zone: str, style: str) -> None:
    """Whatever the time zone and the date style of the session, a partition holds a day of UTC."""
    day = today() + timedelta(days=60)
    migrated.execute("select set_config('timezone', %s, false)", zone)
    migrated.execute("select set_config('datestyle', %s, false)", style)
    first = datetime.combine(day, datetime.min.time(), UTC)
    for moment in (first, first + timedelta(days=1, microseconds=-1)):
        migrated.execute(INSERT, moment)
    report = maintain(migrated)
    assert report["created"] == [f"rpc_events_{day:%Y%m%d}"]
    assert migrated.execute(PLACES) == [(partition(day), 2)]


def test_call_without_a_partition_goes_to_the_default_one(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Where nobody makes partitions, calls are logged all the same, and sorted later."""
    migrated.execute(f"drop table {partition(today())}")
    call(people.ben, GET, people.nobody, people.ben)
    assert migrated.execute(PLACES) == [(DEFAULT, 1)]
    before = migrated.execute("select * from messaging.rpc_events")
    report = maintain(migrated)
    assert (report["moved"], report["created"]) == (1, [partition(today()).split(".")[1]])
    assert migrated.execute(PLACES) == [(partition(today()), 1)]
    assert migrated.execute("select * from messaging.rpc_events") == before


def test_maintenance_has_nothing_to_do_twice(migrated: TestDatabase) -> None:
    """It may be run at any time."""
    maintain(migrated)
    assert maintain(migrated) == {
        "created": [],
        "moved": 0,
        "expired": 0,
        "dropped": [],
        "postponed": [],
    }


def test_new_partition_is_like_the_others(migrated: TestDatabase) -> None:
    """Indexes, rules, comments and privileges are those of the log, also under default grants."""
    migrated.execute(
        "alter default privileges in schema messaging grant all on tables to authenticated"
    )
    migrated.execute("update messaging.event_log_settings set days_ahead = 30")
    maintain(migrated)
    rows = migrated.execute(
        """
        select
            count(*),
            count(distinct (
                (select string_agg(regexp_replace(pg_get_indexdef(i.indexrelid), '[0-9]{8}', '',
                    'g'), ' ' order by 1) from pg_index as i where i.indrelid = c.oid),
                (select string_agg(pg_get_constraintdef(r.oid), ' ' order by r.conname)
                    from pg_constraint as r where r.conrelid = c.oid and r.contype = 'c'),
                (select count(col_description(c.oid, attnum)) from pg_attribute
                    where attrelid = c.oid and attnum > 0),
                obj_description(c.oid, 'pg_class') is null
            )),
            count(*) filter (where exists (
                select from aclexplode(c.relacl) where grantee <> c.relowner
            ))
        from pg_class as c where c.oid::regclass::text ~ '^messaging.rpc_events_[0-9]{8}$'
        """
    )
    assert rows == [(31, 1, 0)]


def test_rows_past_the_retention_go_and_others_stay(migrated: TestDatabase) -> None:
    """By default 30 whole days are kept beside the present one, in partitions and out of them."""
    for days in (0, 1, 30, 31, 400):
        migrated.execute(INSERT, noon(days))
    first = maintain(migrated)
    assert (first["moved"], first["expired"]) == (2, 2)
    assert migrated.execute(PLACES) == [
        (partition(today() - timedelta(days)), 1) for days in (30, 1, 0)
    ]
    migrated.execute("update messaging.event_log_settings set retention_days = 29")
    assert maintain(migrated)["dropped"] == [f"rpc_events_{today() - timedelta(30):%Y%m%d}"]
    assert migrated.execute("select count(*) from messaging.rpc_events") == [(2,)]


def test_partition_that_somebody_uses_is_dropped_later(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """A long transaction postpones the drop; nobody waits for it, neither log nor calls."""
    migrated.execute(INSERT, noon(5))
    maintain(migrated)
    migrated.execute("update messaging.event_log_settings set retention_days = 3")
    with migrated.connect() as reader, reader.transaction():
        reader.execute("select from messaging.rpc_events")
        old = [f"rpc_events_{today() - timedelta(5):%Y%m%d}"]
        assert (maintain(migrated)["postponed"], maintain(migrated)["dropped"]) == (old, [])
        call(people.ben, GET, people.nobody, people.ben)
    assert maintain(migrated)["dropped"] == old
    assert migrated.execute(PLACES) == [(partition(today()), 1)]


def test_maintenance_keeps_the_lock_timeout_of_its_session(migrated: TestDatabase) -> None:
    """What it needs for itself it puts back."""
    for value in ("0", "3s"):
        migrated.execute("select set_config('lock_timeout', %s, false)", value)
        migrated.execute(
            "begin; select messaging.maintain_event_log();"
            " create temporary table told as select current_setting('lock_timeout'); commit"
        )
        assert migrated.execute("select * from told") == [(value,)]
        migrated.execute("drop table told")


def test_calls_go_on_while_partitions_are_made(migrated: TestDatabase, people: People) -> None:
    """A call does not wait for a maintenance that is not done yet."""
    ben = migrated.as_role("authenticated", people.ben)
    ben.execute("set lock_timeout = '5s'")
    migrated.execute("update messaging.event_log_settings set days_ahead = 20")
    with migrated.connect() as operator, operator.transaction():
        operator.execute("select messaging.maintain_event_log()")
        invoke(ben, GET, people.nobody, people.ben)
    assert migrated.execute(PLACES) == [(partition(today()), 1)]


def test_call_whose_day_gets_a_partition_meanwhile_is_logged(
    migrated: TestDatabase, people: People
) -> None:
    """A row on its way to the default partition finds the new one, and is not lost."""
    migrated.execute(f"drop table {partition(today())}")
    ben = migrated.as_role("authenticated", people.ben)
    with migrated.connect() as operator, operator.transaction():
        operator.execute("select messaging.maintain_event_log()")
        thread, results = in_background(lambda: invoke(ben, GET, people.nobody, people.ben))
        until_waiting(migrated, ben)
    thread.join()
    assert [answer["error"] for answer in results] == ["not_found"]
    assert migrated.execute(PLACES) == [(partition(today()), 1)]


BACK_TO_DEFAULT = """
    begin;
    alter table messaging.rpc_events detach partition {0};
    insert into messaging.rpc_events select * from {0};
    drop table {0};
    commit
"""


def test_no_row_is_lost_or_doubled_while_partitions_come_and_go(
    migrated: TestDatabase, people: People
) -> None:
    """Eight sessions call, one takes today's partition away and has it made, again and again."""
    day = partition(today())
    sessions = [migrated.as_role("authenticated", people.ben) for _ in range(8)]

    def calls(session: psycopg.Connection) -> list[str]:
        return [invoke(session, GET, people.nobody, people.ben)["request_id"] for _ in range(60)]

    def operate() -> int:
        with migrated.connect() as operator:
            for _ in range(10):
                operator.execute(BACK_TO_DEFAULT.format(day).encode())
                operator.execute("select messaging.maintain_event_log()")
        return 0

    actions: list[Callable[[], Any]] = [operate]
    actions += [partial(calls, session) for session in sessions]
    finished, *answered = at_once(actions)
    assert finished == 0
    expected = sorted(request_id for ids in answered for request_id in ids)
    rows = migrated.execute("select request_id from messaging.rpc_events order by 1")
    assert [request_id for (request_id,) in rows] == expected


def test_two_maintenances_take_turns(migrated: TestDatabase) -> None:
    """At the same moment as well, each partition is made once and no error comes out."""
    migrated.execute("update messaging.event_log_settings set days_ahead = 20")
    operators = [migrated.connect() for _ in range(8)]

    def run(operator: psycopg.Connection) -> list[str]:
        row = operator.execute("select messaging.maintain_event_log() -> 'created'").fetchone()
        assert row is not None
        return list(row[0])

    created = [
        name
        for names in at_once([partial(run, operator) for operator in operators])
        for name in names
    ]
    assert len(created) == len(set(created)) >= 13


def test_service_role_runs_the_maintenance_and_nobody_else(migrated: TestDatabase) -> None:
    """It is an operations function: out of reach of anon and of signed-in users."""
    query = b"select messaging.maintain_event_log()"
    assert migrated.as_role("service_role").execute(query).fetchone() is not None
    for role in ("anon", "authenticated"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            migrated.as_role(role).execute(query)


def test_nothing_is_dropped_where_the_retention_is_not_known(migrated: TestDatabase) -> None:
    """Without its settings the maintenance refuses and says what to do."""
    migrated.execute(INSERT, noon(400))
    migrated.execute("delete from messaging.event_log_settings")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as caught:
        maintain(migrated)
    assert "retention_days" in (caught.value.diag.message_hint or "")
    assert migrated.execute("select count(*) from messaging.rpc_events") == [(1,)]


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("retention_days = 0", "event_log_settings_retention_days_range"),
        ("retention_days = 4000", "event_log_settings_retention_days_range"),
        ("days_ahead = 0", "event_log_settings_days_ahead_range"),
        ("days_ahead = 367", "event_log_settings_days_ahead_range"),
        ("id = false", "event_log_settings_one_row"),
    ],
)
def test_setting_that_breaks_a_rule_is_refused(
    migrated: TestDatabase, change: str, constraint: str
) -> None:
    """Each constraint of the settings is violated once."""
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        migrated.execute(f"update messaging.event_log_settings set {change}")
    assert caught.value.diag.constraint_name == constraint
    with pytest.raises(psycopg.errors.UniqueViolation):
        migrated.execute("insert into messaging.event_log_settings default values")


def test_revert_refuses_to_lose_the_log(plan: Plan, database: TestDatabase, people: People) -> None:
    """Rows of the log and edited settings are a loss, partitions are none."""
    plan.deploy(plan.through("event_log"))
    plan.revert(plan.through("error_codes"))
    plan.deploy(plan.through("event_log"))
    database.execute(INSERT, noon(0))
    database.execute("update messaging.event_log_settings set retention_days = 90")
    with pytest.raises(psycopg.errors.ObjectInUse) as caught:
        plan.revert(plan.through("error_codes"))
    assert caught.value.diag.message_primary == (
        "reverting event_log would lose messaging.rpc_events (1 rows),"
        " messaging.event_log_settings (1 edited rows)"
    )
    plan.revert(plan.through("error_codes"), carecli__allow_data_loss="on")
    assert database.execute("select to_regclass('messaging.rpc_events')") == [(None,)]


BROKEN = {
    "log open": "grant select on messaging.rpc_events to service_role",
    "partition open": f"grant select on {DEFAULT} to anon",
    "view open": "grant select on messaging.rpc_event_log to authenticated",
    "settings open": "grant update on messaging.event_log_settings to service_role",
    "settings gone": "delete from messaging.event_log_settings",
    "recording open": """
        grant execute on function
            messaging.record_call(text, timestamptz, jsonb, uuid, uuid, uuid, text) to public
    """,
    "maintenance closed": """
        revoke all on function messaging.maintain_event_log() from service_role
    """,
    "default partition gone": f"drop table {DEFAULT}",
    "nothing recorded": """
        create rule nothing as on insert to messaging.rpc_events do instead nothing
    """,
    "text shown": """
        create or replace function messaging.repeats_text(p_message text, p_text text)
        returns boolean language sql immutable set search_path = '' return false
    """,
    "internals shown": """
        create or replace function messaging.record_call(
            p_method text, p_started_at timestamptz, p_answer jsonb, p_user_id uuid,
            p_help_request_id uuid default null, p_conversation_id uuid default null,
            p_version text default null
        ) returns jsonb language sql set search_path = '' return p_answer
    """,
    "entry without a time": """
        create or replace view messaging.rpc_event_log as
        select occurred_at, request_id, method, event, error_code, '{}'::json as entry
        from messaging.rpc_events
    """,
}


@pytest.mark.parametrize("change", BROKEN)
def test_verify_goes_red(
    deployed_plan: Plan, migrated: TestDatabase, conversation: UUID, change: str
) -> None:
    """Green, one thing broken, red; and the script leaves nothing behind."""
    assert conversation
    deployed_plan.run("verify", "event_log")
    assert migrated.execute("select count(*) from messaging.rpc_events") == [(1,)]
    migrated.execute(BROKEN[change])
    with pytest.raises(psycopg.Error):
        deployed_plan.run("verify", "event_log")


def test_verify_needs_no_partition(deployed_plan: Plan, migrated: TestDatabase) -> None:
    """A database whose maintenance has been forgotten for weeks is in order."""
    for name in partitions(migrated) - {DEFAULT}:
        migrated.execute(f"drop table {name}")
    deployed_plan.run("verify", "event_log")


def maintain_by(database: TestDatabase, body: str) -> None:
    """Replace the maintenance."""
    database.execute(
        "create or replace function messaging.maintain_event_log() returns jsonb"
        f" language plpgsql security definer set search_path = '' as $$ begin {body} end $$"
    )


def test_verify_sees_an_idle_maintenance(deployed_plan: Plan, migrated: TestDatabase) -> None:
    """As long as nobody writes the log, the maintenance is proved by running it."""
    deployed_plan.run("verify", "event_log")
    maintain_by(migrated, "return '{}';")
    with pytest.raises(psycopg.errors.AssertFailure, match="partition of their day"):
        deployed_plan.run("verify", "event_log")


def test_verify_keeps_out_of_the_way(deployed_plan: Plan, migrated: TestDatabase) -> None:
    """The maintenance, which locks partitions, is not proved on a log in use or beside another."""
    maintain_by(migrated, "raise exception 'in the way';")
    other = migrated.connect()
    with other.transaction():
        other.execute("lock table only messaging.rpc_events in share update exclusive mode")
        deployed_plan.run("verify", "event_log")
    with pytest.raises(psycopg.errors.RaiseException, match="in the way"):
        deployed_plan.run("verify", "event_log")
    migrated.execute(INSERT, noon(0))
    deployed_plan.run("verify", "event_log")
