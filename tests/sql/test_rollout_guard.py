"""The guard: a rule that is a rollback trigger turns V2 off, once, and nothing turns it on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People
from tests.plugins.phases import LoggedCall, begin_phase, history, log_calls, state
from tests.plugins.sessions import at_once, in_background, until_waiting

HOUR = timedelta(hours=1)
GUARD = "select messaging.guard_rollout('a guard')"
FAILURE = LoggedCall("server_error")


def guard(database: TestDatabase) -> dict[str, Any]:
    """Let the guard look and return its answer."""
    ((answer,),) = database.execute(GUARD)
    found: dict[str, Any] = answer
    return found


def fail(
    database: TestDatabase,
    count: int,
    call: LoggedCall = FAILURE,
    *,
    before: timedelta = timedelta(seconds=1),
) -> None:
    """Write so many calls into the log, that long ago."""
    at = datetime.now(UTC) - before
    log_calls(database, [(at + timedelta(microseconds=number), call) for number in range(count)])


@pytest.mark.parametrize(
    ("strategy", "percentage"),
    [("internal", 0), ("percentage", 0), ("percentage", 25), ("enabled", 100)],
)
def test_failures_turn_v2_off(migrated: TestDatabase, strategy: str, percentage: int) -> None:
    """In every phase; the history says which rule it was, and its figures."""
    since = begin_phase(migrated, strategy, percentage, HOUR)
    fail(migrated, 3, LoggedCall())
    fail(migrated, 9)
    answer = guard(migrated)
    assert (answer["acted"], answer["strategy"], answer["rules"]) == (True, "disabled", 2)
    assert state(migrated) == ("disabled", 0)
    ((status,),) = migrated.execute("select messaging.rollout_status(1)")
    assert status["changed_by"] == "a guard"
    assert status["reason"] == (
        "Guard: creation_success_rollback: creation_success_rate is 0.25, < 0.8, over 00:05:00 "
        "(sample 12)"
    )
    figures = status["history"][0]["figures"]
    assert datetime.fromisoformat(figures["since"]) == since
    (row,) = figures["firing"]
    assert (row["name"], row["value"], row["threshold"], row["sample"]) == (
        "creation_success_rollback",
        0.25,
        0.8,
        12,
    )


def test_all_rules_that_fire_are_named(migrated: TestDatabase) -> None:
    """Where several rules fire, the reason and the figures have each."""
    begin_phase(migrated, "enabled", 100, HOUR)
    fail(migrated, 40)
    answer = guard(migrated)
    assert [row["name"] for row in answer["firing"]] == [
        "creation_success_critical",
        "creation_success_rollback",
    ]
    assert answer["reason"].count("creation_success_rate is 0, <") == 2


@pytest.mark.parametrize(
    ("calls", "count"),
    [
        (FAILURE, 0),
        (FAILURE, 9),
        (LoggedCall(), 100),
        (LoggedCall("server_error", version="v1"), 100),
        (LoggedCall("validation_error"), 100),
        (LoggedCall("server_error", method="sendMessage"), 100),
    ],
    ids=["nothing", "too few", "successes", "V1", "the callers' own", "no creations"],
)
def test_guard_lets_alone(migrated: TestDatabase, calls: LoggedCall, count: int) -> None:
    """What is no failing creation of V2, in a sufficient number, turns nothing off."""
    begin_phase(migrated, "enabled", 100, HOUR)
    fail(migrated, count, calls)
    answer = guard(migrated)
    assert (answer["acted"], answer["firing"], answer["problem"]) == (False, [], None)
    assert state(migrated) == ("enabled", 100)


def test_other_rules_turn_nothing_off(migrated: TestDatabase) -> None:
    """Rules fire that are no rollback trigger, or are switched off: the guard looks on."""
    begin_phase(migrated, "enabled", 100, HOUR)
    for rule in ("creation_success_critical", "creation_success_rollback"):
        migrated.execute("select messaging.set_alert_rule(%s, p_enabled => false)", rule)
    migrated.execute(
        "select messaging.set_alert_rule('error_rate_critical', p_rollback_trigger => false)"
    )
    fail(migrated, 100)
    answer = guard(migrated)
    assert (answer["acted"], answer["rules"]) == (False, 0)
    migrated.execute(
        "select messaging.set_alert_rule('error_rate_critical', p_rollback_trigger => true)"
    )
    assert guard(migrated)["acted"] is True


def test_guard_never_turns_v2_on(migrated: TestDatabase) -> None:
    """Where V2 is off, it stays off and nothing is written, whatever fires."""
    fail(migrated, 100)
    for _ in range(2):
        answer = guard(migrated)
        assert (answer["acted"], answer["strategy"], answer["firing"]) == (False, "disabled", [])
    assert history(migrated) == [("None", "disabled")]


def test_guard_acts_once(migrated: TestDatabase) -> None:
    """The second look finds V2 off."""
    begin_phase(migrated, "enabled", 100, HOUR)
    fail(migrated, 100)
    assert [guard(migrated)["acted"] for _ in range(3)] == [True, False, False]
    assert history(migrated)[-2:] == [("disabled", "enabled"), ("enabled", "disabled")]


def test_old_failures_do_not_undo_a_repair(migrated: TestDatabase) -> None:
    """Who turns V2 on again is not turned off by what failed before, but by what fails then."""
    begin_phase(migrated, "enabled", 100, HOUR)
    fail(migrated, 100)
    assert guard(migrated)["acted"] is True
    migrated.execute("select messaging.set_rollout('enabled', null, 'repaired')")
    assert guard(migrated)["acted"] is False
    assert state(migrated) == ("enabled", 100)
    fail(migrated, 10, before=timedelta(0))
    assert guard(migrated)["acted"] is True


def test_clock_that_was_set_back_is_the_safe_side(migrated: TestDatabase) -> None:
    """Where the last change is in the future, what is in the window counts."""
    begin_phase(migrated, "enabled", 100, -HOUR)
    fail(migrated, 100)
    assert guard(migrated)["acted"] is True
    ((in_order,),) = migrated.execute(
        "select bool_and(changed_at > before) from (select changed_at,"
        " lag(changed_at) over (order by id) as before from messaging.rollout_history) as step"
    )
    assert in_order is True


@pytest.mark.parametrize(
    "breakage", ["delete from messaging.rollout", "drop table messaging.rollout cascade"]
)
def test_guard_says_that_the_flag_is_broken(migrated: TestDatabase, breakage: str) -> None:
    """Where the flag is broken V2 is off, and somebody has to know."""
    migrated.execute("alter table messaging.rollout disable trigger user")
    migrated.execute(breakage)
    answer = guard(migrated)
    assert answer["problem"].startswith("the flag ")
    assert (answer["acted"], answer["strategy"]) == (False, None)


@pytest.mark.parametrize("who", [None, "", "x" * 500])
def test_nameless_guard_guards(migrated: TestDatabase, who: str | None) -> None:
    """Whatever the guard is called, that is no reason to leave V2 on."""
    begin_phase(migrated, "enabled", 100, HOUR)
    fail(migrated, 100)
    ((answer,),) = migrated.execute("select messaging.guard_rollout(%s)", who)
    assert answer["acted"] is True
    ((changed_by,),) = migrated.execute("select changed_by from messaging.rollout")
    assert changed_by == ("x" * 200 if who else migrated.server.migrating_role)


def test_guard_that_finds_nothing_locks_nothing(migrated: TestDatabase) -> None:
    """An operator who holds the flag does not hold up the guard, nor the guard the operator."""
    begin_phase(migrated, "enabled", 100, HOUR)
    operator = migrated.connect(autocommit=False)
    operator.execute("select from messaging.rollout for update")
    migrated.execute("set lock_timeout = '1ms'")
    assert guard(migrated)["acted"] is False


# At the same moment -------------------------------------------------------------------------------


def test_guards_at_once_act_once(migrated: TestDatabase) -> None:
    """Of many guards one turns V2 off, with one row in the history."""
    begin_phase(migrated, "enabled", 100, HOUR)
    fail(migrated, 100)
    sessions = [migrated.connect() for _ in range(8)]
    results = at_once([partial(session.execute, GUARD) for session in sessions])
    answers = [result.fetchone()[0] for result in results]
    assert sorted(answer["acted"] for answer in answers) == [False] * 7 + [True]
    assert {answer["strategy"] for answer in answers} == {"disabled"}
    assert history(migrated)[-2:] == [("disabled", "enabled"), ("enabled", "disabled")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("select messaging.set_rollout('enabled', null, 'repaired')", ("enabled", 100)),
        ("select messaging.set_rollout('disabled', null, 'off by hand')", ("disabled", 0)),
        ("select messaging.advance_rollout('on', 'Ada', true)", ("percentage", 50)),
    ],
)
def test_guard_that_waited_for_a_change_judges_anew(
    migrated: TestDatabase, change: str, expected: tuple[str, int]
) -> None:
    """What somebody decided while the guard waited for the flag stays."""
    begin_phase(migrated, "percentage", 10, HOUR)
    fail(migrated, 100)
    operator = migrated.connect(autocommit=False)
    operator.execute(change)
    session = migrated.connect()
    thread, results = in_background(partial(session.execute, GUARD))
    until_waiting(migrated, session)
    operator.commit()
    thread.join()
    assert results[0].fetchone()[0]["acted"] is False
    assert state(migrated) == expected


# What stays ---------------------------------------------------------------------------------------


def test_conversations_outlive_the_guard(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """What began in V2 is read and written there after the guard turned V2 off."""
    begin_phase(migrated, "enabled", 100, HOUR)
    fail(migrated, 100)
    assert guard(migrated)["acted"] is True
    assert call(people.rosa, "send_message_v2", conversation, people.rosa, "Thanks")["success"]
    assert call(people.ben, "get_conversation_v2", conversation, people.ben)["success"]
    ((is_on,),) = migrated.execute("select messaging.is_v2_enabled(%s)", people.mei)
    assert is_on is False
