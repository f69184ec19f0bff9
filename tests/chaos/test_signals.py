"""Ctrl-C, SIGTERM, lost connections and dead servers in the middle of things."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from carecli.embedded import Server
from tests.plugins.chaos import Background, ProjectMaker, Start, Step, wait_for
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase
from tests.plugins.terminal import OpenTerminal

pytestmark = pytest.mark.slow

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture
def waiting(make_project: ProjectMaker) -> Path:
    """Give a project whose second change waits for the test."""
    script = "create table half ();\nselect pg_advisory_lock_shared(1);\ncreate table late ();\n"
    return make_project(
        Step("early", "create table early ();\n", "drop table early;\n"),
        Step("late", script, "drop table late, half;\n"),
    )


def begun(database: TestDatabase, start: Start, project: Path, *options: str) -> Background:
    """Start a migration and wait until its second change waits."""
    database.connect().execute("select pg_advisory_lock(1)")
    command = start("migrate", "-y", *options, "-C", project, "-d", database.url)
    await_event(database, "advisory")
    return command


def await_event(database: TestDatabase, event: str, application: str = "carecli worker") -> None:
    """Wait until a session of the command waits for that event."""
    wait_for(
        f"{application} to wait for {event}",
        lambda: database.execute(
            "select 1 from pg_stat_activity where datname = current_database()"
            " and application_name = %s and wait_event = %s",
            application,
            event,
        ),
    )


def tables(database: TestDatabase) -> list[str]:
    """Return the tables that are there."""
    rows = database.execute(
        "select relname from pg_class where relname in "
        "('early', 'half', 'late') and relkind = 'r' order by 1"
    )
    return [name for (name,) in rows]


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_in_mid_script_rolls_the_change_back(
    empty_database: TestDatabase, waiting: Path, carecli_start: Start, number: signal.Signals
) -> None:
    """The running change is undone, those before it stay, and the message says so."""
    command = begun(empty_database, carecli_start, waiting)
    command.send(number)
    ended = command.finish()
    assert ended.returncode == SIGNALS[number]
    assert f"interrupted by {number.name}" in ended.stderr
    assert "State: deployed through early, 1 pending; late is not deployed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert tables(empty_database) == ["early"]


def test_signal_in_an_atomic_run_undoes_all_of_it(
    empty_database: TestDatabase, waiting: Path, carecli_start: Start
) -> None:
    """With --atomic nothing of the run stays."""
    command = begun(empty_database, carecli_start, waiting, "--atomic")
    command.send(signal.SIGINT)
    ended = command.finish()
    assert ended.returncode == 130
    assert "State: nothing is deployed, 2 pending" in ended.stderr
    assert tables(empty_database) == []


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_while_waiting_for_the_migration_lock(
    empty_database: TestDatabase, waiting: Path, carecli_start: Start, number: signal.Signals
) -> None:
    """Who waits for another migrator can be ended; nothing was done."""
    empty_database.connect().execute("select pg_advisory_lock(75474063)")
    command = carecli_start("migrate", "-y", "-C", waiting, "-d", empty_database.url)
    await_event(empty_database, "ClientRead", "carecli migration lock")
    command.send(number)
    ended = command.finish()
    assert ended.returncode == SIGNALS[number]
    assert "State: nothing is deployed, 2 pending" in ended.stderr


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_at_the_prompt(
    empty_database: TestDatabase,
    waiting: Path,
    carecli_terminal: OpenTerminal,
    number: signal.Signals,
) -> None:
    """The question whether to go on can be answered with Ctrl-C: nothing is done."""
    empty_database.execute("create table kept as select 1 as id")
    terminal = carecli_terminal("migrate", "-C", waiting, "-d", empty_database.url)
    terminal.wait_until("the question", lambda: "[y/N]" in terminal.text)
    terminal.process.send_signal(number)
    assert terminal.finish() == SIGNALS[number]
    assert f"interrupted by {number.name}" in terminal.text
    assert "no change was being deployed" in terminal.text
    assert tables(empty_database) == []


def test_second_ctrl_c_ends_it_all_the_same(
    empty_database: TestDatabase, waiting: Path, carecli_start: Start
) -> None:
    """Two in a row end with 130, without a traceback, and leave no half change."""
    command = begun(empty_database, carecli_start, waiting)
    command.send(signal.SIGINT)
    command.send(signal.SIGINT)
    ended = command.finish()
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr
    wait_for(
        "the sessions to end",
        lambda: (
            empty_database.execute(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and application_name like 'carecli%%'"
            )
            == [(0,)]
        ),
    )
    assert tables(empty_database) == ["early"]


def test_signal_during_checks_that_were_put_off_rolls_the_change_back(
    empty_database: TestDatabase, make_project: ProjectMaker, carecli_start: Start
) -> None:
    """What a script puts off until its end is a part of it: no commit has begun yet."""
    project = make_project(
        Step(
            "slow",
            "create table slow (id int);\n"
            "create function late() returns trigger language plpgsql as\n"
            "$$ begin perform pg_sleep(60); return null; end $$;\n"
            "create constraint trigger late after insert on slow\n"
            "deferrable initially deferred for each row execute function late();\n"
            "insert into slow values (1);\n",
        ),
        Step("next", "create table next ();\n"),
    )
    command = carecli_start("migrate", "-y", "-C", project, "-d", empty_database.url)
    await_event(empty_database, "PgSleep")
    command.send(signal.SIGINT)
    ended = command.finish()
    assert ended.returncode == 130
    assert "State: nothing is deployed, 2 pending; slow is not deployed" in ended.stderr
    assert tables(empty_database) == []


def make_commits_wait(url: str) -> None:
    """Let the server wait with every commit for a standby that does not exist."""
    with (
        psycopg.connect(url, autocommit=True) as administrator,
        closing(psycopg.connect(url, autocommit=True)) as probing,
    ):
        administrator.execute("alter system set synchronous_standby_names = 'nobody'")
        administrator.execute("select pg_reload_conf()")

        def probed() -> bool:
            # Until the setting has reached the server's processes, it is done at once.
            if probing.pgconn.is_busy():
                probing.pgconn.consume_input()
            else:
                while probing.pgconn.get_result():
                    pass
                probing.pgconn.send_query(b"comment on database postgres is 'probed'")
            query = "select from pg_stat_activity where pid = %s and wait_event = 'SyncRep'"
            row = administrator.execute(query, [probing.info.backend_pid]).fetchone()
            return row is not None

        wait_for("commits to wait", probed)
        probing.cancel_safe()


def let_commits_go(url: str) -> None:
    """Let the server commit by itself again."""
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute("alter system reset synchronous_standby_names")
        administrator.execute("select pg_reload_conf()")


def test_signal_while_a_commit_waits_for_a_standby_waits_for_its_end(
    crash_server: Server, crash_database: str, waiting: Path, carecli_start: Start
) -> None:
    """A commit that has begun is finished, and the message tells that the change is deployed."""
    connection = psycopg.connect(crash_database, autocommit=True)

    def worker_waits(event: str) -> bool:
        query = (
            "select from pg_stat_activity"
            " where application_name = 'carecli worker' and wait_event = %s"
        )
        return connection.execute(query, [event]).fetchone() is not None

    connection.execute("select pg_advisory_lock(1)")
    command = carecli_start("migrate", "-y", "-C", waiting, "-d", crash_database)
    wait_for("the script to wait", lambda: worker_waits("advisory"))
    try:
        make_commits_wait(crash_server.url())
        connection.execute("select pg_advisory_unlock(1)")
        wait_for("the commit to wait", lambda: worker_waits("SyncRep"))
        command.send(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            command.process.wait(1)
    finally:
        let_commits_go(crash_server.url())
    ended = command.finish()
    connection.close()
    assert ended.returncode == 130
    assert "State: deployed through late, 0 pending; late is deployed" in ended.stderr


def test_ended_session_is_told_from_a_new_one(
    empty_database: TestDatabase, waiting: Path, carecli_start: Start
) -> None:
    """A session that an administrator ends is exit 3, with the state as it is afterwards."""
    command = begun(empty_database, carecli_start, waiting)
    with empty_database.server.administration() as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = %s and application_name = 'carecli worker'",
            (empty_database.name,),
        )
    ended = command.finish()
    assert ended.returncode == 3
    assert "late.sql:2:1: deploy of late failed: terminating connection" in ended.stderr
    assert "State: deployed through early, 1 pending; late is not deployed" in ended.stderr
    assert "could not be put into the log" not in ended.stderr
    assert tables(empty_database) == ["early"]


def test_crashed_server_is_waited_for_to_tell_the_state(
    crash_server: Server,
    crash_database: str,
    waiting: Path,
    carecli_start: Start,
) -> None:
    """After a crash from which the server recovers by itself, the state is told all the same."""

    connection = psycopg.connect(crash_database, autocommit=True)
    connection.execute("select pg_advisory_lock(1)")
    command = carecli_start("migrate", "-y", "-C", waiting, "-d", crash_database)
    found: list[int] = []

    def blocked() -> bool:
        rows = connection.execute(
            "select pid from pg_stat_activity where application_name = 'carecli worker'"
            " and wait_event = 'advisory'"
        )
        found.extend(pid for (pid,) in rows)
        return bool(found)

    wait_for("the script to wait", blocked)
    os.kill(found[0], signal.SIGKILL)
    ended = command.finish()
    connection.close()
    assert ended.returncode == 3, ended.stderr
    assert "State: deployed through early, 1 pending; late is not deployed" in ended.stderr


def test_dead_server(
    crash_server: Server, crash_database: str, waiting: Path, carecli_run: Run
) -> None:
    """Without a server the exit code is 3, and the message names the place and no secret."""
    crash_server.stop("fast")
    try:
        url = crash_database.replace("@/", ":hush@/")
        for command in (("migrate", "-y"), ("rollback", "-y"), ("status",), ("verify",)):
            ended = carecli_run(*command, "-C", waiting, "-d", url, check=3)
            assert "cannot connect to postgresql://" in ended.stderr
            assert "hush" not in ended.stderr
    finally:
        crash_server.start()


@pytest.mark.parametrize("command", ["migrate", "status"])
def test_interrupt_before_the_work(
    empty_database: TestDatabase,
    waiting: Path,
    carecli_start: Start,
    command: str,
) -> None:
    """Ctrl-C while a table of the registry is locked by somebody else has no traceback either."""
    empty_database.execute("create schema sqitch; create table sqitch.changes (); ")
    empty_database.execute("create table sqitch.releases (version real)")
    empty_database.connect().execute("begin; lock table sqitch.releases")
    run = carecli_start(command, "-C", waiting, "-d", empty_database.url)
    name = "carecli worker" if command == "migrate" else "carecli"
    await_event(empty_database, "relation", name)
    run.send(signal.SIGINT)
    ended = run.finish()
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr
