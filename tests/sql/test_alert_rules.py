"""Each alert rule fires on what breaks it, and on nothing less; rules are tuned, not broken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People, Plan
from tests.plugins.reading import assert_verify_goes_red
from tests.plugins.sessions import in_background, until_waiting

# The windows of these tests end here: nothing else ever happens then.
UNTIL = datetime(2190, 3, 27, 1, 30, tzinfo=UTC)
TICK = timedelta(microseconds=1)


class Rule(NamedTuple):
    """One rule as it comes with the deploy; see `messaging.alert_rules`."""

    severity: str
    metric: str
    comparison: str
    threshold: float
    window: timedelta
    minimum: int
    trigger: bool = False
    expected: bool = False


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


RULES = {
    "creation_success_critical": Rule(
        "critical", "creation_success_rate", "<", 0.85, minutes(10), 20, trigger=True
    ),
    "creation_success_rollback": Rule(
        "critical", "creation_success_rate", "<", 0.8, minutes(5), 10, trigger=True
    ),
    "creation_success_warning": Rule(
        "warning", "creation_success_rate", "<", 0.95, minutes(15), 20
    ),
    "error_rate_critical": Rule("critical", "server_error_rate", ">", 0.1, minutes(5), 20),
    "error_rate_warning": Rule("warning", "server_error_rate", ">", 0.05, minutes(5), 20),
    "error_code_warning": Rule("warning", "error_code_share", ">", 0.05, minutes(5), 20),
    "slow_call_critical": Rule("critical", "max_duration_seconds", ">", 5, minutes(5), 1),
    "latency_warning": Rule("warning", "latency_p95_seconds", ">", 1, minutes(10), 20),
    "duplicates_warning": Rule("warning", "duplicate_share", ">", 0.1, minutes(5), 20),
    "connection_pool_critical": Rule(
        "critical", "connection_pool_used", ">", 0.8, minutes(1), 1, expected=True
    ),
    "connection_failures_critical": Rule(
        "critical", "connection_failures_per_minute", ">", 10, minutes(1), 1
    ),
    "adoption_info": Rule("info", "v2_adoption_of_rollout", "<", 0.5, timedelta(hours=24), 50),
    "v1_creations_info": Rule(
        "info", "v1_creations_after_full_rollout", ">", 0, timedelta(hours=24), 1
    ),
}


def evaluate(
    database: TestDatabase, name: str, *, since: datetime | None = None, until: datetime = UNTIL
) -> list[tuple[Any, ...]]:
    """Return state, series, value and sample of each row of one rule."""
    return database.execute(
        "select state, series, value, sample"
        " from messaging.evaluate_alerts(%s, %s) where name = %s",
        since,
        until,
        name,
    )


def states(database: TestDatabase, **moments: datetime) -> dict[str, str]:
    """Return the state of each rule."""
    arguments = [moments.get("since"), moments.get("until", UNTIL)]
    return dict(
        database.execute("select name, state from messaging.evaluate_alerts(%s, %s)", *arguments)
    )


def log(
    database: TestDatabase,
    count: int,
    *,
    at: datetime = UNTIL - TICK,
    method: str = "sendMessage",
    code: str | None = None,
    version: str | None = "v2",
    milliseconds: float = 1,
) -> None:
    """Write so many calls of one moment into the event log."""
    database.execute(
        """
        insert into messaging.rpc_events
            (occurred_at, request_id, service, method, event, error_code, version, duration_ms)
        select %s, gen_random_uuid(), 'MessagingServiceV2', %s,
            case
                when code is null then 'success'
                when code like '%%\\_error' and code <> 'validation_error' then 'server_error'
                else 'function_error'
            end,
            code, %s, %s
        from generate_series(1, %s), (select %s::text as code) as answer
        """,
        at,
        method,
        version,
        milliseconds,
        count,
        code,
    )


create = partial(log, method="startHelpConversation")


def set_flag(database: TestDatabase, strategy: str, percentage: int | None = None) -> None:
    database.execute("select messaging.set_rollout(%s, %s, 'test')", strategy, percentage)


def begin_v1(database: TestDatabase, people: People, count: int, at: datetime) -> None:
    """Begin conversations in V1."""
    database.execute(
        "insert into public.conversations (created_by, created_at)"
        " select %s, %s from generate_series(1, %s)",
        people.ben,
        at,
        count,
    )


def begin_v2(database: TestDatabase, people: People, count: int, at: datetime) -> None:
    """Begin conversations in V2."""
    database.execute(
        """
        with asked as (
            insert into public.help_requests (user_id, title, category)
            select %s, 'x', 'other' from generate_series(1, %s) returning id
        )
        insert into public.conversations_v2
            (help_request_id, requester_id, helper_id, initial_message, created_at)
        select id, %s, %s, 'I can help you', %s from asked
        """,
        people.rosa,
        count,
        people.rosa,
        people.ben,
        at,
    )


class World(NamedTuple):
    """What happens: so many calls or conversations, so many of them bad, at one moment."""

    database: TestDatabase
    people: People
    total: int
    bad: int
    at: datetime = UNTIL - TICK


def creations_fail(world: World) -> None:
    create(world.database, world.bad, code="rpc_error", at=world.at)
    create(world.database, world.total - world.bad, at=world.at)


def calls_fail(world: World) -> None:
    log(world.database, world.bad, code="server_error", at=world.at)
    log(world.database, world.total - world.bad, at=world.at)


def calls_are_refused(world: World) -> None:
    log(world.database, world.bad, code="not_found", at=world.at)
    log(world.database, world.total - world.bad, at=world.at)


def creations_are_doubled(world: World) -> None:
    create(world.database, world.bad, code="conversation_exists", at=world.at)
    create(world.database, world.total - world.bad, at=world.at)


def clients_pass_v2_by(world: World) -> None:
    set_flag(world.database, "enabled")
    begin_v1(world.database, world.people, world.bad, world.at)
    begin_v2(world.database, world.people, world.total - world.bad, world.at)


SHARES: dict[str, Callable[[World], None]] = {
    "creation_success_rate": creations_fail,
    "server_error_rate": calls_fail,
    "error_code_share": calls_are_refused,
    "duplicate_share": creations_are_doubled,
    "v2_adoption_of_rollout": clients_pass_v2_by,
}
"""What breaks a rule about a share: some of many are bad."""

DURATIONS = {"max_duration_seconds", "latency_p95_seconds"}
"""Where each call takes its time."""

BY_OTHER_MEANS = {
    "connection_pool_used",
    "connection_failures_per_minute",
    "v1_creations_after_full_rollout",
}
"""Have tests of their own: below, and the pool, which takes a server, in tests/commands."""

of_shares = pytest.mark.parametrize(
    "name", [name for name, rule in RULES.items() if rule.metric in SHARES]
)
of_durations = pytest.mark.parametrize(
    "name", [name for name, rule in RULES.items() if rule.metric in DURATIONS]
)


def bad_at_threshold(rule: Rule, total: int) -> int:
    """Return how many of so many have to be bad for the value to be the threshold itself."""
    exact = rule.threshold * total if rule.comparison == ">" else total - rule.threshold * total
    assert round(exact, 9) == round(exact)
    return round(exact)


def test_rules_are_those_of_the_specification(migrated: TestDatabase) -> None:
    """Every rule is there as specified; one that is added needs its row and its test here."""
    rows = migrated.execute(
        "select name, severity, metric, comparison, threshold, time_window, minimum_sample,"
        " rollback_trigger, data_expected, enabled, changed_at from messaging.alert_rules"
    )
    assert {row[0]: (Rule(*row[1:9]), *row[9:]) for row in rows} == {
        name: (rule, True, None) for name, rule in RULES.items()
    }
    assert {rule.metric for rule in RULES.values()} == SHARES.keys() | DURATIONS | BY_OTHER_MEANS


def test_every_rule_is_judged_on_an_empty_log(migrated: TestDatabase) -> None:
    """Without a single call each rule has one row, and nothing but the pool has data."""
    rows = migrated.execute("select name, state, value from messaging.evaluate_alerts()")
    assert sorted(name for name, _, _ in rows) == sorted(RULES)
    assert {name for name, state, _ in rows if state != "no data"} == {"connection_pool_critical"}
    assert {value for _, state, value in rows if state == "no data"} == {None}


@of_shares
def test_share_fires_one_step_beyond_its_threshold(
    migrated: TestDatabase, people: People, name: str
) -> None:
    """At the threshold the rule is silent; one more that is bad, and it fires."""
    rule = RULES[name]
    bad = bad_at_threshold(rule, 100)
    SHARES[rule.metric](World(migrated, people, 100, bad))
    ((state, _, value, sample),) = evaluate(migrated, name)
    assert (state, value, sample) == ("ok", pytest.approx(rule.threshold), 100)
    migrated.execute("delete from messaging.rpc_events")
    migrated.execute("delete from public.conversations_v2")
    migrated.execute("delete from public.conversations")
    SHARES[rule.metric](World(migrated, people, 100, bad + 1))
    ((state, _, value, sample),) = evaluate(migrated, name)
    step = 0.01 if rule.comparison == ">" else -0.01
    assert (state, value, sample) == ("firing", pytest.approx(rule.threshold + step), 100)


@of_durations
def test_duration_fires_one_step_beyond_its_threshold(migrated: TestDatabase, name: str) -> None:
    """At the threshold the rule is silent; a thousandth of a millisecond more, and it fires."""
    rule = RULES[name]
    log(migrated, 20, milliseconds=rule.threshold * 1000)
    ((state, _, value, sample),) = evaluate(migrated, name)
    assert (state, value, sample) == ("ok", rule.threshold, 20)
    log(migrated, 20, milliseconds=rule.threshold * 1000 + 0.001)
    rows = evaluate(migrated, name)
    assert {state for state, *_ in rows} == {"firing"}
    assert "sendMessage" in {series for _, series, *_ in rows}


@pytest.mark.parametrize(
    "name", [name for name, rule in RULES.items() if rule.metric in {*SHARES, *DURATIONS}]
)
def test_sample_below_the_minimum_concludes_nothing(
    migrated: TestDatabase, people: People, name: str
) -> None:
    """One less than the minimum, all bad, is "too few" or no data; the minimum itself fires."""
    rule = RULES[name]

    def all_bad(count: int) -> None:
        if rule.metric in SHARES:
            SHARES[rule.metric](World(migrated, people, count, count))
        else:
            log(migrated, count, milliseconds=60_000)

    all_bad(rule.minimum - 1)
    ((state, _, value, sample),) = evaluate(migrated, name)
    assert sample == rule.minimum - 1
    assert (state, value is None) == (("too few", False) if sample else ("no data", True))
    all_bad(1)
    assert {state for state, *_ in evaluate(migrated, name)} == {"firing"}


@pytest.mark.parametrize(
    "name", [name for name, rule in RULES.items() if rule.metric in {*SHARES, *DURATIONS}]
)
@pytest.mark.parametrize(
    ("from_begin", "from_end", "state"),
    [
        (timedelta(0), None, "firing"),
        (-TICK, None, "no data"),
        (None, -TICK, "firing"),
        (None, timedelta(0), "no data"),
    ],
    ids=["first moment", "before it", "last moment", "after it"],
)
def test_window_has_its_first_moment_and_not_its_last(
    migrated: TestDatabase,
    people: People,
    name: str,
    from_begin: timedelta | None,
    from_end: timedelta | None,
    state: str,
) -> None:
    """The window begins so long before the moment of evaluation, and ends just before it."""
    rule = RULES[name]
    at = UNTIL - rule.window + from_begin if from_begin is not None else UNTIL
    at += from_end or timedelta(0)
    if rule.metric in SHARES:
        SHARES[rule.metric](World(migrated, people, 50, 50, at))
    else:
        log(migrated, 50, milliseconds=60_000, at=at)
    assert {found for found, *_ in evaluate(migrated, name)} == {state}


def test_day_has_24_hours(migrated: TestDatabase, people: People) -> None:
    """Where the clock is set forward in the session's time zone, no hour is lost of the window."""
    until = datetime(2026, 3, 29, 12, tzinfo=UTC)
    set_flag(migrated, "enabled")
    migrated.execute("alter table messaging.rollout_history disable trigger user")
    migrated.execute("update messaging.rollout_history set changed_at = '2026-01-01'")
    begin_v1(migrated, people, 50, until - timedelta(hours=24))
    migrated.execute("set timezone = 'Europe/Berlin'")
    for window in ("24 hours", "1 day"):
        migrated.execute(
            "select messaging.set_alert_rule('v1_creations_info', p_time_window => %s::interval)",
            window,
        )
        assert evaluate(migrated, "v1_creations_info", until=until) == [("firing", "", 50, 1)]
        later = until + TICK
        assert evaluate(migrated, "v1_creations_info", until=later) == [("ok", "", 0, 1)]


def test_window_is_cut_off_where_the_guard_begins(migrated: TestDatabase) -> None:
    """With p_since what happened before does not count, however long the window is."""
    create(migrated, 20, code="rpc_error", at=UNTIL - minutes(2))
    create(migrated, 10, at=UNTIL - minutes(1))
    name = "creation_success_rollback"
    assert evaluate(migrated, name) == [("firing", "", pytest.approx(1 / 3), 30)]
    assert evaluate(migrated, name, since=UNTIL - minutes(2)) == [
        ("firing", "", pytest.approx(1 / 3), 30)
    ]
    assert evaluate(migrated, name, since=UNTIL - minutes(2) + TICK) == [("ok", "", 1.0, 10)]
    assert evaluate(migrated, name, since=UNTIL) == [("no data", "", None, 0)]
    assert evaluate(migrated, name, since=UNTIL + minutes(1)) == [("no data", "", None, 0)]
    # Not before the window either.
    assert evaluate(migrated, name, since=UNTIL - timedelta(days=300))[0][3] == 30


def test_evaluates_now_by_default(migrated: TestDatabase) -> None:
    """Without arguments, and with nulls, the windows end at the present moment."""
    now = datetime.now(UTC)
    create(migrated, 20, code="rpc_error", at=now - minutes(1))
    create(migrated, 20, at=now + minutes(1))
    for arguments in ("", "null, null"):
        rows = migrated.execute(
            f"select state, sample from messaging.evaluate_alerts({arguments})"
            " where name = 'creation_success_critical'"
        )
        assert rows == [("firing", 20)]


def test_code_is_named(migrated: TestDatabase) -> None:
    """A row for each code that fires, the worst first, those of the caller's own fault too."""
    log(migrated, 80)
    for code, count in (("not_found", 6), ("validation_error", 9), ("rpc_error", 5)):
        log(migrated, count, code=code)
    assert evaluate(migrated, "error_code_warning") == [
        ("firing", "validation_error", 0.09, 100),
        ("firing", "not_found", 0.06, 100),
    ]


def test_worst_series_stands_for_those_that_do_not_fire(migrated: TestDatabase) -> None:
    """Where none fires there is one row, that of the series nearest to the threshold."""
    log(migrated, 93)
    for code, count in (("not_found", 5), ("validation_error", 2)):
        log(migrated, count, code=code)
    assert evaluate(migrated, "error_code_warning") == [("ok", "not_found", 0.05, 100)]


def test_method_that_is_slow_is_named(migrated: TestDatabase) -> None:
    """A slow method fires among fast ones; one with too few calls hides nothing."""
    log(migrated, 500, method="sendMessage")
    log(migrated, 20, method="getMessages", milliseconds=1500)
    log(migrated, 5, method="startHelpConversation", milliseconds=1500)
    assert evaluate(migrated, "latency_warning") == [("firing", "getMessages", 1.5, 20)]
    log(migrated, 1, method="listConversations", milliseconds=5001)
    assert evaluate(migrated, "slow_call_critical") == [("firing", "listConversations", 5.001, 1)]


def test_callers_own_faults_do_not_fail_creations(migrated: TestDatabase) -> None:
    """Refusals that the caller brought about are left out of the rate of success."""
    create(migrated, 20)
    for code in (
        "conversation_exists",
        "permission_denied",
        "rate_limit_exceeded",
        "unauthorized",
        "validation_error",
    ):
        create(migrated, 20, code=code, version=None)
    assert evaluate(migrated, "creation_success_warning") == [("ok", "", 1.0, 20)]


def test_failures_of_v1_do_not_count_against_v2(migrated: TestDatabase) -> None:
    """V1 is known to fail: its calls break no rule about rates."""
    create(migrated, 20)
    create(migrated, 100, code="rpc_error", version="v1")
    firing = {name for name, state in states(migrated).items() if state == "firing"}
    assert firing == set()


def test_v1_creation_after_full_rollout(migrated: TestDatabase, people: People) -> None:
    """One conversation that begins in V1 fires, as long as the flag is enabled."""
    name = "v1_creations_info"
    begin_v1(migrated, people, 1, UNTIL - TICK)
    set_flag(migrated, "percentage", 100)
    assert evaluate(migrated, name) == [("no data", "", None, 0)]
    set_flag(migrated, "enabled")
    assert evaluate(migrated, name) == [("firing", "", 1, 1)]
    migrated.execute("delete from public.conversations")
    assert evaluate(migrated, name) == [("ok", "", 0, 1)]
    set_flag(migrated, "disabled")
    assert evaluate(migrated, name) == [("no data", "", None, 0)]


@pytest.mark.parametrize(("failures", "state"), [(10, "ok"), (11, "firing")])
def test_connection_failures_of_a_minute(migrated: TestDatabase, failures: int, state: str) -> None:
    """Ten in the minute between two samples are silent, eleven fire; one sample says nothing."""
    name = "connection_failures_critical"
    add = (
        "insert into messaging.connection_samples (sampled_at, failures, counting_since)"
        " values (%s, %s, '2026-01-01')"
    )
    migrated.execute(add, UNTIL - minutes(1) - TICK, 100)
    assert evaluate(migrated, name) == [("no data", "", None, 0)]
    migrated.execute(add, UNTIL - TICK, 100 + failures)
    assert evaluate(migrated, name) == [(state, "", pytest.approx(failures), 1)]


def test_adoption_is_measured_by_what_the_rollout_says(
    migrated: TestDatabase, people: People
) -> None:
    """At 20 percent a tenth in V2 is half of it, and silent; off or internal there is no data."""
    begin_v1(migrated, people, 90, UNTIL - TICK)
    begin_v2(migrated, people, 10, UNTIL - TICK)
    name = "adoption_info"
    for strategy in ("disabled", "internal"):
        set_flag(migrated, strategy)
        assert [state for state, *_ in evaluate(migrated, name)] == ["no data"]
    set_flag(migrated, "percentage", 20)
    assert evaluate(migrated, name) == [("ok", "", 0.5, 100)]
    begin_v1(migrated, people, 1, UNTIL - TICK)
    assert evaluate(migrated, name) == [("firing", "", pytest.approx(0.495, abs=0.001), 101)]


def test_firing_rules_come_first_and_the_critical_ones_before_others(
    migrated: TestDatabase,
) -> None:
    """The order is that in which somebody has to read them."""
    create(migrated, 20, code="rpc_error")
    rows = migrated.execute(
        "select state, severity, name from messaging.evaluate_alerts(null, %s)", UNTIL
    )
    firing = [(severity, name) for state, severity, name in rows if state == "firing"]
    assert firing == [
        ("critical", "creation_success_critical"),
        ("critical", "creation_success_rollback"),
        ("critical", "error_rate_critical"),
        ("warning", "creation_success_warning"),
        ("warning", "error_code_warning"),
        ("warning", "error_rate_warning"),
    ]
    assert [state for state, *_ in rows[: len(firing)]] == ["firing"] * len(firing)


# Tuning -----------------------------------------------------------------------------------------


def tune(database: TestDatabase, name: str | None, **arguments: Any) -> dict[str, Any]:
    """Call `messaging.set_alert_rule` and return the rule."""
    named = "".join(f", p_{argument} => %s" for argument in arguments)
    ((answer,),) = database.execute(
        f"select messaging.set_alert_rule(%s{named})", name, *arguments.values()
    )
    found: dict[str, Any] = answer
    return found


def test_tuned_threshold_is_what_counts(migrated: TestDatabase) -> None:
    """What an operator sets holds at once, and the rest of the rule stays as it was."""
    create(migrated, 90)
    create(migrated, 10, code="rpc_error")
    name = "creation_success_critical"
    assert evaluate(migrated, name)[0][0] == "ok"
    answer = tune(migrated, name, threshold=0.95)
    assert evaluate(migrated, name)[0][0] == "firing"
    assert (answer["threshold"], answer["minimum_sample"]) == (0.95, 20)
    tune(migrated, name, minimum_sample=101)
    assert evaluate(migrated, name)[0][0] == "too few"
    tune(migrated, name, minimum_sample=1, time_window=timedelta(seconds=1))
    assert evaluate(migrated, name)[0][0] == "firing"
    ((severity, metric, comparison, window),) = migrated.execute(
        "select severity, metric, comparison, time_window from messaging.alert_rules"
        " where name = %s",
        name,
    )
    assert (severity, metric, comparison) == ("critical", "creation_success_rate", "<")
    assert window == timedelta(seconds=1)


def test_who_tuned_a_rule_is_noted(migrated: TestDatabase) -> None:
    """The rule that was changed says by whom and when; the others say nothing."""
    tune(migrated, "latency_warning", threshold=2.0)
    rows = migrated.execute(
        "select name, changed_by = session_user, changed_at > now() - interval '1 minute'"
        " from messaging.alert_rules where changed_at is not null or changed_by is not null"
    )
    assert rows == [("latency_warning", True, True)]


def test_rule_that_is_switched_off_is_not_judged(migrated: TestDatabase) -> None:
    """It has no row at all, until it is switched on again."""
    create(migrated, 20, code="rpc_error")
    tune(migrated, "creation_success_critical", enabled=False)
    assert "creation_success_critical" not in states(migrated)
    tune(migrated, "creation_success_critical", enabled=True)
    assert states(migrated)["creation_success_critical"] == "firing"


def test_another_rule_can_be_made(migrated: TestDatabase) -> None:
    """A name that is new makes a rule, judged like the others."""
    tune(
        migrated,
        "sends_slowly",
        threshold=0.2,
        time_window=minutes(1),
        minimum_sample=5,
        severity="info",
        metric="latency_p95_seconds",
        comparison=">",
        action=" Look at the plans ",
    )
    log(migrated, 5, milliseconds=250)
    assert {state for state, *_ in evaluate(migrated, "sends_slowly")} == {"firing"}
    rows = migrated.execute(
        "select action, rollback_trigger, data_expected, enabled from messaging.alert_rules"
        " where name = 'sends_slowly'"
    )
    assert rows == [("Look at the plans", False, False, True)]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (None, {"threshold": 0.5}, "NULL is no name of an alert rule"),
        ("Error rate", {"threshold": 0.5}, "'Error rate' is no name of an alert rule"),
        ("error_rate", {"threshold": 0.5}, "there is no alert rule 'error_rate'"),
        ("error_rate_warning", {}, "nothing is said of what to change"),
        ("error_rate_warning", {"threshold": float("nan")}, "NaN is no threshold"),
        ("error_rate_warning", {"threshold": float("inf")}, "Infinity is no threshold"),
        ("error_rate_warning", {"threshold": -0.1}, "-0.1 is no threshold"),
        ("error_rate_warning", {"threshold": 5.0}, "so a rule above 5 never fires"),
        ("error_rate_warning", {"threshold": 1.0}, "so a rule above 1 never fires"),
        ("creation_success_warning", {"threshold": 0.0}, "a rule below 0 never fires"),
        ("error_rate_warning", {"time_window": timedelta(0)}, "00:00:00 is no window"),
        ("error_rate_warning", {"time_window": timedelta(minutes=-5)}, " is no window"),
        ("error_rate_warning", {"time_window": timedelta(30, 1)}, "30 days 00:00:01 is no window"),
        ("error_rate_warning", {"minimum_sample": 0}, "0 is no minimum sample"),
        ("error_rate_warning", {"severity": "fatal"}, "'fatal' is no severity"),
        ("error_rate_warning", {"comparison": ">="}, "'>=' is no comparison"),
        ("error_rate_warning", {"metric": "weather"}, "'weather' is no measure"),
        ("error_rate_warning", {"action": " \n"}, "a rule needs an action"),
        ("error_rate_warning", {"action": "x" * 1001}, "a rule needs an action"),
    ],
)
def test_nonsense_is_refused(
    migrated: TestDatabase, name: str | None, arguments: dict[str, Any], message: str
) -> None:
    """The error says what is wrong and what would be right; nothing is changed."""
    before = migrated.execute("select * from messaging.alert_rules order by name")
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        tune(migrated, name, **arguments)
    assert message in (caught.value.diag.message_primary or "")
    assert caught.value.diag.message_hint
    assert migrated.execute("select * from messaging.alert_rules order by name") == before


def test_new_rule_says_what_it_lacks(migrated: TestDatabase) -> None:
    """A slip in a name is no rule that fires never: what is missing is named, and what there is."""
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        tune(migrated, "error_rate_warnig", threshold=0.5)
    assert caught.value.diag.message_detail == (
        "To make it, these are missing: p_metric, p_comparison, p_time_window, p_minimum_sample,"
        " p_severity, p_action"
    )
    assert "error_rate_warning" in (caught.value.diag.message_hint or "")


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("alert_rules_name_form", "name = 'Errors'"),
        ("alert_rules_severity_known", "severity = 'fatal'"),
        ("alert_rules_comparison_known", "comparison = '='"),
        ("alert_rules_threshold_range", "threshold = 'NaN', comparison = '<'"),
        ("alert_rules_threshold_range", "threshold = 'Infinity', comparison = '<'"),
        ("alert_rules_threshold_range", "threshold = -1"),
        ("alert_rules_threshold_can_be_passed", "threshold = 1"),
        ("alert_rules_threshold_can_be_passed", "threshold = 0, comparison = '<'"),
        ("alert_rules_time_window_range", "time_window = '0'"),
        ("alert_rules_time_window_range", "time_window = '30 days 1 second'"),
        ("alert_rules_minimum_sample_range", "minimum_sample = 0"),
        ("alert_rules_action_length", "action = ''"),
    ],
)
def test_table_keeps_nonsense_out(migrated: TestDatabase, constraint: str, change: str) -> None:
    """What is written past the function is held to the same rules."""
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        migrated.execute(
            f"update messaging.alert_rules set {change} where name = 'error_rate_warning'"
        )
    assert caught.value.diag.constraint_name == constraint


def test_two_who_tune_at_once_do_not_undo_each_other(migrated: TestDatabase) -> None:
    """Each changes what it names; the second one waits for the first, and sees what it did."""
    first, second = migrated.connect(autocommit=False), migrated.connect()
    first.execute("select messaging.set_alert_rule('latency_warning', 2)")
    thread, _ = in_background(
        lambda: second.execute(
            "select messaging.set_alert_rule('latency_warning', p_minimum_sample => 9)"
        )
    )
    until_waiting(migrated, second)
    first.commit()
    thread.join()
    rows = migrated.execute(
        "select threshold, minimum_sample from messaging.alert_rules where name = 'latency_warning'"
    )
    assert rows == [(2, 9)]


# Who may ----------------------------------------------------------------------------------------

EVALUATE = "select count(*) from messaging.evaluate_alerts()"
TUNE = "select messaging.set_alert_rule('latency_warning', 2)"
WRITE = "update messaging.alert_rules set threshold = 2"


def as_watcher(database: TestDatabase) -> psycopg.Connection:
    """Return a connection that may do what a member of pg_monitor may, and no more."""
    connection = database.connect(superuser=True)
    connection.execute("set role pg_monitor")
    return connection


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("anon", EVALUATE),
        ("authenticated", EVALUATE),
        ("anon", TUNE),
        ("authenticated", TUNE),
        ("pg_monitor", TUNE),
        ("anon", WRITE),
        ("authenticated", WRITE),
        ("pg_monitor", WRITE),
        ("service_role", WRITE),
        ("pg_monitor", "select messaging.metric_unit('x')"),
        ("pg_monitor", "table messaging.alert_rules"),
        ("service_role", "table messaging.alert_rules"),
    ],
)
def test_rules_are_closed(
    migrated: TestDatabase, people: People, role: str, statement: str
) -> None:
    """Nobody who watches tunes, nobody who uses the application watches, none reads the table."""
    connection = (
        as_watcher(migrated) if role == "pg_monitor" else migrated.as_role(role, people.mei)
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize(
    ("role", "statement"),
    [("pg_monitor", EVALUATE), ("service_role", EVALUATE), ("service_role", TUNE)],
)
def test_who_watches_and_who_tunes_may(migrated: TestDatabase, role: str, statement: str) -> None:
    """A member of pg_monitor evaluates, with what no row security hides; the service tunes."""
    connection = as_watcher(migrated) if role == "pg_monitor" else migrated.as_role(role)
    assert connection.execute(statement).fetchone() is not None


def test_watcher_sees_what_the_owner_sees(migrated: TestDatabase, people: People) -> None:
    """Conversations that row security would hide from the watcher are counted all the same."""
    set_flag(migrated, "enabled")
    begin_v1(migrated, people, 30, UNTIL - TICK)
    begin_v2(migrated, people, 30, UNTIL - TICK)
    query = "select state, value from messaging.evaluate_alerts(null, %s) where name = %s"
    row = as_watcher(migrated).execute(query, [UNTIL, "adoption_info"]).fetchone()
    assert row == ("ok", 0.5)


def test_evaluation_writes_nothing(migrated: TestDatabase) -> None:
    """It runs in a read-only transaction, as on a standby."""
    connection = migrated.connect()
    connection.execute("set default_transaction_read_only = on")
    assert connection.execute(EVALUATE).fetchone() == (len(RULES),)


# Verify and revert ------------------------------------------------------------------------------


def test_revert_refuses_to_lose_a_tuned_rule(deployed_plan: Plan, migrated: TestDatabase) -> None:
    """A rule that an operator tuned stays until somebody allows the loss."""
    through = deployed_plan.through("alert_rules")
    deployed_plan.revert(through)
    tune(migrated, "latency_warning", threshold=2.0)
    with pytest.raises(psycopg.errors.ObjectInUse, match=r"messaging\.alert_rules \(1 rows\)"):
        deployed_plan.revert(through - 1)
    deployed_plan.revert(through - 1, carecli__allow_data_loss="on")
    assert migrated.execute("select to_regclass('messaging.alert_rules')") == [(None,)]


def test_revert_drops_what_the_deploy_wrote(deployed_plan: Plan, migrated: TestDatabase) -> None:
    """Rules that nobody touched are no loss."""
    deployed_plan.revert(deployed_plan.through("alert_rules") - 1)
    assert migrated.execute("select to_regclass('messaging.alert_rules')") == [(None,)]


def edited(function: str, old: str, new: str) -> str:
    """Return the statement that edits the source of a function."""
    return f"""
        do $do$
        declare
            v_source text := pg_get_functiondef('messaging.{function}'::regproc);
        begin
            if strpos(v_source, $${old}$$) = 0 then
                raise 'not in it: %', v_source;
            end if;
            execute replace(v_source, $${old}$$, $${new}$$);
        end $do$
    """


BREAKAGES = {
    "rule gone": "delete from messaging.alert_rules where name = 'adoption_info'",
    "at the threshold too": edited("evaluate_alerts", "value < rule_1", "value <= rule_1"),
    "never fires": edited("evaluate_alerts", "THEN 'firing'", "THEN 'ok'"),
    "sample forgotten": edited("evaluate_alerts", "< rule_1.minimum_sample", "< 0"),
    "switched off forgotten": edited("evaluate_alerts", "WHERE rule_1.enabled", "WHERE true"),
    "since forgotten": edited("evaluate_alerts", ", evaluate_alerts.p_since)", ", null)"),
    "threshold unchecked": edited("set_alert_rule", "v_rule.threshold < 'infinity'", "true"),
    "any severity": "alter table messaging.alert_rules drop constraint alert_rules_severity_known",
    "any comparison": """
        alter table messaging.alert_rules drop constraint alert_rules_comparison_known
    """,
    "any threshold": """
        alter table messaging.alert_rules drop constraint alert_rules_threshold_range
    """,
    "threshold out of reach": """
        alter table messaging.alert_rules drop constraint alert_rules_threshold_can_be_passed
    """,
    "any window": """
        alter table messaging.alert_rules drop constraint alert_rules_time_window_range
    """,
    "any sample": """
        alter table messaging.alert_rules drop constraint alert_rules_minimum_sample_range
    """,
    "any action": "alter table messaging.alert_rules drop constraint alert_rules_action_length",
    "any name": "alter table messaging.alert_rules drop constraint alert_rules_name_form",
    "author forgotten": "drop trigger alert_rules_note_author on messaging.alert_rules",
    "evaluated by users": """
        grant execute on function messaging.evaluate_alerts(timestamptz, timestamptz)
        to authenticated
    """,
    "not for the watcher": """
        revoke execute on function messaging.evaluate_alerts(timestamptz, timestamptz)
        from pg_monitor
    """,
    "tuned by the watcher": """
        do $do$
        begin
            execute 'grant execute on function '
                || (select oid::regprocedure from pg_proc where proname = 'set_alert_rule')
                || ' to pg_monitor';
        end $do$
    """,
    "table for the service": "grant update on messaging.alert_rules to service_role",
    "of the invoker": """
        alter function messaging.evaluate_alerts(timestamptz, timestamptz) security invoker
    """,
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_verify_goes_red(migrated: TestDatabase, deployed_plan: Plan, breakage: str) -> None:
    """The verify script passes, and fails once something is broken."""
    assert_verify_goes_red(migrated, partial(deployed_plan.run, "verify", "alert_rules"), breakage)


def test_verify_leaves_nothing(migrated: TestDatabase, deployed_plan: Plan) -> None:
    """Rules that an operator tuned, switched off and made are as before, and so is the log."""
    tune(migrated, "error_rate_warning", threshold=0.3)
    tune(migrated, "error_rate_critical", enabled=False)
    create(migrated, 30, code="rpc_error", at=datetime.now(UTC) - minutes(1))
    query = "select * from messaging.alert_rules order by name"
    before = migrated.execute(query)
    deployed_plan.run("verify", "alert_rules")
    assert migrated.execute(query) == before
    assert migrated.execute("select count(*) from messaging.rpc_events") == [(30,)]


def test_verify_passes_while_rules_fire(migrated: TestDatabase, deployed_plan: Plan) -> None:
    """What goes on in the application is no fault of the change."""
    create(migrated, 30, code="rpc_error", at=datetime.now(UTC) - minutes(1))
    log(migrated, 30, code="not_found", at=datetime.now(UTC) - minutes(1))
    deployed_plan.run("verify", "alert_rules")


def test_locked_table_costs_its_own_rules_alone(migrated: TestDatabase) -> None:
    """While somebody keeps the conversations locked, the rules that need the log are judged."""
    holder = migrated.connect(autocommit=False)
    holder.execute("lock table public.conversations_v2 in access exclusive mode")
    migrated.execute("select messaging.set_rollout('enabled', null, 'a test')")
    create(migrated, 30, code="server_error", at=datetime.now(UTC) - minutes(1))
    states = dict(
        migrated.execute("select name, state from messaging.evaluate_alerts() order by name")
    )
    holder.rollback()
    assert states["creation_success_rollback"] == "firing"
    assert states["adoption_info"] == "no data"
