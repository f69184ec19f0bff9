"""What metrics are computed by: who may read it, what no data is, the figures of the rollout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from carecli.monitoring import load_metrics, read_metric
from tests.plugins.databases import TestDatabase
from tests.plugins.eventlog import BEGAN, CALLER_FAULTS, LoggedCall, start_anew, write_calls
from tests.plugins.messaging import Call, People, Plan

MEASURES = (
    *("connection_failures_per_minute", "connection_pool_used", "creation_success_rate"),
    *("duplicate_share", "error_code_share", "latency_p95_seconds", "max_duration_seconds"),
    *("server_error_rate", "v1_creations_after_full_rollout", "v2_adoption_of_rollout"),
)
HOUR = timedelta(hours=1)


def measure(database: TestDatabase, metric: str, *window: datetime) -> list[tuple[Any, ...]]:
    """Return what a measure says of a window; by default of the last day."""
    given = "%s, %s" if window else "clock_timestamp() - interval '1 day', clock_timestamp()"
    return database.execute(f"select * from messaging.measure(%s, {given})", metric, *window)


@contextmanager
def watching(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """Give the session of a monitoring user, who is a member of pg_monitor and nothing else."""
    user = f"watcher_{database.name}"
    with database.connect(superuser=True) as administrator:
        administrator.execute(f"create role {user} login in role pg_monitor".encode())
        try:
            session = database.connect(superuser=True)
            session.execute(f"set session authorization {user}".encode())
            yield session
            session.close()
        finally:
            administrator.execute(f"drop role {user}".encode())


def test_fault_of_the_caller_is_data(migrated: TestDatabase) -> None:
    """Five codes are the caller's own; an operator may decide otherwise."""
    rows = migrated.execute(
        "select code from messaging.error_codes where attributed_to = 'caller' order by 1"
    )
    assert tuple(code for (code,) in rows) == tuple(sorted(CALLER_FAULTS))
    window = (BEGAN, BEGAN + HOUR)
    with migrated.connect() as caller:
        write_calls(
            caller,
            [LoggedCall(at=BEGAN), LoggedCall(at=BEGAN, event="function_error", code="not_found")],
        )
    assert measure(migrated, "creation_success_rate", *window) == [("", 0.5, 2)]
    migrated.execute(
        "update messaging.error_codes set attributed_to = 'caller' where code = 'not_found'"
    )
    assert measure(migrated, "creation_success_rate", *window) == [("", 1.0, 1)]


@pytest.mark.parametrize("metric", MEASURES)
def test_no_data_is_no_value(migrated: TestDatabase, metric: str) -> None:
    """On an empty log nothing is zero, and nothing is healthy."""
    ((series, value, sample),) = measure(migrated, metric)
    if metric == "connection_pool_used":
        assert 0 < value < 1
        assert sample > 0
    else:
        assert (series, value, sample) == ("", None, 0)


@pytest.mark.parametrize("metric", ["nothing", "", None])
def test_unknown_measure_is_refused(migrated: TestDatabase, metric: str | None) -> None:
    """The error names those that there are."""
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        migrated.execute("select messaging.measure(%s::text, now(), now())", metric)
    assert caught.value.diag.message_hint is not None
    assert all(name in caught.value.diag.message_hint for name in MEASURES)


@pytest.mark.parametrize("metric", MEASURES)
@pytest.mark.parametrize("window", ["null, now()", "now(), null", "now(), now() - interval '1h'"])
def test_window_that_is_none(migrated: TestDatabase, metric: str, window: str) -> None:
    """There are no calls in it."""
    with migrated.connect() as caller:
        write_calls(caller, [LoggedCall(at=BEGAN)])
    found = migrated.execute(f"select value from messaging.measure(%s, {window})", metric)
    assert found == [(None,)] or metric == "connection_pool_used"


def test_future_is_outside(migrated: TestDatabase) -> None:
    """What has a time to come, since the clock was set back, is in no window that ends now."""
    start_anew(migrated)
    ((now,),) = migrated.execute("select clock_timestamp()")
    with migrated.connect() as caller:
        write_calls(caller, [LoggedCall(at=now - HOUR), LoggedCall(at=now + HOUR)])
    assert measure(migrated, "creation_success_rate") == [("", 1.0, 1)]


def test_member_of_pg_monitor_reads_every_metric(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Row security hides nothing from him that is counted."""
    call(people.ben, "start_help_conversation", people.open_request, "I can help you with that")
    with watching(migrated) as session:
        for metric in load_metrics():
            assert read_metric(session, metric).problem is None, metric.name
            own = read_metric(migrated.connect(), metric)
            if metric.name in ("v2_adoption", "active_conversations_v2_total"):
                assert read_metric(session, metric).samples == own.samples


def test_member_of_pg_monitor_changes_nothing(migrated: TestDatabase) -> None:
    """Nor does he see the log, or the messages."""
    with watching(migrated) as session:
        for statement in (
            "select messaging.roll_up()",
            "select from messaging.rpc_events",
            "select from messaging.rpc_minutes",
            "select from public.messages_v2",
            "select messaging.call_counts(now(), now())",
            "update messaging.error_codes set attributed_to = 'caller'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement.encode())


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_users_of_the_application_read_none(migrated: TestDatabase, role: str) -> None:
    """Figures are for those who operate it."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        migrated.as_role(role).execute(
            "select messaging.measure('server_error_rate', now(), now())"
        )


def test_metrics_without_v1(migrated: TestDatabase, call: Call, people: People) -> None:
    """Where the tables of V1 are gone every metric is read, and adoption is complete."""
    call(people.ben, "create_conversation_atomic", people.open_request, people.ben, "I can help")
    migrated.execute(
        "drop table public.messages, public.conversation_participants, public.conversations cascade"
    )
    session = migrated.as_role("service_role")
    readings = {metric.name: read_metric(session, metric) for metric in load_metrics()}
    assert [name for name, reading in readings.items() if reading.problem] == []
    measures = {sample.measure: sample.value for sample in readings["v2_adoption"].samples}
    assert measures == {"v2_conversations": 1, "v1_conversations": 0, "share": 1.0}


def set_rollout(database: TestDatabase, strategy: str, percentage: int | None = None) -> None:
    """Change the flag."""
    database.execute(
        "select messaging.set_rollout(%s, %s, 'for the test', 'tester')", strategy, percentage
    )


def begin_v1(database: TestDatabase, people: People, count: int = 1) -> None:
    """Write conversations of V1 that begin now."""
    database.execute(
        "insert into public.conversations (created_by, created_at)"
        " select %s, clock_timestamp() from generate_series(1, %s)",
        *(people.rosa, count),
    )


def begin_v2(database: TestDatabase, call: Call, people: People) -> None:
    """Begin a conversation of V2."""
    answer = call(
        people.ben, "create_conversation_atomic", people.open_request, people.ben, "I can help you"
    )
    assert answer["success"], answer


def test_adoption_is_held_against_the_flag_of_its_time(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """What was begun before the flag gave a share does not count, nor does a later step."""
    begin_v1(migrated, people, 5)
    set_rollout(migrated, "internal")
    begin_v1(migrated, people, 5)
    assert measure(migrated, "v2_adoption_of_rollout") == [("", None, 0)]
    set_rollout(migrated, "percentage", 50)
    begin_v2(migrated, call, people)
    begin_v1(migrated, people, 3)
    assert measure(migrated, "v2_adoption_of_rollout") == [("", pytest.approx(1 / 4 / 0.5), 4)]
    set_rollout(migrated, "enabled")
    assert measure(migrated, "v2_adoption_of_rollout") == [("", pytest.approx(1 / 4 / 0.5), 4)]
    begin_v1(migrated, people, 2)
    # Of six, half of four and both of two should have been in V2.
    assert measure(migrated, "v2_adoption_of_rollout") == [("", pytest.approx(1 / 4), 6)]
    set_rollout(migrated, "disabled")
    assert measure(migrated, "v2_adoption_of_rollout")[0][1] is None


def test_v1_after_full_rollout(migrated: TestDatabase, people: People) -> None:
    """Counted since the flag went to enabled, for as long as it stays there."""
    name = "v1_creations_after_full_rollout"
    begin_v1(migrated, people)
    assert measure(migrated, name) == [("", None, 0)]
    set_rollout(migrated, "enabled")
    set_rollout(migrated, "enabled")
    assert measure(migrated, name) == [("", 0.0, 1)]
    begin_v1(migrated, people, 2)
    assert measure(migrated, name) == [("", 2.0, 1)]
    set_rollout(migrated, "percentage", 50)
    assert measure(migrated, name) == [("", None, 0)]
    set_rollout(migrated, "enabled")
    assert measure(migrated, name) == [("", 0.0, 1)]


def test_v1_conversation_that_was_deleted_is_in_the_log(migrated: TestDatabase) -> None:
    """It was begun all the same."""
    set_rollout(migrated, "enabled")
    ((now,),) = migrated.execute("select clock_timestamp()")
    with migrated.connect() as caller:
        write_calls(caller, [LoggedCall(at=now, version="v1")])
    assert measure(migrated, "v1_creations_after_full_rollout") == [("", 1.0, 1)]


SAMPLE = "insert into messaging.connection_samples values (%s, %s, %s)"


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], (None, 0)),
        ([(-30, 5)], (None, 0)),
        ([(-90, 5), (-30, 25)], (20.0, 1)),
        ([(-150, 0), (-90, 5), (-30, 25)], (20.0, 1)),
        ([(-50, 0), (-30, 10), (-20, 10)], (20.0, 2)),
        # Too long ago to tell anything of now; and the future.
        ([(-4000, 5), (-3000, 25)], (None, 0)),
        ([(-90, 5), (-30, 25), (30, 1000)], (20.0, 1)),
        # The server was started anew, and counts from zero.
        ([(-90, 500), (-30, 7)], (7.0, 1)),
    ],
)
def test_connection_failures_are_those_between_samples(
    migrated: TestDatabase,
    samples: list[tuple[int, int]],
    expected: tuple[float | None, int],
) -> None:
    """In a minute, on average; null without two samples that belong to the window."""
    for second, failures in samples:
        migrated.execute(SAMPLE, BEGAN + timedelta(seconds=second), failures, None)
    window = (BEGAN - timedelta(minutes=1), BEGAN)
    assert measure(migrated, "connection_failures_per_minute", *window) == [("", *expected)]


def test_connection_counter_that_was_reset(migrated: TestDatabase) -> None:
    """Where it has come further than before meanwhile, its own beginning tells."""
    migrated.execute(SAMPLE, BEGAN - timedelta(seconds=90), 5, None)
    migrated.execute(SAMPLE, BEGAN - timedelta(seconds=30), 6, BEGAN - timedelta(seconds=60))
    window = (BEGAN - timedelta(minutes=1), BEGAN)
    assert measure(migrated, "connection_failures_per_minute", *window) == [("", 6.0, 1)]


def test_counters_are_by_version_outcome_and_code(migrated: TestDatabase) -> None:
    """Since the log began; those of errors are about V2."""
    calls = [
        LoggedCall(at=BEGAN),
        LoggedCall(at=BEGAN, version="v1", event="server_error", code="server_error"),
        LoggedCall(at=BEGAN, version=None, event="function_error", code="not_found"),
        LoggedCall(at=BEGAN, method="sendMessage", event="function_error", code="not_found"),
    ]
    with migrated.connect() as caller:
        write_calls(caller, calls)
    assert sorted(migrated.execute("select * from messaging.creation_calls()")) == [
        ("none", "not_found", 1),
        ("v1", "server_error", 1),
        ("v2", "success", 1),
    ]
    assert migrated.execute("select * from messaging.errors_total()") == [("not_found", 2)]


def test_server_side_codes_apart(migrated: TestDatabase) -> None:
    """By the HTTP status of the table, and by the event where the table does not have the code."""
    codes = [
        *(("server_error", "rpc_error"), ("server_error", "of_old"), ("function_error", "of_old")),
        *(("function_error", "not_found"), ("success", None)),
    ]
    with migrated.connect() as caller:
        write_calls(caller, [LoggedCall(at=BEGAN, event=event, code=code) for event, code in codes])
    window = (BEGAN, BEGAN + HOUR)
    assert sorted(
        migrated.execute("select * from messaging.error_shares(%s, %s, true)", *window)
    ) == [
        ("all", 2, pytest.approx(0.4), 5),
        ("of_old", 1, pytest.approx(0.2), 5),
        ("rpc_error", 1, pytest.approx(0.2), 5),
    ]
    assert sorted(migrated.execute("select * from messaging.error_shares(%s, %s)", *window)) == [
        ("all", 4, pytest.approx(0.8), 5),
        ("not_found", 1, pytest.approx(0.2), 5),
        ("of_old", 2, pytest.approx(0.4), 5),
        ("rpc_error", 1, pytest.approx(0.2), 5),
    ]


def test_completion_and_daily_messages(migrated: TestDatabase, call: Call, people: People) -> None:
    """Of the conversations begun in the window; the first message is a message."""
    begin_v2(migrated, call, people)
    window = "clock_timestamp() - interval '1 hour', clock_timestamp()"
    select = "select {} from messaging.{}({})"
    messages = select.format("messages", "messages_daily", window)
    completion = select.format("*", "completion", window)
    assert migrated.execute(messages) == [(1,)]
    assert migrated.execute(completion) == [(1, 0, 0.0)]
    migrated.execute(
        "update public.help_requests set status = 'completed' where id = %s", people.open_request
    )
    assert migrated.execute(completion) == [(1, 1, 1.0)]
    assert migrated.execute("select * from messaging.initial_messages()") == [(1, 1, 100.0)]
    assert migrated.execute("select messaging.active_conversations()") == [(1,)]


BREAKS = {
    "rate": "update messaging.error_codes set attributed_to = 'messaging'",
    "rule": "alter table messaging.error_codes drop constraint error_codes_attributed_to_known",
    "grant": "grant execute on function messaging.creation_calls() to authenticated",
    "revoke": "revoke execute on function messaging.errors_total() from pg_monitor",
    "usage": "revoke usage on schema messaging from pg_monitor",
    "helper": "grant execute on function messaging.v1_creations(timestamptz, timestamptz)"
    " to pg_monitor",
}


@pytest.mark.parametrize("change", BREAKS)
def test_verify_goes_red(deployed_plan: Plan, migrated: TestDatabase, change: str) -> None:
    """Each part of the verify script notices what it is for."""
    migrated.execute(BREAKS[change])
    with pytest.raises(psycopg.errors.AssertFailure):
        deployed_plan.run("verify", "monitoring")


def test_revert_refuses_to_lose_what_an_operator_decided(
    plan: Plan, database: TestDatabase
) -> None:
    """Whose fault a code is, where it was changed; not without being told to."""
    plan.deploy(plan.through("monitoring"))
    database.execute(
        "update messaging.error_codes set attributed_to = 'caller' where code = 'not_found'"
    )
    with pytest.raises(psycopg.errors.ObjectInUse, match="attributed_to"):
        plan.revert(plan.deployed - 1)
    plan.revert(plan.deployed - 1, carecli__allow_data_loss="on")
    plan.deploy()
