"""Roll-ups of the event log: when they are made, what they wait for, and how long they are kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.eventlog import (
    BEGAN,
    ZONES,
    LoggedCall,
    roll_up,
    start_anew,
    write_calls,
)
from tests.plugins.messaging import People, Plan, invoke
from tests.plugins.sessions import in_background, until_waiting

GET = "get_conversation_v2"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def total(database: TestDatabase) -> int:
    """Return how many calls a reader counts since the log began."""
    ((number,),) = database.execute(
        "select coalesce(sum(calls), 0)::int from messaging.call_counts('-infinity', 'infinity')"
    )
    assert isinstance(number, int)
    return number


def rolled_up(database: TestDatabase) -> int:
    """Return how many calls there are in the roll-ups by the minute."""
    ((number,),) = database.execute(
        "select coalesce(sum(calls), 0)::int from messaging.rpc_minutes"
    )
    assert isinstance(number, int)
    return number


def write(database: TestDatabase, *moments: datetime) -> None:
    """Write a call for each moment, and end."""
    with database.connect() as caller:
        write_calls(caller, [LoggedCall(at=moment) for moment in moments])


def later(database: TestDatabase, length: timedelta = timedelta(minutes=5)) -> datetime:
    """Return a time that the server's clock will show."""
    ((now,),) = database.execute("select clock_timestamp()")
    assert isinstance(now, datetime)
    return now + length


def test_whole_minutes_are_rolled_up(migrated: TestDatabase) -> None:
    """Those that were over a minute ago; the rest is still read from the log."""
    write(migrated, BEGAN, BEGAN + MINUTE, BEGAN + 2 * MINUTE)
    answer = roll_up(migrated, BEGAN + 2 * MINUTE + timedelta(seconds=30))
    assert datetime.fromisoformat(answer.pop("rolled_up_until")) == BEGAN + MINUTE
    flags = dict.fromkeys(("busy", "more", "waiting", "set_back"), False)
    assert answer == {"calls": 1, **flags}
    assert (rolled_up(migrated), total(migrated)) == (1, 3)


def test_nothing_new_is_nothing_to_do(migrated: TestDatabase) -> None:
    """A second run at the same moment, and one of an empty log, change nothing."""
    assert roll_up(migrated, BEGAN)["calls"] == 0
    write(migrated, BEGAN + MINUTE)
    for calls in (1, 0, 0):
        assert roll_up(migrated, BEGAN + HOUR)["calls"] == calls
    assert total(migrated) == 1


def test_long_log_is_rolled_up_in_days(migrated: TestDatabase) -> None:
    """One run takes one day at most and says that there is more; days without calls take none."""
    write(migrated, BEGAN, BEGAN + 20 * HOUR, BEGAN + 2 * DAY, BEGAN + 300 * DAY)
    answers = [roll_up(migrated, BEGAN + 301 * DAY) for _ in range(3)]
    assert [(answer["calls"], answer["more"]) for answer in answers] == [
        *((2, True), (1, True)),
        (1, False),
    ]
    assert total(migrated) == 4


def test_hour_is_complete_though_nobody_called_later(migrated: TestDatabase) -> None:
    """Its roll-up is made by the run that goes past its end."""
    write(migrated, BEGAN)
    roll_up(migrated, BEGAN + 10 * MINUTE)
    assert migrated.execute("select from messaging.rpc_hours") == []
    roll_up(migrated, BEGAN + 5 * HOUR)
    assert migrated.execute("select calls from messaging.rpc_hours") == [(1,)]


@pytest.mark.parametrize("zone", ZONES)
def test_hours_are_those_of_utc(migrated: TestDatabase, zone: str) -> None:
    """Where the zone of the session has hours that begin at another minute as well."""
    migrated.execute(f"set timezone to '{zone}'")
    write(migrated, *(BEGAN + number * 10 * MINUTE for number in range(60)))
    roll_up(migrated, BEGAN + DAY)
    for number in range(8):
        since = BEGAN + timedelta(minutes=30) + number * HOUR
        ((calls,),) = migrated.execute(
            "select sum(calls)::int from messaging.call_counts(%s, %s)", since, since + HOUR
        )
        assert calls == 6
    found = migrated.execute("select calls from messaging.rpc_hours order by hour")
    assert found == [(3,), *[(6,)] * 9, (3,)]


def test_call_of_a_long_transaction_is_waited_for(migrated: TestDatabase, people: People) -> None:
    """Its row has a time long before its end; meanwhile a reader lacks nothing that is there."""
    session = migrated.as_role("authenticated", people.ben)
    session.execute("begin")
    invoke(session, GET, people.nobody, people.ben)
    write(migrated, later(migrated, timedelta(0)))
    for number in (5, 6, 7):
        answer = roll_up(migrated, later(migrated, number * MINUTE))
        assert (answer["waiting"], answer["calls"]) == (True, 0)
        assert total(migrated) == 1
    session.execute("commit")
    assert roll_up(migrated, later(migrated, 8 * MINUTE))["calls"] == 2
    assert total(migrated) == 2


def test_other_long_transactions_are_not_waited_for(migrated: TestDatabase) -> None:
    """Nor those that read the log, such as that of a backup, or write elsewhere."""
    reader = migrated.connect()
    reader.execute("begin isolation level repeatable read")
    reader.execute("select count(*) from messaging.rpc_events")
    reader.execute("create table public.elsewhere ()")
    write(migrated, BEGAN)
    assert roll_up(migrated, BEGAN + HOUR)["calls"] == 1


def test_new_calls_do_not_keep_roll_ups_back(migrated: TestDatabase) -> None:
    """Where somebody writes at each moment, they follow by one run."""
    write(migrated, BEGAN)
    first, second = migrated.connect(), migrated.connect()
    first.execute("begin")
    write_calls(first, [LoggedCall(at=BEGAN + HOUR)])
    assert roll_up(migrated, BEGAN + HOUR)["calls"] == 0
    second.execute("begin")
    write_calls(second, [LoggedCall(at=BEGAN + HOUR + MINUTE)])
    first.execute("commit")
    answer = roll_up(migrated, BEGAN + HOUR + 2 * MINUTE)
    assert (answer["waiting"], answer["calls"]) == (True, 1)
    second.execute("commit")
    assert roll_up(migrated, BEGAN + 2 * HOUR)["calls"] == 2


def test_call_that_waits_for_the_log_is_waited_for(migrated: TestDatabase) -> None:
    """It has its time, and no row and no transaction id yet."""
    holder, caller = migrated.connect(), migrated.connect()
    holder.execute("begin")
    holder.execute("lock table messaging.rpc_events in share mode")
    thread, _ = in_background(lambda: write_calls(caller, [LoggedCall(at=BEGAN)]))
    until_waiting(migrated, caller)
    assert roll_up(migrated, BEGAN + HOUR)["waiting"] is True
    holder.execute("commit")
    thread.join()
    assert roll_up(migrated, BEGAN + 2 * HOUR)["calls"] == 1
    assert total(migrated) == 1


def test_clock_that_is_set_back(migrated: TestDatabase) -> None:
    """Calls that get times which were rolled up already are counted all the same."""
    write(migrated, BEGAN, BEGAN + 2 * HOUR)
    roll_up(migrated, BEGAN + 3 * HOUR)
    write(migrated, BEGAN, BEGAN + 10 * MINUTE)
    answer = roll_up(migrated, BEGAN + HOUR)
    assert answer["set_back"] is True
    assert total(migrated) == 4
    assert roll_up(migrated, BEGAN + 4 * HOUR)["set_back"] is False
    assert (rolled_up(migrated), total(migrated)) == (4, 4)


def test_clock_that_goes_forward(migrated: TestDatabase) -> None:
    """It leaves a gap and loses nothing."""
    write(migrated, BEGAN)
    roll_up(migrated, BEGAN + HOUR)
    write(migrated, BEGAN + 9 * HOUR)
    roll_up(migrated, BEGAN + 10 * HOUR)
    assert (rolled_up(migrated), total(migrated)) == (2, 2)


def test_log_is_counted_again_on_demand(migrated: TestDatabase) -> None:
    """Rows that somebody brought back from elsewhere come in that way, and none twice."""
    write(migrated, BEGAN, BEGAN + DAY)
    while roll_up(migrated, BEGAN + 2 * DAY)["more"]:
        pass
    write(migrated, BEGAN)
    assert total(migrated) == 2
    migrated.execute("update messaging.rollup_state set clock = '-infinity'")
    service = migrated.as_role("service_role")
    service.execute("select messaging.roll_up(%s)", [BEGAN])
    while roll_up(migrated, BEGAN + 10 * DAY)["more"]:
        pass
    assert (rolled_up(migrated), total(migrated)) == (3, 3)


def test_two_at_once(migrated: TestDatabase) -> None:
    """The second one returns at once and says why."""
    write(migrated, BEGAN)
    first = migrated.connect()
    first.execute("begin")
    first.execute("select messaging.roll_up()")
    assert roll_up(migrated, BEGAN + HOUR) == {"busy": True}
    first.execute("commit")
    assert total(migrated) == 1


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_other_isolation_is_refused(migrated: TestDatabase, level: str) -> None:
    """There a call that ends after the first look is never seen."""
    session = migrated.as_role("service_role")
    session.execute(f"begin isolation level {level}".encode())
    with pytest.raises(psycopg.errors.ActiveSqlTransaction, match="read committed alone"):
        session.execute("select messaging.roll_up()")


@pytest.mark.parametrize("role", ["anon", "authenticated", "pg_monitor"])
def test_others_do_not_roll_up(migrated: TestDatabase, role: str) -> None:
    """It is for service_role; watching is not writing."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        migrated.as_role(role).execute("select messaging.roll_up()")


def test_roll_ups_are_dropped_and_counters_go_on(migrated: TestDatabase) -> None:
    """Minutes after 35 days, hours after 400, totals never; and so the counters never decrease."""
    write(migrated, BEGAN, BEGAN, BEGAN + 380 * DAY, BEGAN + 420 * DAY)
    found = []
    for number in (1, 381, 421, 421, 421):
        roll_up(migrated, BEGAN + number * DAY)
        migrated.execute(
            "delete from messaging.rpc_events using messaging.rollup_state"
            " where occurred_at < rolled_up_until - interval '5 days'"
        )
        ((minutes, hours, totals),) = migrated.execute(
            "select (select count(*)::int from messaging.rpc_minutes),"
            " (select count(*)::int from messaging.rpc_hours),"
            " (select coalesce(sum(calls), 0)::int from messaging.rpc_totals)"
        )
        found.append((minutes, hours, totals, total(migrated)))
    assert found[0] == (1, 1, 0, 4)
    assert found[-1] == (1, 2, 2, 4)
    assert {calls for *_, calls in found} == {4}


def test_maintenance_rolls_up_before_it_drops(migrated: TestDatabase) -> None:
    """Where nobody else does, what the log loses is in the roll-ups."""
    old = later(migrated, -40 * DAY)
    start_anew(migrated, days=[old])
    write(migrated, old, old, old - DAY)
    ((answer,),) = migrated.execute("select messaging.maintain_event_log()")
    assert (answer["dropped"], answer["expired"]) == ([f"rpc_events_{old:%Y%m%d}"], 1)
    assert migrated.execute("select from messaging.rpc_events") == []
    assert total(migrated) == 3


def test_maintenance_drops_nothing_that_is_not_rolled_up(migrated: TestDatabase) -> None:
    """It stays for the next run, as while a call of a long transaction is waited for."""
    old = later(migrated, -40 * DAY)
    start_anew(migrated, days=[old])
    write(migrated, old, old - DAY)
    caller = migrated.connect()
    caller.execute("begin")
    write_calls(caller, [LoggedCall(at=later(migrated, timedelta(0)))])
    ((answer,),) = migrated.execute("select messaging.maintain_event_log()")
    assert (answer["dropped"], answer["expired"]) == ([], 0)
    assert answer["postponed"] == [f"rpc_events_{old:%Y%m%d}"]
    caller.execute("commit")
    ((answer,),) = migrated.execute("select messaging.maintain_event_log()")
    assert (answer["dropped"], answer["expired"]) == ([f"rpc_events_{old:%Y%m%d}"], 1)
    assert total(migrated) == 3


def test_maintenance_drops_nothing_where_it_cannot_roll_up(migrated: TestDatabase) -> None:
    """In a transaction of another isolation it makes partitions, and leaves the rest."""
    old = later(migrated, -40 * DAY)
    start_anew(migrated, days=[old])
    write(migrated, old, old - DAY)
    session = migrated.connect()
    session.execute("begin isolation level repeatable read")
    row = session.execute("select messaging.maintain_event_log()").fetchone()
    assert row is not None
    assert (row[0]["postponed"], row[0]["expired"]) == ([f"rpc_events_{old:%Y%m%d}"], 0)
    session.execute("commit")
    assert total(migrated) == 2


def test_connections_are_sampled_by_each_run(migrated: TestDatabase) -> None:
    """Not more than once in five seconds; what was sampled later by another clock goes."""
    for seconds in (0, 3, 60, 120, 90):
        roll_up(migrated, BEGAN + timedelta(seconds=seconds))
    rows = migrated.execute("select sampled_at from messaging.connection_samples order by 1")
    assert [(moment - BEGAN).seconds for (moment,) in rows] == [0, 60, 90]


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("id = false", "rollup_state_one_row"),
        ("moment_at = now()", "rollup_state_moment_has_writers"),
        ("minute_days = 1", "rollup_state_minute_days_range"),
        ("hour_days = 34", "rollup_state_hour_days_range"),
    ],
)
def test_state_that_breaks_a_rule_is_refused(
    migrated: TestDatabase, change: str, constraint: str
) -> None:
    """Each constraint holds."""
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        migrated.execute(f"update messaging.rollup_state set {change}")
    assert caught.value.diag.constraint_name == constraint


def test_buckets_have_as_many_numbers_as_counts(migrated: TestDatabase) -> None:
    """A histogram of two lengths is refused."""
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        migrated.execute(
            "insert into messaging.rpc_hour_latencies values (now(), '', '', '{1}', '{1, 2}')"
        )
    assert caught.value.diag.constraint_name == "rpc_hour_latencies_same_length"


def lose_a_day(database: TestDatabase) -> None:
    """Roll up a call, and let the log lose it."""
    write(database, BEGAN)
    roll_up(database, BEGAN + DAY)
    database.execute("delete from messaging.rpc_events")


def keep_longer(database: TestDatabase) -> None:
    """Edit how long roll-ups are kept."""
    database.execute("update messaging.rollup_state set hour_days = 800")


@pytest.mark.parametrize(
    ("make", "loss"),
    [(lose_a_day, "calls that the log has lost"), (keep_longer, "rollup_state")],
)
def test_revert_refuses_to_lose_what_is_known_from_here_alone(
    plan: Plan, database: TestDatabase, make: Callable[[TestDatabase], None], loss: str
) -> None:
    """What the log has lost, and what an operator decided; not without being told to."""
    plan.deploy(plan.through("call_rollups"))
    make(database)
    with pytest.raises(psycopg.errors.ObjectInUse, match=loss):
        plan.revert(plan.deployed - 1)
    plan.revert(plan.deployed - 1, carecli__allow_data_loss="on")
    plan.deploy()


def test_revert_loses_what_can_be_counted_again(plan: Plan, database: TestDatabase) -> None:
    """Roll-ups of what is still in the log are no loss."""
    plan.deploy(plan.through("call_rollups"))
    write(database, BEGAN)
    roll_up(database, BEGAN + DAY)
    plan.revert(plan.deployed - 1)
    plan.deploy()
    assert total(database) == 1


BREAKS: dict[str, Any] = {
    "count": "create or replace function"
    " messaging.roll_up_calls(p_from timestamptz, p_until timestamptz) returns bigint"
    " language sql begin atomic select 92::bigint; end",
    "state": "delete from messaging.rollup_state",
    "grant": "grant execute on function messaging.call_counts(timestamptz, timestamptz)"
    " to authenticated",
    "revoke": "revoke execute on function messaging.roll_up(timestamptz) from service_role",
    "buckets": "create or replace function messaging.bucket_duration(p_bucket integer)"
    " returns double precision language sql immutable begin atomic select 1.0::float8; end",
}


@pytest.mark.parametrize("change", BREAKS)
def test_verify_goes_red(deployed_plan: Plan, migrated: TestDatabase, change: str) -> None:
    """Each part of the verify script notices what it is for."""
    migrated.execute(BREAKS[change])
    with pytest.raises(psycopg.errors.AssertFailure):
        deployed_plan.run("verify", "call_rollups")
