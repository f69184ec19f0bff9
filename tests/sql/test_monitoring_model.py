"""Measures of logs that hypothesis makes up, beside the same computed without the database."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plugins.databases import TestDatabase
from tests.plugins.eventlog import (
    BEGAN,
    CALLER_FAULTS,
    KINDS,
    ZONES,
    LoggedCall,
    percentile,
    roll_up,
    start_anew,
    within,
    write_calls,
)
from tests.plugins.messaging import People

pytestmark = pytest.mark.slow

LENIENT = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SPAN = 2 * 86_400  # seconds
LOGS = st.lists(st.tuples(st.integers(0, SPAN), KINDS), max_size=40)
WINDOWS = st.tuples(
    st.integers(-3_600, SPAN), st.sampled_from([300, 900, 3_600, 3_601, 86_400, 3 * SPAN])
)

Measured = dict[str, tuple[float | None, int]]


def measured(
    database: TestDatabase, metric: str, since: datetime, until: datetime
) -> dict[str, tuple[Any, ...]]:
    """Return value and sample of each series."""
    rows = database.execute(
        "select series, value, sample from messaging.measure(%s, %s, %s)", metric, since, until
    )
    assert len({series for series, *_ in rows}) == len(rows) > 0
    return {series: tuple(rest) for series, *rest in rows}


def share(part: int, whole: int) -> tuple[Any, int]:
    """Return a share and its sample; no value of nothing."""
    return (pytest.approx(part / whole) if whole else None, whole)


def expected(calls: list[LoggedCall]) -> dict[str, dict[str, tuple[Any, int]]]:
    """Return what each measure is to say of these calls."""
    ours = [call for call in calls if call.version != "v1"]
    starts = [call for call in ours if call.method == "startHelpConversation"]
    tries = [call for call in starts if call.code not in CALLER_FAULTS]
    codes = Counter(call.code or call.event for call in ours if call.event != "success")
    methods = {call.method for call in calls}
    return {
        "creation_success_rate": {
            "": share(sum(call.event == "success" for call in tries), len(tries))
        },
        "server_error_rate": {
            "": share(sum(call.event == "server_error" for call in ours), len(ours))
        },
        "duplicate_share": {
            "": share(sum(call.code == "conversation_exists" for call in starts), len(starts))
        },
        "error_code_share": {code: share(number, len(ours)) for code, number in codes.items()}
        or {"": share(0, len(ours))},
        "max_duration_seconds": {
            method: (
                pytest.approx(max(call.duration for call in calls if call.method == method) / 1000),
                sum(call.method == method for call in calls),
            )
            for method in methods
        }
        or {"": (None, 0)},
    }


@LENIENT
@given(log=LOGS, windows=st.lists(WINDOWS, min_size=1, max_size=4), moment=st.integers(0, SPAN))
def test_measures_are_those_of_the_calls(
    migrated: TestDatabase,
    log: list[tuple[int, dict[str, Any]]],
    windows: list[tuple[int, int]],
    moment: int,
) -> None:
    """Before the log is rolled up, when a part of it is, and when all of it is."""
    start_anew(migrated, days=[BEGAN, BEGAN + timedelta(days=1)])
    calls = [LoggedCall(at=BEGAN + timedelta(seconds=second), **kind) for second, kind in log]
    with migrated.connect() as caller:
        write_calls(caller, calls)
    for clock in (None, BEGAN + timedelta(seconds=moment), BEGAN + timedelta(days=4)):
        while clock is not None and roll_up(migrated, clock)["more"]:
            pass
        for second, length in windows:
            since = BEGAN + timedelta(seconds=second)
            until = since + timedelta(seconds=length)
            window = within(calls, since, until)
            for metric, series in expected(window).items():
                assert (metric, measured(migrated, metric, since, until)) == (metric, series)


@LENIENT
@given(log=LOGS)
def test_latency_of_an_hour_is_exact(
    migrated: TestDatabase, log: list[tuple[int, dict[str, Any]]]
) -> None:
    """The value below which 95 of 100 calls of V2 lie, by method and of all."""
    start_anew(migrated)
    calls = [
        LoggedCall(at=BEGAN + timedelta(seconds=second % 3600), **kind) for second, kind in log
    ]
    with migrated.connect() as caller:
        write_calls(caller, calls)
    roll_up(migrated, BEGAN + timedelta(days=4))
    ours = [call for call in calls if call.version != "v1"]
    wanted: dict[str, tuple[Any, int]] = {"": (None, 0)}
    for series in ("", *{call.method for call in ours}) if ours else ():
        durations = [call.duration for call in ours if series in ("", call.method)]
        wanted[series] = (pytest.approx(percentile(durations, 0.95) / 1000), len(durations))
    found = measured(migrated, "latency_p95_seconds", BEGAN, BEGAN + timedelta(hours=1))
    assert found == wanted


@LENIENT
@given(
    begun=st.lists(st.tuples(st.integers(-SPAN, SPAN), st.booleans()), max_size=20),
    window=WINDOWS,
    zone=st.sampled_from(ZONES),
)
def test_adoption_is_by_day_of_utc(
    migrated: TestDatabase,
    people: People,
    begun: list[tuple[int, bool]],
    window: tuple[int, int],
    zone: str,
) -> None:
    """Whatever the time zone of the session, on the days on which clocks change as well."""
    migrated.execute(
        "truncate public.conversations_v2, public.conversations cascade; delete from"
        " public.help_requests where title = 'Made up'"
    )
    migrated.execute(f"set timezone to '{zone}'")
    since = BEGAN + timedelta(seconds=window[0])
    until = since + timedelta(seconds=window[1])
    wanted: dict[Any, list[int]] = {}
    for second, is_v2 in begun:
        moment = BEGAN + timedelta(seconds=second)
        begin(migrated, people, moment, is_v2)
        if since <= moment < until:
            wanted.setdefault(moment.astimezone(UTC).date(), [0, 0])[not is_v2] += 1
    found = migrated.execute("select * from messaging.adoption(%s, %s)", since, until)
    assert {day: rest for day, *rest in found} == {
        day: [v2, v1, pytest.approx(v2 / (v1 + v2))] for day, (v2, v1) in wanted.items()
    }


def begin(database: TestDatabase, people: People, moment: datetime, is_v2: bool) -> None:
    """Write a conversation of V2 or of V1 that was begun at a moment."""
    if not is_v2:
        database.execute(
            "insert into public.conversations (created_by, created_at) values (%s, %s)",
            *(people.ben, moment),
        )
        return
    request = uuid4()
    database.execute(
        "insert into public.help_requests (id, user_id, title, category, status)"
        " values (%s, %s, 'Made up', 'groceries', 'open')",
        *(request, people.rosa),
    )
    database.execute(
        "insert into public.conversations_v2"
        " (help_request_id, requester_id, helper_id, initial_message, created_at)"
        " values (%s, %s, %s, 'I can help you with that', %s)",
        *(request, people.rosa, people.ben, moment),
    )
