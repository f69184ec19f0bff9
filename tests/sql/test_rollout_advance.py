"""Going on to the next phase: when the gate holds, by force, and never two steps at once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.phases import LoggedCall, begin_phase, history, log_calls, state
from tests.plugins.sessions import at_once, in_background, until_waiting

DAY = timedelta(days=1)
ADVANCE = "select messaging.advance_rollout('a test', 'Ada', %s)"


def advance(database: TestDatabase, *, force: bool = False) -> dict[str, Any]:
    """Go on and return the answer."""
    ((answer,),) = database.execute(ADVANCE, force)
    found: dict[str, Any] = answer
    return found


def begin_sound(database: TestDatabase, strategy: str, percentage: int, ago: timedelta) -> None:
    """Begin a phase in which each of a hundred creations succeeded."""
    since = begin_phase(database, strategy, percentage, ago)
    times = [since + number * ago / 101 for number in range(100)]
    log_calls(database, [(at, LoggedCall()) for at in times])


def newest(database: TestDatabase) -> dict[str, Any]:
    """Return the newest change of the history."""
    ((status,),) = database.execute("select messaging.rollout_status(1)")
    change: dict[str, Any] = status["history"][0]
    return change


@pytest.mark.parametrize(
    ("strategy", "percentage", "days", "following"),
    [
        ("internal", 0, 3, ("percentage", 10)),
        ("percentage", 10, 7, ("percentage", 50)),
        ("percentage", 25, 7, ("percentage", 50)),
        ("percentage", 50, 7, ("enabled", 100)),
    ],
)
def test_goes_on_where_the_gate_holds(
    migrated: TestDatabase,
    strategy: str,
    percentage: int,
    days: int,
    following: tuple[str, int],
) -> None:
    """One step; who, why and what was measured are in the history."""
    begin_sound(migrated, strategy, percentage, days * DAY)
    answer = advance(migrated)
    assert (answer["advanced"], answer["forced"]) == (True, False)
    assert state(migrated) == following
    change = newest(migrated)
    assert (change["changed_by"], change["reason"]) == ("Ada", "a test")
    assert change["figures"] == {**answer["gate"], "forced": False}
    assert all(condition["holds"] for condition in change["figures"]["conditions"])


def test_first_step_needs_a_reason_alone(migrated: TestDatabase) -> None:
    """From disabled to internal nothing is measured."""
    assert advance(migrated)["advanced"] is True
    assert state(migrated) == ("internal", 0)


def test_refusal_lists_what_does_not_hold(migrated: TestDatabase) -> None:
    """Each condition that does not hold is told with what was measured and what is wanted."""
    since = begin_phase(migrated, "percentage", 10, 2 * DAY + timedelta(hours=3))
    log_calls(migrated, [(since, LoggedCall())] * 7 + [(since, LoggedCall("server_error"))])
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as caught:
        advance(migrated)
    said = caught.value.diag
    assert said.message_primary == "the gate from percentage:10 to percentage:50 does not hold"
    assert (said.message_detail or "").splitlines()[:2] == [
        "success_rate: 0.875, wanted > 0.95 (sample 8)",
        "error_rate: 0.125, wanted < 0.01 (sample 8)",
    ]
    assert (said.message_detail or "").splitlines()[2].startswith("age: 2 days 03:00:0")
    assert "--force" in (said.message_hint or "")
    assert state(migrated) == ("percentage", 10)
    assert history(migrated)[-1] == ("disabled", "percentage")


def test_no_data_holds_no_gate(migrated: TestDatabase) -> None:
    """Time alone opens no gate."""
    begin_phase(migrated, "percentage", 50, 30 * DAY)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as caught:
        advance(migrated)
    assert caught.value.diag.message_detail == ("success_rate: no data, wanted > 0.97 (sample 0)")


def test_force_goes_on_and_says_so(migrated: TestDatabase) -> None:
    """The history says that the gate did not hold, in the reason and in the figures."""
    begin_phase(migrated, "internal", 0, DAY)
    answer = advance(migrated, force=True)
    assert (answer["advanced"], answer["forced"]) == (True, True)
    assert state(migrated) == ("percentage", 10)
    change = newest(migrated)
    assert change["reason"] == "Forced past the gate: a test"
    assert (change["figures"]["holds"], change["figures"]["forced"]) == (False, True)


def test_force_that_was_not_needed_is_not_said(migrated: TestDatabase) -> None:
    """Where the gate holds, nobody went past it."""
    begin_sound(migrated, "internal", 0, 3 * DAY)
    assert advance(migrated, force=True)["forced"] is False
    assert newest(migrated)["reason"] == "a test"


@pytest.mark.parametrize("reason", [None, "", " \u2003\n", "x" * 1001])
@pytest.mark.parametrize("force", [False, True])
def test_step_needs_a_reason(migrated: TestDatabase, reason: str | None, force: bool) -> None:
    """Without a reason nothing is changed, nor measured."""
    begin_phase(migrated, "internal", 0, DAY)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="needs a reason"):
        migrated.execute("select messaging.advance_rollout(%s, 'Ada', %s)", reason, force)
    assert state(migrated) == ("internal", 0)


@pytest.mark.parametrize("who", [None, "", " "])
def test_step_needs_somebody(migrated: TestDatabase, who: str | None) -> None:
    """Nobody in particular does not go on."""
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="somebody"):
        migrated.execute("select messaging.advance_rollout('a test', %s)", who)
    assert state(migrated) == ("disabled", 0)


@pytest.mark.parametrize(("calls", "ready"), [(100, True), (0, False)])
def test_last_phase_says_whether_v1_may_go(migrated: TestDatabase, calls: int, ready: bool) -> None:
    """From enabled there is no step, forced or not; the answer is about V1."""
    since = begin_phase(migrated, "enabled", 100, 15 * DAY)
    log_calls(migrated, [(since + number * DAY / 10, LoggedCall()) for number in range(calls)])
    before = history(migrated)
    for force in (False, True):
        answer = advance(migrated, force=force)
        assert (answer["advanced"], answer["gate"]["v1_retirable"]) == (False, ready)
    assert history(migrated) == before


def test_broken_flag_goes_nowhere(migrated: TestDatabase) -> None:
    """Where nobody can tell the phase, there is no next one."""
    migrated.execute("alter table messaging.rollout disable trigger user")
    migrated.execute("delete from messaging.rollout")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="has no row"):
        advance(migrated, force=True)


def test_gate_that_was_deleted_does_not_hold(migrated: TestDatabase) -> None:
    """Without a row there is no gate that could hold."""
    begin_sound(migrated, "internal", 0, 9 * DAY)
    migrated.execute("delete from messaging.rollout_gates where percentage = 0")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as caught:
        advance(migrated)
    assert "has no row" in (caught.value.diag.message_detail or "")


# At the same moment -------------------------------------------------------------------------------


@pytest.mark.parametrize("force", [False, True])
def test_steps_at_once_are_one(migrated: TestDatabase, force: bool) -> None:
    """Of many who go on at the same moment one does, by force too."""
    begin_sound(migrated, "internal", 0, 4 * DAY)
    holder = migrated.connect(autocommit=False)
    holder.execute("select from messaging.rollout for update")
    sessions = [migrated.connect() for _ in range(8)]
    threads = [
        in_background(partial(outcome, partial(session.execute, ADVANCE, [force])))
        for session in sessions
    ]
    until_waiting(migrated, *sessions)
    holder.rollback()
    for thread, _ in threads:
        thread.join()
    results = [result for _, (result,) in threads]
    refused = [error for error in results if isinstance(error, psycopg.Error)]
    assert len(refused) == 7
    assert {str(error.diag.message_primary) for error in refused} == {
        "somebody else changed the flag at the same moment"
    }
    assert state(migrated) == ("percentage", 10)
    assert len(history(migrated)) == 3


def outcome(action: partial[Any]) -> Any:
    """Return what the action returns or raises."""
    (result,) = at_once([action])
    return result


def test_step_waits_for_a_change_and_is_decided_anew(migrated: TestDatabase) -> None:
    """Who goes on while somebody turns V2 off does not turn it on again."""
    begin_sound(migrated, "internal", 0, 4 * DAY)
    operator = migrated.connect(autocommit=False)
    operator.execute("select messaging.set_rollout('disabled', null, 'creations fail')")
    session = migrated.connect()
    thread, results = in_background(partial(outcome, partial(session.execute, ADVANCE, [True])))
    until_waiting(migrated, session)
    operator.commit()
    thread.join()
    assert isinstance(results[0], psycopg.errors.ObjectNotInPrerequisiteState)
    assert state(migrated) == ("disabled", 0)


def test_step_beyond_read_committed_is_the_callers_to_repeat(migrated: TestDatabase) -> None:
    """A snapshot of before a change decides nothing."""
    begin_sound(migrated, "internal", 0, 4 * DAY)
    session = migrated.connect()
    session.execute("begin isolation level repeatable read")
    session.execute("select count(*) from messaging.rollout")
    migrated.execute("select messaging.set_rollout('disabled', null, 'creations fail')")
    with pytest.raises(psycopg.errors.SerializationFailure):
        session.execute(ADVANCE, [True])
