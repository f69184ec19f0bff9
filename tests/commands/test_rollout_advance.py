"""`carecli rollout` shows the gate of the next phase; `carecli rollout advance` goes through it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Plan
from tests.plugins.phases import LoggedCall, begin_phase, history, log_calls, state

NAME = {"SQITCH_FULLNAME": "Ada", "SQITCH_EMAIL": "ada@example.org"}
DAY = timedelta(days=1)

Rollout = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def rollout(carecli_run: Run, migrated: TestDatabase) -> Rollout:
    """Give a function that runs `carecli rollout` on the migrated database as Ada."""

    def call(*arguments: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        return carecli_run("rollout", *arguments, "-d", migrated.url, env=NAME, check=check)

    return call


def begin_internal(database: TestDatabase, ago: timedelta, *, failures: int) -> None:
    """Begin the phase with twenty calls a day later, some of which failed."""
    since = begin_phase(database, "internal", 0, ago)
    calls = [LoggedCall("server_error")] * failures + [LoggedCall()] * (20 - failures)
    log_calls(database, [(since + DAY, call) for call in calls])


def test_shows_the_gate_measured_now(rollout: Rollout, migrated: TestDatabase) -> None:
    """A person sees what holds, what does not, and where there is no data."""
    begin_internal(migrated, 2 * DAY + timedelta(hours=1), failures=3)
    lines = rollout().stdout.splitlines()
    at = lines.index("Gate:     internal -> percentage:10 does not hold")
    assert lines[at + 1].startswith("    measured since ")
    assert lines[at + 2 : at + 4] == [
        "    no       success_rate  0.85, wanted > 0.95 (sample 20)",
        "    yes      attempts      20, wanted >= 20",
    ]
    assert lines[at + 4].startswith("    no       age           2 days, 1:00:")
    assert lines[at + 4].endswith(", wanted >= 3 days")
    assert lines[at + 5] == "History:"
    begin_phase(migrated, "percentage", 50, DAY)
    assert "    no data  success_rate  wanted > 0.97 (sample 0)\n" in rollout().stdout


def test_shows_the_gate_as_json(rollout: Rollout, migrated: TestDatabase) -> None:
    """A program gets the gate as the database gives it."""
    begin_internal(migrated, 4 * DAY, failures=0)
    gate = json.loads(rollout("--format", "json").stdout)["gate"]
    assert (gate["phase"], gate["next"], gate["holds"]) == ("internal", "percentage:10", True)
    assert [condition["name"] for condition in gate["conditions"]] == [
        "success_rate",
        "attempts",
        "age",
    ]


def test_gate_is_unavailable_before_its_change(rollout: Rollout, deployed_plan: Plan) -> None:
    """The flag is shown all the same; to go on is refused, with what to do."""
    deployed_plan.revert(deployed_plan.through("rollout_gates") - 1)
    assert "Gate:     unavailable before change rollout_gates is deployed\n" in rollout().stdout
    assert json.loads(rollout("--format", "json").stdout)["gate"] is None
    done = rollout("advance", "--reason", "x", check=1)
    assert "Error: the database has no rollout gates" in done.stderr
    assert "carecli migrate" in done.stderr


def test_watcher_sees_flag_and_gate(carecli_run: Run, migrated: TestDatabase) -> None:
    """A member of pg_monitor is shown everything and may not go on."""
    url = f"{migrated.superuser_url}&options=-c%20role%3Dpg_monitor"
    assert "Gate:     disabled" in carecli_run("rollout", "-d", url, check=0).stdout
    done = carecli_run("rollout", "advance", "--reason", "x", "-d", url, env=NAME, check=1)
    assert "Error: this role may not see or change the rollout flag" in done.stderr


def test_goes_on_where_the_gate_holds(rollout: Rollout, migrated: TestDatabase) -> None:
    """The flag is that of the next phase, and the history says who, why and on what figures."""
    begin_internal(migrated, 4 * DAY, failures=0)
    text = rollout("advance", "--reason", "three quiet days").stdout
    assert text.startswith("Strategy: percentage:10\n")
    assert "Reason:   three quiet days\n" in text
    found = json.loads(rollout("--format", "json").stdout)["history"][0]
    assert found["changed_by"] == "Ada <ada@example.org>"
    assert found["figures"]["next"] == "percentage:10"
    assert state(migrated) == ("percentage", 10)


def test_refusal_lists_what_does_not_hold(rollout: Rollout, migrated: TestDatabase) -> None:
    """Exit code 1, each condition with what is wanted, and nothing is changed."""
    begin_internal(migrated, 2 * DAY, failures=1)
    done = rollout("advance", "--reason", "in a hurry", check=1)
    assert done.stdout == ""
    assert "Error: the gate from internal to percentage:10 does not hold\n" in done.stderr
    assert "success_rate: 0.95, wanted > 0.95 (sample 20)\n" in done.stderr
    assert "\n  age: 2 days" in done.stderr
    assert "attempts" not in done.stderr
    assert "--force" in done.stderr
    assert state(migrated) == ("internal", 0)


def test_force_goes_on_and_says_so(rollout: Rollout, migrated: TestDatabase) -> None:
    """It goes on past the gate, shows what did not hold, and the history says so."""
    begin_internal(migrated, 2 * DAY, failures=1)
    text = rollout("advance", "--force", "--reason", "in a hurry").stdout
    assert "Reason:   Forced past the gate: in a hurry\n" in text
    assert "Gate:     internal -> percentage:10 does not hold\n" in text
    assert state(migrated) == ("percentage", 10)


def test_step_as_json(rollout: Rollout, migrated: TestDatabase) -> None:
    """A program gets whether it went on, the gate as it was, and the flag as it is."""
    found = json.loads(rollout("advance", "--reason", "x", "--format", "json").stdout)
    assert set(found) == {"advanced", "forced", "gate", "rollout"}
    assert (found["advanced"], found["forced"]) == (True, False)
    assert found["gate"]["phase"] == "disabled"
    assert found["rollout"]["strategy"] == "internal"


@pytest.mark.parametrize(("ago", "ready"), [(15, "is ready"), (13, "is not ready")])
def test_last_phase_says_whether_v1_may_go(
    rollout: Rollout, migrated: TestDatabase, ago: int, ready: str
) -> None:
    """There is nothing to go on to; the exit code is 0."""
    since = begin_phase(migrated, "enabled", 100, ago * DAY)
    log_calls(migrated, [(since + DAY, LoggedCall())])
    before = history(migrated)
    for arguments in ((), ("advance", "--reason", "x")):
        text = rollout(*arguments).stdout
        assert f"Gate:     everybody is on V2; V1 {ready} to retire\n" in text
    assert history(migrated) == before


@pytest.mark.parametrize("reason", [(), ("--reason", ""), ("--reason", " \n")])
def test_step_needs_a_reason(
    rollout: Rollout, migrated: TestDatabase, reason: tuple[str, ...]
) -> None:
    """By force too; without one it is a usage error."""
    for force in ((), ("--force",)):
        assert "reason" in rollout("advance", *force, *reason, check=2).stderr
    assert state(migrated) == ("disabled", 0)


def test_step_is_read_back(rollout: Rollout, migrated: TestDatabase) -> None:
    """Where the flag does not say afterwards what it was told, that is an error."""
    migrated.execute(
        """
        create function public.meddle() returns trigger language plpgsql
            as $$ begin new.strategy := 'enabled'; return new; end $$;
        create trigger meddle before update on messaging.rollout
            for each row execute function public.meddle()
        """
    )
    done = rollout("advance", "--reason", "x", check=1)
    assert "set to internal, and now says enabled" in done.stderr


def test_broken_flag_is_said(rollout: Rollout, migrated: TestDatabase) -> None:
    """The gate says why it cannot be measured; there is no step."""
    migrated.execute("alter table messaging.rollout disable trigger user")
    migrated.execute("delete from messaging.rollout")
    assert "Gate:     cannot be measured: the flag has no row\n" in rollout().stdout
    assert "the flag has no row" in rollout("advance", "--reason", "x", check=1).stderr
