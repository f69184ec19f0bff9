"""A server that survives crashes, and a project of sixty changes to kill things in."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from tests.plugins.chaos import ProjectMaker, Step, wait_for
from tests.plugins.postgres import TestServer

SEED = "CARECLI_TORTURE_SEED"
CHANGES = 60


@pytest.fixture
def chance() -> random.Random:
    """Give the generator of the random moments; its seed is printed where a test fails."""
    seed = int(os.environ.get(SEED) or secrets.randbits(32))
    print(f"{SEED}={seed}")
    return random.Random(seed)  # noqa: S311


@pytest.fixture(scope="module")
def crash_server(server: TestServer) -> Iterator[Server]:
    """Give a server with fsync on: what it has committed survives its crashes."""
    home = Path(tempfile.mkdtemp(prefix="carecli-crash-", dir="/tmp"))
    home.chmod(0o711)
    binaries = server.bin or wheel_binaries()
    running = Server(
        binaries, home / "data", home / "socket", settings={"log_min_messages": "fatal"}
    )
    try:
        running.initialise()
        running.start()
        yield running
    finally:
        running.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def crash_database(crash_server: Server) -> Iterator[str]:
    """Give the URL of a database on the server that is going to crash."""
    name = f"crash_{secrets.token_hex(4)}"
    with psycopg.connect(crash_server.url(), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield crash_server.url(name)
    crash_server.start()
    wait_for("the end of crash recovery", lambda: accepts(crash_server), timeout=120)
    with psycopg.connect(crash_server.url(), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


def accepts(server: Server) -> bool:
    """Tell whether a server takes connections: in crash recovery it runs and refuses them."""
    try:
        psycopg.connect(server.url()).close()
    except psycopg.OperationalError as error:
        if "the database system is" in str(error):
            return False
        raise
    return True


def sixty_changes() -> Iterator[Step]:
    """Yield changes of several kinds, each with a table of its name."""
    for number in range(CHANGES):
        name = f"t{number:02d}"
        deploy = [f"create table {name} (id int primary key, note text);"]
        verify = None
        if number % 5 == 0:
            deploy.append(f"insert into {name} select n, 'row' from generate_series(1, 50) as n;")
        if number % 7 == 0:
            verify = f"select 1 / (count(*) - 0)::int from pg_class where relname = '{name}';"
        if number % 10 == 3:
            deploy.append("select pg_sleep(0.03);")
        if number % 10 == 6:
            # The trigger runs while the transaction commits.
            deploy += [
                f"create function slow_{name}() returns trigger language plpgsql as",
                "$$ begin perform pg_sleep(0.02); return null; end $$;",
                f"create constraint trigger slow after insert on {name}",
                f"deferrable initially deferred for each row execute function slow_{name}();",
                f"insert into {name} values (1, 'slow');",
            ]
        if number % 10 == 8:
            deploy += [f"copy {name} from stdin;", "1\tone", "2\ttwo", "\\."]
        revert = [f"drop table {name};"]
        if number % 10 == 6:
            revert.append(f"drop function slow_{name}();")
        if number % 10 == 4:
            revert.append("select pg_sleep(0.03);")
        needs = (f"t{number - 1:02d}",) if number % 3 == 1 else ()
        yield Step(name, "\n".join(deploy) + "\n", "\n".join(revert) + "\n", verify, needs)


@pytest.fixture
def sixty(make_project: ProjectMaker) -> Path:
    """Give a project of sixty changes: fast and slow, with data, checks and slow commits."""
    return make_project(*sixty_changes(), name="sixty")
