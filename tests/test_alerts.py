"""What the judged alert rules come to: exit code, first line, performance data, the rest."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecli.alerts import Alert, lines, perfdata, read_alerts, summary
from carecli.errors import CarecliError
from tests.plugins.databases import TestDatabase

FAILING = Alert(
    name="creation_success_critical",
    severity="critical",
    state="firing",
    series="",
    metric="creation_success_rate",
    value=0.62,
    comparison="<",
    threshold=0.85,
    sample=50,
    minimum_sample=20,
    time_window=timedelta(minutes=10),
    rollback_trigger=True,
    action="Page. Turn V2 off",
    unit="share",
)
CODE = replace(
    FAILING,
    name="error_code_warning",
    severity="warning",
    series="not_found",
    metric="error_code_share",
    value=0.125,
    comparison=">",
    threshold=0.05,
    rollback_trigger=False,
    action="Notify",
)
OLD_CLIENTS = replace(
    CODE,
    name="v1_creations_info",
    severity="info",
    series="",
    metric="v1_creations_after_full_rollout",
    value=3.0,
    threshold=0.0,
    unit="number",
)
POOL = replace(
    FAILING,
    name="connection_pool_critical",
    state="ok",
    metric="connection_pool_used",
    value=0.25,
    comparison=">",
    threshold=0.8,
    sample=25,
    minimum_sample=1,
    rollback_trigger=False,
    data_expected=True,
)
SLOW = replace(
    POOL,
    name="latency_warning",
    severity="warning",
    metric="latency_p95_seconds",
    state="too few",
    value=1.5,
    threshold=1.0,
    sample=3,
    minimum_sample=20,
    unit="seconds",
    data_expected=False,
)
FAILURES = replace(
    SLOW,
    name="connection_failures_critical",
    severity="critical",
    metric="connection_failures_per_minute",
    state="no data",
    value=None,
    threshold=10.0,
    sample=0,
    minimum_sample=1,
    unit="per minute",
)


@pytest.mark.parametrize(
    ("alerts", "code", "words"),
    [
        (
            [FAILING, CODE, POOL],
            2,
            (
                "CRITICAL - 2 rules fire: creation_success_critical 62 % < 85 %,"
                " error_code_warning (not_found) 12.5 % > 5 %; 1 holds"
            ),
        ),
        (
            [CODE, POOL, SLOW],
            1,
            (
                "WARNING - 1 rule fires: error_code_warning (not_found) 12.5 % > 5 %;"
                " 1 holds; 1 has too small a sample"
            ),
        ),
        (
            [POOL, SLOW, FAILURES],
            0,
            "OK - no rule fires; 1 holds; 1 has too small a sample; 1 has no data",
        ),
        (
            [OLD_CLIENTS, POOL],
            0,
            (
                "OK - no rule fires that wakes or notifies anybody;"
                " for the daily review: v1_creations_info 3 > 0; 1 holds"
            ),
        ),
        (
            [replace(FAILURES, data_expected=True), POOL],
            3,
            (
                "UNKNOWN - no data where there has to be: connection_failures_critical;"
                " 1 holds; 1 has no data"
            ),
        ),
        (
            [CODE, replace(FAILURES, data_expected=True)],
            1,
            (
                "WARNING - 1 rule fires: error_code_warning (not_found) 12.5 % > 5 %;"
                " no data where there has to be: connection_failures_critical; 1 has no data"
            ),
        ),
        (
            [SLOW, FAILURES],
            3,
            "UNKNOWN - no rule could be judged; 1 has too small a sample; 1 has no data",
        ),
        ([], 3, "UNKNOWN - there is no alert rule that is enabled"),
    ],
    ids=[
        "critical",
        "warning",
        "ok",
        "info",
        "data missing",
        "warning and data missing",
        "nothing judged",
        "no rule",
    ],
)
def test_exit_code_and_first_line(alerts: list[Alert], code: int, words: str) -> None:
    """The worst that fires decides; what is not known is said and is never called well."""
    found, line = summary(alerts)
    assert (found, line.partition(" | ")[0]) == (code, words)


def test_rule_with_several_series_is_one_rule() -> None:
    """Each series that fires is named; the rule is counted once, its figure is the worst."""
    alerts = [CODE, replace(CODE, series="rpc_error", value=0.06)]
    code, line = summary(alerts)
    assert code == 1
    assert line.startswith(
        "WARNING - 1 rule fires: error_code_warning (not_found) 12.5 % > 5 %,"
        " error_code_warning (rpc_error) 6 % > 5 % |"
    )
    assert line.count("'error_code_warning'=") == 1
    assert "'error_code_warning'=0.125;" in line


@pytest.mark.parametrize(
    ("alert", "figure"),
    [
        (FAILING, "'creation_success_critical'=0.62;;0.85:;0;1"),
        (CODE, "'error_code_warning'=0.125;0.05;;0;1"),
        (OLD_CLIENTS, "'v1_creations_info'=3;;;0"),
        (
            replace(SLOW, state="firing", value=0.0000015),
            "'latency_warning'=0.0000015s;1;;0",
        ),
        (replace(POOL, value=1e15), "'connection_pool_critical'=1000000000000000;;0.8;0;1"),
        (SLOW, "'latency_warning'=U;1;;0"),
        (FAILURES, "'connection_failures_critical'=U;;10;0"),
    ],
    ids=["below", "above", "info", "seconds", "large", "too few", "no data"],
)
def test_performance_data(alert: Alert, figure: str) -> None:
    """Value, thresholds as ranges that are well, and bounds; unknown where nothing is known."""
    assert perfdata([alert]) == figure


_FIGURE = re.compile(
    r"'[^'=|]+'=(U|-?[0-9]+(\.[0-9]+)?s?);([0-9.]+:?)?;([0-9.]+:?)?;0(;1)?", re.ASCII
)
_ALERTS = st.builds(
    Alert,
    name=st.from_regex(r"[a-z][a-z0-9_]{0,62}", fullmatch=True),
    severity=st.sampled_from(["critical", "warning", "info"]),
    state=st.sampled_from(["firing", "ok", "too few", "no data"]),
    series=st.text(max_size=20),
    metric=st.just("m"),
    value=st.none() | st.floats(0, 1e12),
    comparison=st.sampled_from("<>"),
    threshold=st.floats(0, 1e12),
    sample=st.integers(0, 10**12),
    minimum_sample=st.integers(1, 10**12),
    time_window=st.timedeltas(timedelta(microseconds=1), timedelta(days=30)),
    rollback_trigger=st.booleans(),
    action=st.text(min_size=1, max_size=50),
    unit=st.sampled_from(["share", "ratio", "seconds", "per minute", "number"]),
    data_expected=st.booleans(),
)


@given(st.lists(_ALERTS, max_size=5, unique_by=lambda alert: alert.name))
def test_first_line_is_one_that_a_monitor_can_read(alerts: list[Alert]) -> None:
    """Whatever codes and methods are called: one line, one bar, figures of the agreed form."""
    code, line = summary(alerts)
    assert line.isprintable()
    text, _, figures = line.partition(" | ")
    assert "|" not in text
    assert "|" not in figures
    assert text.startswith(("OK - ", "WARNING - ", "CRITICAL - ", "UNKNOWN - ")[code])
    assert len(_FIGURE.findall(figures)) == len(alerts)
    assert _FIGURE.sub("", figures).strip() == ""
    for told in lines(alerts):
        assert told.isprintable()
        assert "|" not in told


@given(st.lists(_ALERTS, max_size=5, unique_by=lambda alert: alert.name), st.randoms())
def test_order_of_the_rules_changes_no_verdict(alerts: list[Alert], random: Any) -> None:
    """The exit code is that of the rules, in whatever order they come."""
    shuffled = list(alerts)
    random.shuffle(shuffled)
    assert summary(shuffled)[0] == summary(alerts)[0]


def test_lines_say_what_to_do() -> None:
    """Of each that fires: figures and action; of the others: what would let them fire."""
    told = list(lines([FAILING, CODE, POOL, SLOW, FAILURES]))
    assert told[0] == (
        "CRITICAL creation_success_critical: 62 % < 85 % over 10 minutes, sample 50 (at least 20);"
        " rollback trigger"
    )
    assert told[1] == "    Page. Turn V2 off"
    assert told[2].startswith("WARNING error_code_warning (not_found): 12.5 % > 5 % over 10 min")
    assert told[3:] == [
        "    Notify",
        "ok       connection_pool_critical      25 % of 25; fires > 80 % over 10 minutes",
        "too few  latency_warning               1.5 s of 3, not 20; fires > 1 s over 10 minutes",
        "no data  connection_failures_critical  fires > 10 a minute over 10 minutes",
    ]


def test_reads_what_the_database_judged(migrated: TestDatabase) -> None:
    """Each column becomes the field of its name."""
    migrated.execute(
        "insert into messaging.rpc_events (occurred_at, request_id, service, method, event,"
        " error_code, version, duration_ms)"
        " select now() - interval '1 second', n::text, 'x', 'startHelpConversation',"
        " 'server_error', 'rpc_error', 'v2', 1 from generate_series(1, 40) as n"
    )
    found = {alert.name: alert for alert in read_alerts(migrated.connect())}
    assert found["creation_success_critical"] == Alert(
        name="creation_success_critical",
        severity="critical",
        state="firing",
        series="",
        metric="creation_success_rate",
        value=0.0,
        comparison="<",
        threshold=0.85,
        sample=40,
        minimum_sample=20,
        time_window=timedelta(minutes=10),
        rollback_trigger=True,
        action="Page. If the errors are those of V2, turn it off: carecli rollout rollback",
        unit="share",
        data_expected=False,
    )
    assert found["error_code_warning"].series == "rpc_error"
    assert found["connection_pool_critical"].data_expected
    assert found["slow_call_critical"].state == "ok"


def test_reads_in_a_transaction_of_the_callers(migrated: TestDatabase) -> None:
    """The caller's own settings hold there, and its transaction goes on."""
    connection = migrated.connect()
    with connection.transaction():
        connection.execute("set local statement_timeout = '7s'")
        assert read_alerts(connection)
        assert connection.execute("show statement_timeout").fetchone() == ("7s",)


def test_evaluation_that_takes_too_long_is_ended(migrated: TestDatabase) -> None:
    """The limit is of the statement, and the connection can be used afterwards."""
    migrated.execute(
        "create or replace function messaging.measure(p_metric text, p_from timestamptz,"
        " p_until timestamptz) returns table (series text, value double precision, sample bigint)"
        " language sql stable as $$ select '', 1.0::float8, count(pg_sleep(60)) $$"
    )
    connection = migrated.connect()
    with pytest.raises(CarecliError, match="not evaluated in time") as caught:
        read_alerts(connection, timeout=timedelta(milliseconds=50))
    assert "statement timeout" in (caught.value.detail or "")
    assert connection.execute("show statement_timeout").fetchone() == ("0",)


def test_rule_that_cannot_be_evaluated_is_told(migrated: TestDatabase) -> None:
    """A metric that nobody measures is no rule that never fires."""
    migrated.execute(
        "update messaging.alert_rules set metric = 'weather' where name = 'latency_warning'"
    )
    with pytest.raises(CarecliError, match="'weather'") as caught:
        read_alerts(migrated.connect())
    assert "alert_rules" in (caught.value.hint or "")
