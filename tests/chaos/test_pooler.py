"""A real pgbouncer and a real hot standby in the way of a migration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from carecli.embedded import Server
from tests.plugins.chaos import ProjectMaker, Step
from tests.plugins.command import Run
from tests.plugins.obstacles import free_port, pgbouncer, standby

pytestmark = pytest.mark.slow

TWO = [
    Step("one", "create table one ();\n", "drop table one;\n", "select 1 from one;\n"),
    Step("two", "create table two ();\n", "drop table two;\n", "select 1 from two;\n"),
]


@pytest.fixture
def two(make_project: ProjectMaker) -> Path:
    """Give a project of two changes."""
    return make_project(*TWO, name="two")


@pytest.fixture
def open_database(crash_server: Server, crash_database: str) -> str:
    """Give a database that a pooler of another account can reach: by TCP, as `postgres`."""
    port = free_port()
    with psycopg.connect(crash_server.url(), autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = 'postgres'").fetchone():
            connection.execute("create role postgres superuser login")
    crash_server.stop()
    crash_server.settings.update(  # type: ignore[attr-defined]
        {"listen_addresses": "127.0.0.1", "port": str(port)}
    )
    crash_server.start()
    name = psycopg.conninfo.conninfo_to_dict(crash_database)["dbname"]
    return f"postgresql://postgres@127.0.0.1:{port}/{name}"


@pytest.mark.peer("pgbouncer")
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_pooler_without_sessions_is_refused(
    open_database: str, two: Path, carecli_run: Run, peer: Callable[[str], Path], mode: str
) -> None:
    """In transaction and statement mode the exit code is 5, with the way round, and no change."""
    with pgbouncer(peer("pgbouncer"), open_database, mode) as url:
        for command in (("migrate", "-y"), ("rollback", "-y"), ("migrate", "--dry-run")):
            ended = carecli_run(*command, "-C", two, "-d", url, check=5)
            assert "pooler in transaction mode" in ended.stderr
            assert "5432 instead of 6543" in ended.stderr
    with psycopg.connect(open_database) as connection:
        tables = "select count(*) from pg_tables where tablename in ('one', 'two', 'changes')"
        assert connection.execute(tables).fetchone() == (0,)


@pytest.mark.peer("pgbouncer")
def test_pooler_with_sessions_works(
    open_database: str, two: Path, carecli_run: Run, peer: Callable[[str], Path]
) -> None:
    """In session mode everything works, several times over the same pooled sessions."""
    with pgbouncer(peer("pgbouncer"), open_database, "session") as url:
        for _ in range(2):
            carecli_run("migrate", "-y", "-C", two, "-d", url, check=0)
            carecli_run("verify", "--changes", "-C", two, "-d", url, check=0)
            carecli_run("rollback", "-y", "-C", two, "-d", url, check=0)


@pytest.mark.peer("pgbouncer")
def test_pooler_does_not_disturb_who_reads(
    open_database: str, two: Path, carecli_run: Run, peer: Callable[[str], Path]
) -> None:
    """`status` works through a transaction-mode pooler, time and again."""
    carecli_run("migrate", "-y", "-C", two, "-d", open_database, check=0)
    with pgbouncer(peer("pgbouncer"), open_database, "transaction") as url:
        for _ in range(3):
            assert "Up to date" in carecli_run("status", "-C", two, "-d", url, check=0).stdout


def test_standby_is_refused_and_can_be_read(
    crash_server: Server, open_database: str, two: Path, carecli_run: Run
) -> None:
    """A hot standby: migrate and rollback are refused with 5, status and verify work."""
    carecli_run("migrate", "-y", "--to", "one", "-C", two, "-d", open_database, check=0)
    with psycopg.connect(open_database) as connection:
        row = connection.execute("select current_database()").fetchone()
        assert row is not None
    with standby(crash_server, open_database) as copy:
        url = copy.url(row[0], "postgres")
        for command in (("migrate", "-y"), ("rollback", "-y")):
            ended = carecli_run(*command, "-C", two, "-d", url, check=5)
            assert "is a standby, which cannot be written to" in ended.stderr
            assert "primary" in ended.stderr
        assert "Deployed: 1" in carecli_run("status", "-C", two, "-d", url, check=0).stdout
        assert "ok" in carecli_run("verify", "--changes", "-C", two, "-d", url, check=0).stdout
