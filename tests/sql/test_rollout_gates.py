"""The gates between the phases of the rollout: what they ask, what they measure."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from statistics import quantiles
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People, Plan
from tests.plugins.phases import LoggedCall, begin_phase, begin_v1, log_calls
from tests.plugins.reading import assert_verify_goes_red

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)

SUCCESS = LoggedCall()
FAILURE = LoggedCall("server_error")
SLOW = LoggedCall(seconds=2)
OWN_FAULTS = (
    "validation_error",
    "conversation_exists",
    "permission_denied",
    "unauthorized",
    "rate_limit_exceeded",
)


def measure(database: TestDatabase, until: datetime | None = None) -> dict[str, Any]:
    """Return the gate, measured up to that time; None: now, as everybody may ask."""
    if until is None:
        ((gate,),) = database.execute("select messaging.rollout_gate()")
    else:
        ((gate,),) = database.execute("select messaging.measure_gate(%s)", until)
    found: dict[str, Any] = gate
    return found


def verdicts(gate: dict[str, Any]) -> dict[str, bool | None]:
    """Return whether each condition holds."""
    return {condition["name"]: condition["holds"] for condition in gate["conditions"]}


def spread(since: datetime, calls: list[LoggedCall]) -> list[tuple[datetime, LoggedCall]]:
    """Give each call a time of its own, a second after the one before it."""
    return [(since + (number + 1) * SECOND, call) for number, call in enumerate(calls)]


# What they ask ------------------------------------------------------------------------------------


def test_gates_are_those_that_were_agreed(migrated: TestDatabase) -> None:
    """The deploy writes the thresholds of the rollout plan; null is not asked."""
    assert migrated.execute(
        "select strategy, percentage, minimum_success_rate, maximum_error_rate,"
        " maximum_p95_seconds, minimum_attempts, minimum_age, minimum_v1_free"
        " from messaging.rollout_gates order by percentage"
    ) == [
        ("internal", 0, 0.95, None, None, 20, 3 * DAY, None),
        ("percentage", 10, 0.95, 0.01, 0.5, None, 7 * DAY, None),
        ("percentage", 50, 0.97, None, None, None, 7 * DAY, None),
        ("enabled", 100, 0.99, None, None, None, None, 14 * DAY),
    ]


def test_first_step_has_no_gate(migrated: TestDatabase) -> None:
    """From disabled to internal nothing is asked."""
    gate = measure(migrated)
    assert (gate["phase"], gate["gate"], gate["next"]) == ("disabled", None, "internal")
    assert (gate["conditions"], gate["holds"], gate["v1_retirable"]) == ([], True, None)


@pytest.mark.parametrize(
    ("strategy", "percentage", "gate", "following"),
    [
        ("internal", 0, "internal", "percentage:10"),
        ("percentage", 0, "internal", "percentage:10"),
        ("percentage", 9, "internal", "percentage:10"),
        ("percentage", 10, "percentage:10", "percentage:50"),
        ("percentage", 25, "percentage:10", "percentage:50"),
        ("percentage", 49, "percentage:10", "percentage:50"),
        ("percentage", 50, "percentage:50", "enabled"),
        ("percentage", 100, "percentage:50", "enabled"),
        ("enabled", 100, "enabled", None),
    ],
)
def test_phase_has_the_gate_of_the_highest_listed_one_below(
    migrated: TestDatabase, strategy: str, percentage: int, gate: str, following: str | None
) -> None:
    """A percentage that is none of the listed ones is on its way from the one below it."""
    begin_phase(migrated, strategy, percentage, DAY)
    found = measure(migrated)
    assert (found["gate"], found["next"]) == (gate, following)


def test_gate_tells_what_it_measured(migrated: TestDatabase) -> None:
    """Each condition has its figures, so that a person can follow the verdict."""
    since = begin_phase(migrated, "internal", 0, 2 * DAY)
    log_calls(migrated, spread(since, [SUCCESS] * 3 + [FAILURE]))
    gate = measure(migrated, since + DAY)
    assert datetime.fromisoformat(gate["since"]) == since
    assert datetime.fromisoformat(gate["measured_at"]) == since + DAY
    assert gate["conditions"] == [
        {
            "name": "success_rate",
            "measured": 0.75,
            "comparison": ">",
            "threshold": 0.95,
            "unit": "ratio",
            "sample": 4,
            "holds": False,
        },
        {
            "name": "attempts",
            "measured": 4,
            "comparison": ">=",
            "threshold": 20,
            "unit": "calls",
            "sample": None,
            "holds": False,
        },
        {
            "name": "age",
            "measured": 86400,
            "comparison": ">=",
            "threshold": 3 * 86400,
            "unit": "seconds",
            "sample": None,
            "holds": False,
        },
    ]
    assert gate["holds"] is False


@pytest.mark.parametrize(
    "breakage", ["delete from messaging.rollout", "drop table messaging.rollout cascade"]
)
def test_broken_flag_holds_no_gate(migrated: TestDatabase, breakage: str) -> None:
    """Where nobody can tell the phase, the gate says so and does not hold."""
    migrated.execute("alter table messaging.rollout disable trigger user")
    migrated.execute(breakage)
    gate = measure(migrated)
    assert gate["problem"].startswith("the flag ")
    assert (gate["phase"], gate["next"], gate["holds"]) == (None, None, False)


# Since when ---------------------------------------------------------------------------------------


def test_phase_begins_with_a_change_of_the_flag(migrated: TestDatabase) -> None:
    """To say the same again begins no phase, another percentage does."""
    since = begin_phase(migrated, "percentage", 10, 3 * DAY)
    migrated.execute("select messaging.set_rollout('percentage', 10, 'said again')")
    assert datetime.fromisoformat(measure(migrated)["since"]) == since
    begin_phase(migrated, "percentage", 10, 2 * DAY)
    assert datetime.fromisoformat(measure(migrated)["since"]) == since
    later = begin_phase(migrated, "percentage", 11, DAY)
    assert datetime.fromisoformat(measure(migrated)["since"]) == later


def test_phase_that_was_left_begins_anew(migrated: TestDatabase) -> None:
    """Time and calls before a rollback do not count for the phase that begins after it."""
    since = begin_phase(migrated, "internal", 0, 9 * DAY)
    log_calls(migrated, spread(since, [SUCCESS] * 30))
    begin_phase(migrated, "disabled", 0, 5 * DAY)
    again = begin_phase(migrated, "internal", 0, DAY)
    gate = measure(migrated)
    assert datetime.fromisoformat(gate["since"]) == again
    assert verdicts(gate) == {"success_rate": None, "attempts": False, "age": False}


def test_phase_of_the_future_holds_nothing(migrated: TestDatabase) -> None:
    """Where the clock was set back behind the beginning, the age is negative, no call counts."""
    since = begin_phase(migrated, "internal", 0, -2 * DAY)
    log_calls(migrated, spread(since - 3 * DAY, [SUCCESS] * 30))
    gate = measure(migrated)
    assert verdicts(gate) == {"success_rate": None, "attempts": False, "age": False}
    assert gate["conditions"][-1]["measured"] < 0
    assert gate["holds"] is False


# At the edge --------------------------------------------------------------------------------------

EDGES = {
    "success at": ("internal", 0, [SUCCESS] * 19 + [FAILURE], "success_rate", False),
    "success above": ("internal", 0, [SUCCESS] * 20 + [FAILURE], "success_rate", True),
    "attempts below": ("internal", 0, [SUCCESS] * 19, "attempts", False),
    "attempts at": ("internal", 0, [SUCCESS] * 20, "attempts", True),
    "errors at": ("percentage", 10, [SUCCESS] * 99 + [FAILURE], "error_rate", False),
    "errors below": ("percentage", 10, [SUCCESS] * 100 + [FAILURE], "error_rate", True),
    "p95 at": ("percentage", 10, [LoggedCall(seconds=0.5)] * 20, "p95_seconds", False),
    "p95 below": ("percentage", 10, [LoggedCall(seconds=0.499)] * 20, "p95_seconds", True),
    "success at 97": ("percentage", 50, [SUCCESS] * 97 + [FAILURE] * 3, "success_rate", False),
    "success above 97": ("percentage", 50, [SUCCESS] * 98 + [FAILURE] * 3, "success_rate", True),
    "success at 99": ("enabled", 100, [SUCCESS] * 99 + [FAILURE], "success_rate", False),
    "success above 99": ("enabled", 100, [SUCCESS] * 100 + [FAILURE], "success_rate", True),
}


@pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES)
def test_condition_at_its_edge(
    migrated: TestDatabase, edge: tuple[str, int, list[LoggedCall], str, bool]
) -> None:
    """Rates have to be beyond the threshold, a number of attempts may be at it."""
    strategy, percentage, calls, name, expected = edge
    # Within the hour in which a percentile is exact.
    since = begin_phase(migrated, strategy, percentage, timedelta(minutes=50))
    log_calls(migrated, spread(since, calls))
    assert verdicts(measure(migrated))[name] is expected


@pytest.mark.parametrize(
    ("strategy", "percentage", "days"),
    [("internal", 0, 3), ("percentage", 10, 7), ("percentage", 50, 7), ("enabled", 100, 14)],
)
def test_age_at_its_edge(migrated: TestDatabase, strategy: str, percentage: int, days: int) -> None:
    """A day has 24 hours, whatever the clocks of a country do; a microsecond less is too young."""
    since = begin_phase(migrated, strategy, percentage, 20 * DAY)
    old_enough = since + days * DAY
    for zone in ("UTC", "America/New_York"):
        migrated.execute("select set_config('timezone', %s, false)", zone)
        assert verdicts(measure(migrated, old_enough))["age"] is True
        young = measure(migrated, old_enough - timedelta(microseconds=1))
        assert verdicts(young)["age"] is False


def test_v1_is_free_for_14_days(migrated: TestDatabase, people: People) -> None:
    """V1 may go when nobody has begun a conversation there for as long as it is asked."""
    since = begin_phase(migrated, "enabled", 100, 40 * DAY)
    log_calls(migrated, spread(since, [SUCCESS]))
    last = since + 5 * DAY
    begin_v1(migrated, people.ben, since - DAY)
    begin_v1(migrated, people.ben, last)
    too_soon = measure(migrated, last + 14 * DAY)
    assert (verdicts(too_soon)["v1_creations"], too_soon["v1_retirable"]) == (False, False)
    late_enough = measure(migrated, last + 14 * DAY + timedelta(microseconds=1))
    assert (verdicts(late_enough)["v1_creations"], late_enough["v1_retirable"]) == (True, True)


# What counts --------------------------------------------------------------------------------------


def test_only_v2_of_the_phase_counts(migrated: TestDatabase) -> None:
    """Calls of V1, of before and after, and what was the callers' own fault are left out."""
    since = begin_phase(migrated, "percentage", 10, 8 * DAY)
    until = since + 7 * DAY
    left_out = [(since - SECOND, FAILURE), (until, FAILURE)]
    left_out += spread(since, [LoggedCall("server_error", version="v1", seconds=9)] * 50)
    log_calls(migrated, left_out)
    assert verdicts(measure(migrated, until)) == {
        "success_rate": None,
        "error_rate": None,
        "p95_seconds": None,
        "age": True,
    }
    log_calls(migrated, [(since, SUCCESS)])
    log_calls(migrated, spread(since, [LoggedCall(code) for code in OWN_FAULTS]))
    gate = measure(migrated, until)
    assert gate["holds"] is True
    assert [condition["sample"] for condition in gate["conditions"]] == [1, 6, 6, None]


CALLS = st.lists(
    st.tuples(
        st.integers(-2, 8),
        st.builds(
            LoggedCall,
            code=st.sampled_from([None] * 12 + ["server_error", "not_found", *OWN_FAULTS[:2]]),
            version=st.sampled_from(["v2", "v2", "v2", None, "v1"]),
            method=st.sampled_from(["startHelpConversation", "sendMessage"]),
            seconds=st.sampled_from([0.001, 0.25, 0.49, 0.51, 3.0]),
        ),
    ),
    max_size=60,
)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(calls=CALLS, days=st.integers(0, 9), attempts=st.integers(1, 12))
def test_gate_is_that_of_the_model(
    migrated: TestDatabase, calls: list[tuple[int, LoggedCall]], days: int, attempts: int
) -> None:
    """Whatever was called, the verdicts are those of a computation that knows no SQL."""
    migrated.execute("delete from messaging.rpc_events")
    since = begin_phase(migrated, "percentage", 10, 9 * DAY)
    migrated.execute(
        "select messaging.set_rollout_gate('percentage:10', 'minimum_attempts', %s)", str(attempts)
    )
    log_calls(migrated, [(since + day * DAY, call) for day, call in calls])
    counted = [call for day, call in calls if 0 <= day < days and call.version != "v1"]
    creations = [
        call
        for call in counted
        if call.method == "startHelpConversation" and call.code not in OWN_FAULTS
    ]
    wanted: dict[str, bool | None] = {
        "success_rate": None,
        "attempts": len(creations) >= attempts,
        "error_rate": None,
        "p95_seconds": None,
        "age": days >= 7,
    }
    if creations:
        succeeded = sum(call.code is None for call in creations)
        wanted["success_rate"] = 100 * succeeded > 95 * len(creations)
    if counted:
        failed = sum(call.event == "server_error" for call in counted)
        wanted["error_rate"] = 100 * failed < len(counted)
        durations = [call.seconds for call in counted] * (2 if len(counted) == 1 else 1)
        p95 = quantiles(durations, n=20, method="inclusive")[-1]
        # Over more than an hour it is 1 % beside the truth at most.
        assume(not 0.495 <= p95 <= 0.505)
        wanted["p95_seconds"] = p95 < 0.5
    gate = measure(migrated, since + days * DAY)
    assert verdicts(gate) == wanted
    assert gate["holds"] is all(wanted.values())


# Tuning -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "condition", "threshold", "expected"),
    [
        ("internal", "minimum_attempts", "5", 5),
        ("internal", "minimum_age", "36 hours", timedelta(hours=36)),
        ("percentage:10", "minimum_success_rate", "0.9", 0.9),
        ("percentage:10", "maximum_error_rate", "1", 1.0),
        ("percentage:50", "maximum_p95_seconds", "0.25", 0.25),
        ("percentage:50", "minimum_success_rate", None, None),
        ("enabled", "minimum_v1_free", "30 days", 30 * DAY),
    ],
)
def test_threshold_is_changed(
    migrated: TestDatabase, phase: str, condition: str, threshold: str | None, expected: object
) -> None:
    """One condition of one gate is as told; all others are as before."""
    columns = (
        "select strategy, percentage, to_jsonb(gate) - %s from messaging.rollout_gates as gate"
        " order by 2"
    )
    before = migrated.execute(columns, condition)
    migrated.execute("select messaging.set_rollout_gate(%s, %s, %s)", phase, condition, threshold)
    assert migrated.execute(
        f"select {condition} from messaging.rollout_gates"
        " where messaging.rollout_phase(strategy, percentage) = %s",
        phase,
    ) == [(expected,)]
    assert migrated.execute(columns, condition) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("most", "minimum_age", "1 day"), "internal, percentage:10, percentage:50, enabled"),
        ((None, "minimum_age", "1 day"), "internal, percentage:10, percentage:50, enabled"),
        (("percentage:25", "minimum_age", "1 day"), "percentage:10, percentage:50"),
        (("disabled", "minimum_age", "1 day"), "The phases are"),
        (("internal", "percentage", "1"), "The conditions are"),
        (("internal", None, "1"), "The conditions are"),
        (("internal", "minimum_success_rate", "95"), "fractions of 1"),
        (("internal", "minimum_success_rate", "1"), "fractions of 1"),
        (("internal", "minimum_success_rate", "NaN"), "fractions of 1"),
        (("internal", "minimum_success_rate", "much"), "fractions of 1"),
        (("internal", "minimum_success_rate", "1e999"), "fractions of 1"),
        (("internal", "maximum_error_rate", "0"), "fractions of 1"),
        (("internal", "maximum_p95_seconds", "-1"), "fractions of 1"),
        (("internal", "minimum_attempts", "0"), "fractions of 1"),
        (("internal", "minimum_attempts", "2.5"), "fractions of 1"),
        (("internal", "minimum_age", "-1 day"), "intervals such as 7 days"),
        (("internal", "minimum_age", "soon"), "intervals such as 7 days"),
        (("internal", "minimum_v1_free", "1 day"), "Only enabled waits for V1"),
    ],
)
def test_threshold_is_refused(
    migrated: TestDatabase, arguments: tuple[str | None, ...], words: str
) -> None:
    """What is no phase, no condition or no threshold changes nothing, and the hint says what is."""
    before = migrated.execute("table messaging.rollout_gates")
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        migrated.execute("select messaging.set_rollout_gate(%s, %s, %s)", *arguments)
    assert words in (caught.value.diag.message_hint or "")
    assert migrated.execute("table messaging.rollout_gates") == before


def test_gate_asks_something(migrated: TestDatabase) -> None:
    """The last condition of a gate stays: an open gate would be none."""
    take_out = "select messaging.set_rollout_gate('percentage:50', %s, null)"
    migrated.execute(take_out, "minimum_success_rate")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="minimum_age"):
        migrated.execute(take_out, "minimum_age")
    begin_phase(migrated, "percentage", 50, DAY)
    assert verdicts(measure(migrated)) == {"age": False}


# Who may ------------------------------------------------------------------------------------------


def test_watcher_sees_the_gate_and_changes_nothing(migrated: TestDatabase) -> None:
    """A member of pg_monitor reads the flag and its gate, and none of what changes them."""
    watcher = migrated.connect(superuser=True)
    watcher.execute("set role pg_monitor")
    watcher.execute("select messaging.rollout_gate(), messaging.rollout_status()")
    for statement in (
        "select messaging.set_rollout_gate('internal', 'minimum_age', '1 day')",
        "select messaging.advance_rollout('x', 'x')",
        "select messaging.guard_rollout()",
        "select messaging.measure_gate(now())",
        "table messaging.rollout_gates",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            watcher.execute(statement)


@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize(
    "statement",
    [
        "select messaging.rollout_gate()",
        "select messaging.advance_rollout('x', 'x', true)",
        "select messaging.guard_rollout()",
        "select messaging.set_rollout_gate('internal', 'minimum_age', '1 day')",
    ],
)
def test_gates_are_closed_to_users(
    migrated: TestDatabase, people: People, role: str, statement: str
) -> None:
    """Users and visitors reach nothing of it."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        migrated.as_role(role, people.mei).execute(statement)


def test_service_role_works_through_functions_alone(migrated: TestDatabase) -> None:
    """The service role tunes, goes on and guards, and touches no table."""
    service = migrated.as_role("service_role")
    service.execute("select messaging.set_rollout_gate('internal', 'minimum_attempts', '5')")
    service.execute("select messaging.rollout_gate(), messaging.advance_rollout('x', 'x')")
    service.execute("select messaging.guard_rollout()")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute("update messaging.rollout_gates set minimum_attempts = 1")


# The change itself --------------------------------------------------------------------------------


def test_revert_takes_its_own_rows_along(migrated: TestDatabase, deployed_plan: Plan) -> None:
    """Gates that nobody touched are no loss; the flag and its figures stay."""
    migrated.execute("select messaging.advance_rollout('x', 'x')")
    deployed_plan.revert(deployed_plan.through("rollout_gates") - 1)
    assert migrated.execute("select to_regclass('messaging.rollout_gates')") == [(None,)]
    assert migrated.execute(
        "select figures ->> 'next' from messaging.rollout_history order by id desc limit 1"
    ) == [("internal",)]


def test_revert_refuses_to_lose_thresholds(migrated: TestDatabase, deployed_plan: Plan) -> None:
    """What an operator tuned stays until somebody allows the loss."""
    migrated.execute("select messaging.set_rollout_gate('internal', 'minimum_attempts', '5')")
    before = deployed_plan.through("rollout_gates") - 1
    with pytest.raises(psycopg.errors.ObjectInUse, match=r"messaging\.rollout_gates \(1 rows\)"):
        deployed_plan.revert(before)
    deployed_plan.revert(before, carecli__allow_data_loss="on")


def edited(function: str, old: str, new: str) -> str:
    """Return a statement that edits the text of a function."""
    return f"""
        do $do$
        declare
            v_text constant text := pg_get_functiondef('messaging.{function}'::regprocedure);
        begin
            if strpos(v_text, $old${old}$old$) = 0 then
                raise 'not there';
            end if;
            execute replace(v_text, $old${old}$old$, $new${new}$new$);
        end $do$
    """


CONDITIONS = "gate_conditions(text,integer,timestamp with time zone,timestamp with time zone)"
BREAKAGES = {
    "a gate gone": "delete from messaging.rollout_gates where percentage = 50",
    "at the threshold": edited(CONDITIONS, "> measured.threshold", ">= measured.threshold"),
    "no data holds": edited(CONDITIONS, "'holds', case", "'holds', measured.value is null or case"),
    "too few hold": edited(CONDITIONS, ">= measured.threshold", ">= 0"),
    "any step": edited("advance_rollout(text,text,boolean)", "p_force is not true", "false"),
    "no step by force": edited("advance_rollout(text,text,boolean)", "p_force is not true", "true"),
    "force unsaid": edited("advance_rollout(text,text,boolean)", "'Forced past the gate: ' ||", ""),
    "guard asleep": edited("guard_rollout(text)", "exit when v_reason is null", "exit"),
    "guard without figures": edited("guard_rollout(text)", "'firing', v_firing\n", "'x', 1\n"),
    "guard acts twice": edited("guard_rollout(text)", "'acted', v_acted", "'acted', true"),
    "V1 asked of all": (
        "alter table messaging.rollout_gates"
        " drop constraint rollout_gates_minimum_v1_free_when_enabled"
    ),
    "any phase": "alter table messaging.rollout_gates drop constraint rollout_gates_phase_known",
    "any rate": """
        alter table messaging.rollout_gates
            drop constraint rollout_gates_minimum_success_rate_range
    """,
    "set by users": "grant execute on function messaging.rollout_gate() to authenticated",
    "not for the service": (
        "revoke execute on function messaging.guard_rollout(text) from service_role"
    ),
    "changed by watchers": (
        "grant execute on function messaging.advance_rollout(text, text, boolean) to pg_monitor"
    ),
    "table open": "grant select on messaging.rollout_gates to service_role",
    "of the invoker": "alter function messaging.guard_rollout(text) security invoker",
    "search path open": "alter function messaging.rollout_gate() reset search_path",
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_verify_goes_red(migrated: TestDatabase, deployed_plan: Plan, breakage: str) -> None:
    """The verify script passes, and fails once something is broken."""
    assert_verify_goes_red(
        migrated, partial(deployed_plan.run, "verify", "rollout_gates"), breakage
    )


def test_verify_leaves_everything_alone(migrated: TestDatabase, deployed_plan: Plan) -> None:
    """A live flag, its history, tuned gates and rules and the log are as before."""
    migrated.execute("select messaging.advance_rollout('x', 'x')")
    migrated.execute("select messaging.set_rollout_gate('internal', 'minimum_attempts', '5')")
    migrated.execute("select messaging.set_alert_rule('creation_success_rollback', 0.5)")
    everything = (
        "select messaging.rollout_status(),"
        " (select jsonb_agg(gate order by percentage) from messaging.rollout_gates as gate),"
        " (select jsonb_agg(rule order by name) from messaging.alert_rules as rule),"
        " (select count(*) from messaging.rpc_events)"
    )
    before = migrated.execute(everything)
    deployed_plan.run("verify", "rollout_gates")
    assert migrated.execute(everything) == before
