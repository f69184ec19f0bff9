"""SIGKILL at random moments: registry and catalogue agree, and the next run finishes."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import psycopg
import pytest

from carecli.embedded import Server
from tests.plugins.chaos import Background, Here, ProjectMaker, Start, Step, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.torture]

Remains = Callable[[psycopg.Connection], list[tuple[object, ...]]]
COMMANDS = {"deploy": ("migrate", "--yes"), "revert": ("rollback", "--yes")}

# One statement, so one snapshot: a backend that has not noticed yet may still commit.
RECORDED_AND_THERE = """
select array(select change from sqitch.changes order by change),
       array(select relname::text from pg_class
              where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1),
       array(select change from sqitch.changes
              where change_id not in (select change_id from sqitch.events))
"""


def assert_agreement(connection: psycopg.Connection) -> int:
    """Compare the tables with the changes of their names; return how many there are."""
    known = connection.execute("select to_regclass('sqitch.changes')").fetchone()
    if known == (None,):
        tables = connection.execute(
            "select count(*) from pg_tables where schemaname = 'public'"
        ).fetchone()
        assert tables == (0,)
        return 0
    row = connection.execute(RECORDED_AND_THERE).fetchone()
    assert row is not None
    recorded, there, without_event = row
    assert recorded == there
    assert without_event == []
    return len(recorded)


def begin_of_work(background: Background) -> None:
    """Wait until the command has started on its first change, or has nothing left to say."""
    stream: IO[str] | None = background.process.stderr
    assert stream is not None
    while (line := stream.readline()) and not line.startswith(("  +", "  -")):
        pass


def leaves_nothing(url: str, remains: Remains) -> None:
    """Check that neither a session nor a lock of the killed command stays."""
    with psycopg.connect(url, autocommit=True) as connection:
        wait_for("the killed command's sessions to end", lambda: not remains(connection))
        locks = "select count(*) from pg_locks where locktype = 'advisory'"
        assert connection.execute(locks).fetchone() == (0,)


def measured(start: Start, url: str, project: Path) -> dict[str, float]:
    """Return how long the work of each direction takes, from its first change to its end."""
    durations = {}
    for direction, command in COMMANDS.items():
        background = start(*command, "-C", project, "-d", url)
        begin_of_work(background)
        began = time.monotonic()
        assert background.finish().returncode == 0
        durations[direction] = time.monotonic() - began
    return durations


def shortened(duration: float, code: int) -> float:
    """Return how long to wait at most: less after a blow that came when all was done."""
    return duration * 0.7 if code == 0 else duration


def finish(run_here: Here, url: str, project: Path, direction: str, total: int) -> None:
    """Run the command again, undisturbed; check that it comes to its end."""
    run_here("-q", *COMMANDS[direction], "-C", project, "-d", url, check=0)
    with psycopg.connect(url, autocommit=True) as connection:
        assert assert_agreement(connection) == (total if direction == "deploy" else 0)


def directions(rounds: int) -> list[str]:
    return [("deploy", "revert")[number % 2] for number in range(rounds)]


def test_killed_command_leaves_whole_changes(
    crash_database: str,
    sixty: Path,
    chance: random.Random,
    rounds: int,
    carecli_start: Start,
    run_here: Here,
    remains: Remains,
) -> None:
    """SIGKILL of carecli: each change is there and recorded, or neither; the next run finishes."""
    durations = measured(carecli_start, crash_database, sixty)
    codes, counts = [], []
    for direction in directions(rounds):
        background = carecli_start(*COMMANDS[direction], "-C", sixty, "-d", crash_database)
        begin_of_work(background)
        time.sleep(chance.uniform(0, durations[direction]))
        background.send(signal.SIGKILL)
        codes.append(background.finish().returncode)
        durations[direction] = shortened(durations[direction], codes[-1])
        leaves_nothing(crash_database, remains)
        with psycopg.connect(crash_database, autocommit=True) as connection:
            counts.append(assert_agreement(connection))
        finish(run_here, crash_database, sixty, direction, 60)
    # The blows have struck, and in the middle of the work.
    assert codes.count(-signal.SIGKILL) > rounds / 2
    assert any(0 < count < 60 for count in counts)


def kill_postmaster(server: Server, url: str) -> None:
    """Kill the postmaster alone; its backends find out by themselves."""
    server.kill()


def kill_backend(server: Server, url: str) -> None:
    """Kill the backend that runs the scripts, which makes the server restart all of them."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        workers = connection.execute(
            "select pid from pg_stat_activity where application_name = 'carecli worker'"
        ).fetchall()
    for (pid,) in workers:
        signal_process(pid)


def signal_process(pid: int) -> None:
    """Send SIGKILL to a backend that may have ended by now."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def stop_at_once(server: Server, url: str) -> None:
    """Stop the server as a power cut would: no checkpoint, recovery at the next start."""
    server.stop("immediate")


def answers(url: str) -> bool:
    """Tell whether the server takes connections again."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


BLOWS = (kill_postmaster, kill_backend, stop_at_once)


def test_killed_server_leaves_whole_changes(
    crash_server: Server,
    crash_database: str,
    sixty: Path,
    chance: random.Random,
    rounds: int,
    carecli_start: Start,
    run_here: Here,
    remains: Remains,
) -> None:
    """SIGKILL of the server or of a backend: the same, and the command says it in plain words."""
    durations = measured(carecli_start, crash_database, sixty)
    codes = []
    for number, direction in enumerate(directions(rounds)):
        background = carecli_start(*COMMANDS[direction], "-C", sixty, "-d", crash_database)
        begin_of_work(background)
        time.sleep(chance.uniform(0, durations[direction]))
        BLOWS[number % 3](crash_server, crash_database)
        if BLOWS[number % 3] is not kill_backend:
            crash_server.start()
        ended = background.finish()
        assert ended.returncode in (0, 3), ended.stderr
        codes.append(ended.returncode)
        durations[direction] = shortened(durations[direction], codes[-1])
        assert "Traceback" not in ended.stderr
        wait_for("the end of the recovery", lambda: answers(crash_database))
        leaves_nothing(crash_database, remains)
        with psycopg.connect(crash_database, autocommit=True) as connection:
            assert_agreement(connection)
        finish(run_here, crash_database, sixty, direction, 60)
    assert codes.count(3) > rounds / 3, "hardly a blow has struck"


def idempotent_steps() -> list[Step]:
    """Return changes that cannot run in a transaction, written so that they can run again."""
    steps = []
    for number in range(6):
        name = f"t{number:02d}"
        if number % 2:
            deploy = (
                "-- transactional: false\n"
                f"create table if not exists {name} (id int);\n"
                f"drop index concurrently if exists {name}_id;\n"
                f"create index concurrently {name}_id on {name} (id);\n"
            )
            revert = f"drop table if exists {name};\n"
        else:
            deploy, revert = f"create table {name} (id int);\n", f"drop table {name};\n"
        verify = f"select 1 / count(*) from pg_class where relname = '{name}';\n"
        steps.append(Step(name, deploy, revert, verify))
    return steps


def test_script_outside_of_a_transaction_can_go_on(
    crash_database: str,
    make_project: ProjectMaker,
    chance: random.Random,
    rounds: int,
    carecli_start: Start,
    run_here: Here,
    remains: Remains,
) -> None:
    """SIGKILL amid `create index concurrently`: what is recorded is there; the next run ends."""
    project = make_project(*idempotent_steps(), name="concurrently")
    duration = measured(carecli_start, crash_database, project)["deploy"]
    for _ in range(max(1, rounds // 8)):
        background = carecli_start("migrate", "--yes", "-C", project, "-d", crash_database)
        begin_of_work(background)
        time.sleep(chance.uniform(0, duration))
        background.send(signal.SIGKILL)
        background.finish()
        leaves_nothing(crash_database, remains)
        with psycopg.connect(crash_database, autocommit=True) as connection:
            row = connection.execute(RECORDED_AND_THERE).fetchone()
            assert row is not None
            assert set(row[0]) <= set(row[1])
        finish(run_here, crash_database, project, "deploy", 6)
        with psycopg.connect(crash_database, autocommit=True) as connection:
            invalid = "select count(*) from pg_index where not indisvalid"
            assert connection.execute(invalid).fetchone() == (0,)
        finish(run_here, crash_database, project, "revert", 6)
