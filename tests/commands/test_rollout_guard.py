"""`carecli rollout guard`: V2 is turned off by itself, under load, through whatever happens."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.plugins.chaos import Background, Start, wait_for
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, Plan, invoke
from tests.plugins.phases import LoggedCall, begin_phase, history, log_calls, state
from tests.plugins.v1 import FirstSystem

NAME: dict[str, str | None] = {"SQITCH_FULLNAME": "Ada", "SQITCH_EMAIL": "ada@example.org"}
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Guard:
    """A guard that runs.

    Arguments:
        background: its process.
        news: what it said, a line each, as it comes.
    """

    background: Background
    news: list[dict[str, Any]] = field(default_factory=list)

    @property
    def states(self) -> list[str]:
        """What it said, in a word each."""
        return [line["state"] for line in self.news]

    def listen(self) -> None:
        """Read its lines until it ends."""
        assert self.background.process.stdout is not None
        for line in self.background.process.stdout:
            self.news.append(json.loads(line))

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal and return its exit code."""
        self.background.send(number)
        return self.background.process.wait(timeout=60)


StartGuard = Callable[..., Guard]


@pytest.fixture
def start_guard(carecli_start: Start, migrated: TestDatabase) -> StartGuard:
    """Give a function that starts a guard, and returns when it has looked for the first time."""

    def start(*options: str, url: str = migrated.url, interval: str = "100ms") -> Guard:
        arguments = ("--interval", interval, "--format", "json", *options, "-d", url)
        guard = Guard(carecli_start("rollout", "guard", *arguments, env=NAME))
        threading.Thread(target=guard.listen, daemon=True).start()
        wait_for("the guard to look", lambda: guard.news)
        return guard

    return start


def fail(database: TestDatabase, count: int = 30) -> None:
    """Write so many creations that failed just now into the log."""
    at = datetime.now(UTC)
    log_calls(
        database,
        [(at - timedelta(microseconds=i), LoggedCall("server_error")) for i in range(count)],
    )


# One look -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "percentage", "failures", "code", "said"),
    [
        ("disabled", 0, 0, 0, "off"),
        ("disabled", 0, 30, 0, "off"),
        ("enabled", 100, 0, 0, "watching"),
        ("percentage", 25, 9, 0, "watching"),
        ("percentage", 25, 10, 2, "acted"),
    ],
)
def test_one_look(
    carecli_run: Run,
    migrated: TestDatabase,
    strategy: str,
    percentage: int,
    failures: int,
    code: int,
    said: str,
) -> None:
    """The exit code is that of a monitoring plugin, the line says what was found."""
    begin_phase(migrated, strategy, percentage, HOUR)
    fail(migrated, failures)
    options = ("--once", "--format", "json", "-d", migrated.url)
    found = json.loads(carecli_run("rollout", "guard", *options, env=NAME, check=code).stdout)
    assert set(found) == {"time", "state", "text", "answer"}
    assert found["state"] == said
    assert state(migrated)[0] == ("disabled" if code else strategy)


def test_one_look_for_a_person(carecli_run: Run, migrated: TestDatabase) -> None:
    """The line names rule and figures; the history names who ran the guard."""
    begin_phase(migrated, "enabled", 100, HOUR)
    fail(migrated)
    done = carecli_run("rollout", "guard", "--once", "-d", migrated.url, env=NAME, check=2)
    (line,) = done.stdout.splitlines()
    assert "acted     V2 turned off, was enabled. Guard: creation_success_critical: " in line
    assert "creation_success_rate is 0, < 0.8, over 00:05:00 (sample 30)" in line
    assert migrated.execute("select changed_by from messaging.rollout") == [
        ("carecli rollout guard, run by Ada <ada@example.org>",)
    ]


def test_unknown_is_told_apart(carecli_run: Run, migrated: TestDatabase) -> None:
    """A flag that is broken, and rules of which none is a trigger, are nothing to rely on."""
    begin_phase(migrated, "enabled", 100, HOUR)
    migrated.execute("update messaging.alert_rules set rollback_trigger = false")
    options = ("rollout", "guard", "--once", "-d", migrated.url)
    done = carecli_run(*options, env=NAME, check=3)
    assert "unknown   no alert rule is a rollback trigger" in done.stdout
    migrated.execute("alter table messaging.rollout disable trigger user")
    migrated.execute("delete from messaging.rollout")
    done = carecli_run(*options, env=NAME, check=3)
    assert "unknown   the flag has no row; V2 is off" in done.stdout


@pytest.mark.parametrize("once", [(), ("--once",)])
def test_guard_that_is_not_there(
    carecli_run: Run, migrated: TestDatabase, deployed_plan: Plan, once: tuple[str, ...]
) -> None:
    """Before its change, and for a role that may not, it ends with what to do."""
    url = f"{migrated.superuser_url}&options=-c%20role%3Dpg_monitor"
    done = carecli_run("rollout", "guard", *once, "-d", url, env=NAME, check=3)
    assert "Error: this role may not guard the rollout" in done.stderr
    deployed_plan.revert(deployed_plan.through("rollout_gates") - 1)
    done = carecli_run("rollout", "guard", *once, "-d", migrated.url, env=NAME, check=3)
    assert "Error: the database has no rollout guard" in done.stderr
    assert "carecli migrate" in done.stderr


@pytest.mark.parametrize("once", [(), ("--once",)])
def test_no_connection_from_the_start(carecli_run: Run, once: tuple[str, ...]) -> None:
    """A database that was never there is a mistake, not an outage."""
    url = "postgresql://127.0.0.1:1/nowhere"
    done = carecli_run("rollout", "guard", *once, "-d", url, env=NAME, check=3)
    assert "Error: cannot connect to " in done.stderr


def test_interval_is_no_busy_loop(carecli_run: Run, migrated: TestDatabase) -> None:
    """An interval of next to nothing is a usage error."""
    options = ("--interval", "0s", "-d", migrated.url)
    done = carecli_run("rollout", "guard", *options, env=NAME, check=2)
    assert "--interval 1s" in done.stderr


# The loop -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_it(
    start_guard: StartGuard, migrated: TestDatabase, number: int, code: int
) -> None:
    """Ctrl-C and SIGTERM end it with the usual exit codes and without a word."""
    guard = start_guard(interval="1h")
    assert guard.end(number) == code
    assert guard.background.process.stderr is not None
    assert guard.background.process.stderr.read().count("\n") == 1  # which database it is
    assert guard.states == ["off"]


@pytest.mark.slow
def test_service_role_guards(start_guard: StartGuard, migrated: TestDatabase) -> None:
    """The service role needs nothing but its functions; news are told, and nothing twice."""
    begin_phase(migrated, "internal", 0, HOUR)
    guard = start_guard(url=f"{migrated.superuser_url}&options=-c%20role%3Dservice_role")
    migrated.execute("select messaging.set_rollout('enabled', null, 'all is well')")
    wait_for("the guard to notice", lambda: len(guard.news) == 2)
    fail(migrated)
    wait_for("the guard to come to rest", lambda: len(guard.news) == 4)
    assert guard.end() == 143
    assert guard.states == ["watching", "watching", "acted", "off"]
    assert [line["text"] for line in guard.news[:2]] == [
        "2 rules watch over internal",
        "2 rules watch over enabled",
    ]


@pytest.mark.slow
def test_lost_connection_is_made_anew(start_guard: StartGuard, migrated: TestDatabase) -> None:
    """A session that is ended is said once, and V2 is watched over again."""
    begin_phase(migrated, "enabled", 100, HOUR)
    guard = start_guard()
    administrator = migrated.connect(superuser=True)
    administrator.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and application_name = 'carecli rollout guard'"
    )
    wait_for("the guard to be back", lambda: len(guard.news) == 3)
    assert guard.states == ["watching", "lost", "watching"]
    fail(migrated)
    wait_for("the guard to act", lambda: "acted" in guard.states)
    assert guard.end() == 143


@pytest.mark.slow
def test_fault_that_passes_does_not_end_it(start_guard: StartGuard, migrated: TestDatabase) -> None:
    """Where the rules cannot be evaluated for a while, it says so and goes on."""
    begin_phase(migrated, "enabled", 100, HOUR)
    guard = start_guard()
    migrated.execute("alter function messaging.guard_rollout(text) rename to elsewhere")
    wait_for("the guard to say so", lambda: guard.states[-1] == "unknown")
    migrated.execute("alter function messaging.elsewhere(text) rename to guard_rollout")
    wait_for("the guard to be back", lambda: guard.states[-1] == "watching")
    assert guard.states == ["watching", "unknown", "watching"]
    assert guard.end() == 143


@pytest.mark.slow
def test_guard_alone_keeps_the_roll_ups_fresh(
    start_guard: StartGuard, migrated: TestDatabase
) -> None:
    """Where nothing but a guard runs, the calls are counted by the minute all the same."""
    log_calls(migrated, [(datetime.now(UTC) - timedelta(minutes=10), LoggedCall())])
    start_guard()
    wait_for("the roll-up", lambda: migrated.execute("select calls from messaging.rpc_minutes"))


@pytest.mark.slow
def test_restart_of_the_database(
    carecli_run: Run, carecli_start: Start, start_guard: StartGuard
) -> None:
    """It outlives a server that stops, stays away and comes back, and then does its work."""
    url = carecli_run("db", "start", check=0).stdout.strip()
    carecli_run("migrate", "--yes", "-d", url, check=0)
    carecli_run("rollout", "set", "enabled", "--reason", "x", "-d", url, env=NAME, check=0)
    guard = start_guard(url=url)
    carecli_run("db", "stop", check=0)
    wait_for("the guard to notice", lambda: guard.states == ["watching", "lost"])
    carecli_run("db", "start", check=0)
    wait_for("the guard to be back", lambda: guard.states == ["watching", "lost", "watching"])
    assert guard.end() == 143
    carecli_run("db", "stop", check=0)


# Under load ---------------------------------------------------------------------------------------

BREAK_CREATION = """
create function public.complain() returns trigger language plpgsql as
    'begin raise exception ''the disk is on fire''; end';
create trigger complain before insert on public.conversations_v2
    for each row execute function public.complain()
"""


@dataclass(slots=True)
class Load:
    """People who begin conversations, each in a session of his own, until they are told to stop.

    Arguments:
        database: where.
        answers: what they were answered, in the order of the answers.
        stopped: whether they were told.
    """

    database: TestDatabase
    answers: list[dict[str, Any]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def person(self, helper: UUID, requests: list[UUID]) -> None:
        """Begin one conversation after the other."""
        session = self.database.as_role("authenticated", helper)
        for request in requests:
            if self.stopped.is_set():
                return
            self.answers.append(
                invoke(session, "start_help_conversation", request, "I can help you")
            )
            # A load of a hundred a second or so; nothing waits for this.
            self.stopped.wait(0.02)

    def so_far(self, version: str, since: int = 0) -> list[dict[str, Any]]:
        """Return the successes of one system since so many answers."""
        return [
            answer
            for answer in self.answers[since:]
            if answer["success"] and answer["version"] == version
        ]

    def failures(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the refusals since so many answers."""
        return [answer for answer in self.answers[since:] if not answer["success"]]


@pytest.fixture
def load(
    migrated: TestDatabase,
    people: People,
    mended: FirstSystem,
    helpers: Callable[[int], list[UUID]],
) -> Iterator[Load]:
    """Give a load that runs: four people, whom no limit stops."""
    migrated.execute("select messaging.set_limit('start_conversation', 1000000, '1 hour')")
    rows = migrated.execute(
        "insert into public.help_requests (id, user_id, title, category, urgency)"
        " select gen_random_uuid(), %s, 'Soup', 'groceries', 'normal'"
        " from generate_series(1, 8000) returning id",
        people.rosa,
    )
    requests = [request for (request,) in rows]
    running = Load(migrated)
    with ExitStack() as stack:
        for number, helper in enumerate(helpers(4)):
            thread = threading.Thread(target=running.person, args=(helper, requests[number::4]))
            stack.callback(thread.join)
            thread.start()
        stack.callback(running.stopped.set)
        yield running


@pytest.mark.slow
def test_failure_under_load(
    start_guard: StartGuard, migrated: TestDatabase, load: Load, call: Call, people: People
) -> None:
    """Creations of V2 begin to fail: V2 is turned off, once, and people go on in V1; what began in
    V2 stays usable; V2 that is turned on again after the repair stays on.
    """
    migrated.execute("select messaging.set_rollout('enabled', null, 'a test')")
    guards = [start_guard(interval="1s"), start_guard(interval="1s")]
    wait_for("conversations in V2", lambda: len(load.so_far("v2")) >= 40)
    assert {line["state"] for guard in guards for line in guard.news} == {"watching"}

    migrated.execute(BREAK_CREATION)
    wait_for("V2 to be off", lambda: state(migrated) == ("disabled", 0))
    off = len(load.answers)
    wait_for("conversations in V1", lambda: len(load.so_far("v1", off)) >= 40)
    wait_for("both guards to rest", lambda: all(g.states[-1] == "off" for g in guards))
    assert {answer["error"] for answer in load.failures()} == {"server_error"}
    # Four were on their way when the flag changed.
    assert len(load.failures(off)) <= 4
    assert sorted(guard.states for guard in guards) == [
        ["watching", "acted", "off"],
        ["watching", "off"],
    ]
    assert history(migrated)[1:] == [("disabled", "enabled"), ("enabled", "disabled")]

    began = UUID(load.so_far("v2")[0]["conversation_id"])
    assert call(people.rosa, "send_message_v2", began, people.rosa, "Thanks")["success"]
    assert call(people.rosa, "get_conversation_v2", began, people.rosa)["success"]

    migrated.execute("drop trigger complain on public.conversations_v2")
    migrated.execute("select messaging.set_rollout('enabled', null, 'repaired')")
    wait_for("the guards to watch", lambda: all(g.states[-1] == "watching" for g in guards))
    on = len(load.answers)
    wait_for("conversations in V2 again", lambda: len(load.so_far("v2", on)) >= 100)
    assert load.failures(on) == []
    assert state(migrated) == ("enabled", 100)
    assert len(history(migrated)) == 4
    assert [guard.end() for guard in guards] == [143, 143]
    assert [guard.states[-1] for guard in guards] == ["watching", "watching"]


@pytest.mark.slow
def test_failures_of_v1_under_load(
    start_guard: StartGuard, migrated: TestDatabase, load: Load
) -> None:
    """Creations of V1 fail, as they do in production: that is no reason to turn V2 off."""
    migrated.execute("select messaging.set_rollout('percentage', 0, 'nobody yet')")
    guard = start_guard()
    migrated.execute(BREAK_CREATION.replace("conversations_v2", "conversations"))
    wait_for("failures", lambda: len(load.failures()) >= 100)
    assert guard.end() == 143
    assert guard.states == ["watching"]
    assert state(migrated) == ("percentage", 0)
    assert migrated.execute(
        "select distinct version from messaging.rpc_events where event = 'server_error'"
    ) == [("v1",)]
