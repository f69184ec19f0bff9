"""Several migrators at once, and the lock that keeps them apart."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.plugins.chaos import ProjectMaker, Start, Step, wait_for
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase

pytestmark = pytest.mark.slow

LOCK = 75474063
SLOW = [
    Step(
        f"t{number}",
        f"create table t{number} (id int);\nselect pg_sleep(0.05);\n",
        f"drop table t{number};\n",
        f"select 1 from t{number};\n",
    )
    for number in range(10)
]


@pytest.fixture
def slow(make_project: ProjectMaker) -> Path:
    """Give a project of ten changes that take a moment each."""
    return make_project(*SLOW, name="slow")


def assert_each_once(database: TestDatabase, total: int = 10) -> None:
    """Check that each change was deployed once, and is there."""
    deployed = database.execute("select change from sqitch.events where event = 'deploy'")
    assert Counter(name for (name,) in deployed) == {f"t{n}": 1 for n in range(total)}
    assert database.execute("select count(*) from sqitch.changes") == [(total,)]
    assert database.execute("select count(*) from pg_tables where schemaname = 'public'") == [
        (total,)
    ]


@contextmanager
def holding(database: TestDatabase, name: str) -> Iterator[psycopg.Connection]:
    """Hold the migration lock in a session of that name."""
    connection = database.connect(application_name=name)
    connection.execute(f"select pg_advisory_lock({LOCK})")
    yield connection
    connection.close()


def test_eight_at_once_deploy_each_change_once(
    empty_database: TestDatabase, slow: Path, carecli_start: Start
) -> None:
    """Eight commands on one empty database: one deploys, the others find nothing left to do."""
    commands = [
        carecli_start("migrate", "-y", "-C", slow, "-d", empty_database.url) for _ in range(8)
    ]
    ended = [command.finish() for command in commands]
    assert [item.returncode for item in ended] == [0] * 8, [item.stderr for item in ended]
    assert_each_once(empty_database)


def test_eight_impatient_ones_end_with_zero_or_four(
    empty_database: TestDatabase, slow: Path, carecli_start: Start
) -> None:
    """Who may not wait for the lock gives up with 4; each change is deployed once."""
    command = ("migrate", "-y", "--lock-wait", "0", "-C", slow, "-d", empty_database.url)
    ended = [item.finish() for item in [carecli_start(*command) for _ in range(8)]]
    codes = {item.returncode for item in ended}
    assert codes <= {0, 4}, [item.stderr for item in ended]
    assert 0 in codes
    assert_each_once(empty_database)


@pytest.mark.peer("sqitch")
def test_beside_sqitch_each_change_is_deployed_once(
    empty_database: TestDatabase,
    slow: Path,
    carecli_start: Start,
    carecli_run: Run,
    peer: Callable[[str], Path],
) -> None:
    """sqitch and carecli at once on one empty database: neither runs into the other."""
    sqitch = subprocess.Popen(
        [peer("sqitch"), "deploy", empty_database.sqitch_uri],
        cwd=slow,
        env={**carecli_run.environment(), "SQITCH_FULLNAME": "A", "SQITCH_EMAIL": "a@b.example"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # Not before sqitch is at work, or it would always come second.
    wait_for(
        "sqitch's first change",
        lambda: empty_database.execute("select to_regclass('public.t0') is not null") == [(True,)],
    )
    ours = [carecli_start("migrate", "-y", "-C", slow, "-d", empty_database.url) for _ in range(2)]
    said, _ = sqitch.communicate(timeout=180)
    ended = [item.finish() for item in ours]
    assert sqitch.returncode == 0, said
    assert [item.returncode for item in ended] == [0, 0], [item.stderr for item in ended]
    assert_each_once(empty_database)


@pytest.mark.parametrize("name", ["carecli migration lock", "sqitch"])
def test_holder_of_the_lock_is_named(
    empty_database: TestDatabase, slow: Path, carecli_run: Run, name: str
) -> None:
    """When --lock-wait runs out, the exit code is 4, and the message says who is in the way."""
    with holding(empty_database, name) as holder:
        ended = carecli_run(
            "migrate", "-y", "--lock-wait", "300ms", "-C", slow, "-d", empty_database.url, check=4
        )
        assert f"another migration is running: {name}" in ended.stderr
        assert f"pid {holder.info.backend_pid}" in ended.stderr
    assert empty_database.execute("select to_regclass('sqitch.changes')") == [(None,)]


def test_waits_for_the_lock(empty_database: TestDatabase, slow: Path, carecli_start: Start) -> None:
    """A lock that is given back in time only delays the migration."""
    with holding(empty_database, "other"):
        command = carecli_start("migrate", "-y", "-C", slow, "-d", empty_database.url)
        await_lock_session(empty_database)
    assert command.finish().returncode == 0
    assert_each_once(empty_database)


def await_lock_session(database: TestDatabase) -> None:
    """Wait until a command asks for the migration lock."""
    wait_for(
        "carecli to ask for the lock",
        lambda: database.execute(
            "select 1 from pg_stat_activity where datname = current_database()"
            " and application_name = 'carecli migration lock'"
        ),
    )


def terminate(database: TestDatabase, application: str) -> None:
    """End the sessions of that name, as an administrator would."""
    with database.server.administration() as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = %s and application_name = %s",
            (database.name, application),
        )


@pytest.mark.parametrize("directive", ["", "-- transactional: false\n"])
def test_lost_lock_session_commits_nothing_more(
    empty_database: TestDatabase, make_project: ProjectMaker, carecli_start: Start, directive: str
) -> None:
    """Nothing is committed once the session that holds the migration lock has been ended."""
    gate = empty_database.connect()
    gate.execute("select pg_advisory_lock(1)")
    script = f"{directive}select pg_advisory_lock_shared(1);\ncreate table late (id int);\n"
    project = make_project(Step("early", "create table early ();"), Step("late", script))
    command = carecli_start("migrate", "-y", "-C", project, "-d", empty_database.url)
    await_worker(empty_database)
    terminate(empty_database, "carecli migration lock")
    gate.close()
    ended = command.finish()
    assert ended.returncode == 3, ended.stderr
    assert "the session that held the migration lock has ended" in ended.stderr
    assert "State: deployed through early, 1 pending; late is not deployed" in ended.stderr
    assert empty_database.execute("select to_regclass('public.late')") == [(None,)]
    assert empty_database.execute("select change from sqitch.changes") == [("early",)]


def await_worker(database: TestDatabase) -> None:
    """Wait until a script waits for the test."""
    wait_for(
        "the script to reach its advisory lock",
        lambda: database.execute(
            "select 1 from pg_stat_activity where datname = current_database()"
            " and application_name = 'carecli worker' and wait_event = 'advisory'"
        ),
    )


def test_waits_for_the_statement_of_a_killed_migrator(
    empty_database: TestDatabase, slow: Path, carecli_run: Run
) -> None:
    """A backend that still works for a killed command is waited for, and named."""
    orphan = empty_database.connect(application_name="carecli worker")
    orphan.execute("begin")
    orphan.execute("select 1")
    ended = carecli_run(
        "migrate", "-y", "--lock-wait", "1s", "-C", slow, "-d", empty_database.url, check=4
    )
    assert "a migrator was killed, but the server still runs its statement" in ended.stderr
    assert f"(pid {orphan.info.backend_pid})" in ended.stderr
    orphan.execute("rollback")
    carecli_run("migrate", "-y", "-C", slow, "-d", empty_database.url, check=0)


def test_statement_of_a_killed_command_ends_by_itself(
    empty_database: TestDatabase, make_project: ProjectMaker, carecli_start: Start
) -> None:
    """The server notices within seconds that nobody waits for a long statement any more."""
    project = make_project(Step("long", "select pg_sleep(60);"))
    command = carecli_start("migrate", "-y", "-C", project, "-d", empty_database.url)
    sleeping = (
        "select 1 from pg_stat_activity"
        " where datname = current_database() and wait_event = 'PgSleep'"
    )
    wait_for("the statement to begin", lambda: empty_database.execute(sleeping))
    command.process.kill()
    began = time.monotonic()
    wait_for("the statement to end", lambda: not empty_database.execute(sleeping))
    assert time.monotonic() - began < 10


class Traffic:
    """An application that reads and updates one table, and remembers its longest wait."""

    def __init__(self, database: TestDatabase) -> None:
        self._connection = database.connect(application_name="application")
        self._connection.execute("set statement_timeout = '10s'")  # fails where it would hang
        self.longest = 0.0
        self.count = 0

    def go_on(self, running: Callable[[], bool]) -> None:
        """Send requests as long as that function returns True."""
        while running():
            began = time.monotonic()
            self._connection.execute("update busy set n = n + 1 where id = 2")
            self._connection.execute("select sum(n) from busy")
            self.longest = max(self.longest, time.monotonic() - began)
            self.count += 1


ALTERING = {
    "transaction": "alter table busy add column extra int;\n",
    "autocommit": "-- transactional: false\nalter table busy add column extra int;\n",
}


@pytest.mark.parametrize("kind", ALTERING)
def test_traffic_waits_no_longer_than_the_lock_timeout(
    empty_database: TestDatabase, make_project: ProjectMaker, carecli_start: Start, kind: str
) -> None:
    """While a session keeps a table from being altered, everybody else goes on using it."""
    empty_database.execute(
        "create table busy as select n as id, 0 as n from generate_series(1,2) n"
    )
    project = make_project(Step("alter", ALTERING[kind]))
    holder = empty_database.connect(application_name="report")
    holder.execute("begin; lock table busy in access share mode; select n from busy where id = 1")
    traffic = Traffic(empty_database)
    command = carecli_start(
        *("migrate", "-y", "--lock-timeout", "400ms", "--lock-retries", "50"),
        *("-C", project, "-d", empty_database.url),
    )
    said: list[str] = []
    assert command.process.stderr is not None
    reader = threading.Thread(target=said.extend, args=[command.process.stderr])
    reader.start()
    traffic.go_on(
        lambda: command.process.poll() is None and "".join(said).count("alter had to wait") < 2
    )
    assert command.process.poll() is None
    holder.execute("commit")
    traffic.go_on(lambda: command.process.poll() is None)
    reader.join()
    assert command.process.returncode == 0, said
    assert f"(pid {holder.info.backend_pid} of postgres, report, idle in transaction" in "".join(
        said
    )
    assert traffic.count > 10
    # The timeout, and what a busy machine adds to it; less than the default of 5 s.
    assert 0.3 < traffic.longest < 2
    assert empty_database.execute("select count(extra) from busy") == [(0,)]


@pytest.mark.parametrize("superuser", [False, True])
def test_lock_never_had_changes_nothing(
    empty_database: TestDatabase, make_project: ProjectMaker, carecli_run: Run, superuser: bool
) -> None:
    """With its retries used up the command ends with 4 and names the holder, whoever that is."""
    empty_database.execute("create table busy (id int)")
    project = make_project(
        Step("first", "create table first ();"),
        Step("alter", "create table half ();\nalter table busy add column extra int;\n"),
    )
    holder = empty_database.connect(application_name="report", superuser=superuser)
    holder.execute("begin; lock table busy in access share mode")
    ended = carecli_run(
        *("migrate", "-y", "--lock-timeout", "100ms", "--lock-retries", "1"),
        *("-C", project, "-d", empty_database.url),
        check=4,
    )
    assert "alter.sql:2:1: deploy of alter failed" in ended.stderr
    assert f"(pid {holder.info.backend_pid} of {holder.info.user}, report, " in ended.stderr
    assert "State: deployed through first, 1 pending; alter is not deployed" in ended.stderr
    assert empty_database.execute("select to_regclass('public.half')") == [(None,)]


def test_deadlock_is_tried_again(
    empty_database: TestDatabase, make_project: ProjectMaker, carecli_start: Start
) -> None:
    """A change that the server chose as a deadlock's victim is run once more."""
    empty_database.execute("create table a (); create table b ()")
    project = make_project(
        Step("both", "lock table a;\nselect pg_sleep(0.3);\nlock table b;\ncreate table c ();\n")
    )
    other = empty_database.connect(superuser=True)
    # The other one is never the victim: it looks for deadlocks last.
    other.execute("set deadlock_timeout = '60s'")
    other.execute("begin; lock table b")
    command = carecli_start(
        "migrate", "-y", "--lock-timeout", "20s", "-C", project, "-d", empty_database.url
    )
    wait_for(
        "the change to have its first lock",
        lambda: empty_database.execute(
            "select 1 from pg_locks where relation = 'a'::regclass and granted"
        ),
    )
    other.execute("lock table a")
    other.execute("commit")
    ended = command.finish()
    assert ended.returncode == 0, ended.stderr
    assert "both had to wait for a lock" in ended.stderr
    assert empty_database.execute("select to_regclass('c') is not null") == [(True,)]


def test_failed_commit_is_tried_again_in_a_transaction(
    empty_database: TestDatabase, make_project: ProjectMaker, carecli_run: Run
) -> None:
    """A commit that fails for a reason that passes is repeated with all that belongs to it."""
    empty_database.execute(
        "create table log (id int); create sequence attempts;"
        "create function once() returns trigger language plpgsql as $$ begin"
        " if nextval('attempts') = 1 then raise sqlstate '40001'; end if; return null; end $$;"
        "create constraint trigger late after insert on log deferrable initially deferred"
        " for each row execute function once()"
    )
    verify = "select 1 / (case when pg_current_xact_id_if_assigned() is null then 0 else 1 end);"
    project = make_project(Step("insert", "insert into log values (1);", verify=verify))
    ended = carecli_run("migrate", "-y", "-C", project, "-d", empty_database.url, check=0)
    assert "insert had to wait" in ended.stderr
    assert empty_database.execute("select count(*) from log") == [(1,)]
