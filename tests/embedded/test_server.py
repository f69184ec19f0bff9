"""A server of any version starts and stops, whatever was left behind."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from carecli.embedded.log import LIMIT
from carecli.embedded.processes import find_processes
from carecli.errors import CannotConnect, Refused
from tests.plugins.scratch import roomy_folder

BINARIES = [*Path("/usr/lib/postgresql").glob("*/bin"), wheel_binaries()]
AS_ROOT = os.geteuid() == 0

NewServer = Callable[..., Server]


@pytest.fixture(scope="module")
def initialised() -> Iterator[Server]:
    """A stopped server with fresh data, to be copied."""
    with tempfile.TemporaryDirectory(prefix="carecli-test-", dir=roomy_folder()) as folder:
        server = Server(wheel_binaries(), Path(folder) / "data", Path(folder) / "run")
        server.initialise(["--no-sync", "--wal-segsize=1"])
        yield server


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short closed folder, as `mktemp -d` makes them."""
    made = Path(tempfile.mkdtemp(prefix="carecli-test-", dir=roomy_folder()))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def new_server(initialised: Server, folder: Path) -> Iterator[NewServer]:
    """Makes a server of the data, which are moved to where it is to live, and back at the end."""
    with ExitStack() as stack:

        def make(place: str = "one", **options: Any) -> Server:
            home = folder / place
            home.mkdir(parents=True)
            initialised.data.rename(home / "data")
            server = Server(initialised.binaries, home / "data", home / "run", **options)
            stack.callback(server.data.rename, initialised.data)
            stack.callback(server.stop)
            return server

        yield make


@pytest.fixture
def server(new_server: NewServer) -> Server:
    """A server that has not been started yet."""
    return new_server()


def query(server: Server, statement: str) -> object:
    """Return the one value of a statement, run by the superuser."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def process_field(pid: int, name: str) -> str:
    """Return a field of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


@pytest.mark.parametrize("binaries", BINARIES, ids=lambda folder: str(folder.parent.name))
def test_runs_any_version(folder: Path, binaries: Path) -> None:
    """The life of a server is the same for the PostgreSQL of the system and of the wheel."""
    server = Server(binaries, folder / "data", folder / "run")
    server.initialise(["--no-sync"])
    try:
        server.start()
        query(server, "create table kept as select 7 as seven")
        server.kill()
        server.start()
        assert query(server, "select seven from kept") == 7
        assert str(query(server, "show server_version")).startswith(str(server.version))
    finally:
        server.stop()
    assert not server.running


def test_starts_once(server: Server) -> None:
    """A second start leaves the running server alone."""
    server.start()
    first = server.pid
    server.start()
    assert server.running
    assert server.pid == first


def test_is_not_running_before_it_is_started(server: Server) -> None:
    """Data alone are no running server."""
    assert not server.running
    assert server.pid is None


def test_stops_once(server: Server) -> None:
    """A second stop finds nothing to do."""
    server.start()
    server.stop()
    server.stop()
    assert not server.running
    assert find_processes(server.data) == []


def test_keeps_what_was_committed_before_a_kill(server: Server) -> None:
    """After SIGKILL of the postmaster the next start recovers."""
    server.start()
    query(server, "create table kept as select 7 as seven")
    server.kill()
    assert not server.running
    server.start()
    assert query(server, "select seven from kept") == 7


def test_ends_the_children_of_a_killed_postmaster(server: Server) -> None:
    """A backend too busy to notice that its postmaster is gone does not block the start."""
    server.start()
    with closing(psycopg.connect(server.url(), autocommit=True)) as connection:
        connection.pgconn.send_query(b"do $$ begin loop end loop; end $$")
        backend = connection.info.backend_pid
        busy = f"select true from pg_stat_activity where pid = {backend} and query like 'do %'"
        assert query(server, busy)
        server.kill()
        assert backend in find_processes(server.data)
        server.start()
        assert server.running
        assert backend not in find_processes(server.data)


@pytest.mark.parametrize("status", ["", "starting", "ready"])
def test_takes_no_stranger_for_its_postmaster(server: Server, status: str) -> None:
    """A pid file that names a living foreign process stops nobody, and the process is spared."""
    # Of the same user, whom PostgreSQL takes for a postmaster; of another it knows better.
    user = server.account.uid if AS_ROOT else None
    with subprocess.Popen(["sleep", "600"], user=user) as stranger:
        try:
            lines = [stranger.pid, server.data, 0, 5432, server.sockets, "", "0 0", status]
            (server.data / "postmaster.pid").write_text("\n".join(map(str, lines)) + "\n")
            before = server.running
            server.start()
            assert (before, server.running) == (False, True)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_takes_no_other_server_for_its_own(server: Server, folder: Path) -> None:
    """A copy of a running server's data is not running, and starting it spares the other."""
    server.start()
    subprocess.run(["cp", "-a", server.data, folder / "copy"], check=True)
    copy = Server(server.binaries, folder / "copy", folder / "copy-run")
    assert (copy.running, copy.pid) == (False, None)
    copy.start()
    assert copy.url() != server.url()
    copy.stop()
    assert server.running


def test_replaces_a_stale_socket(server: Server) -> None:
    """A socket and its lock file, naming a living foreign process, do not block the start."""
    server.start()
    server.kill()
    (server.sockets / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n{server.data}\n")
    server.start()
    assert server.running


def test_garbled_pid_file(server: Server) -> None:
    """A pid file cut short by a full disk does not block the start."""
    (server.data / "postmaster.pid").write_bytes(b"\0\0\0")
    server.start()
    assert server.running


def test_restarts_without_its_socket(server: Server) -> None:
    """A server whose socket was removed is reachable again after a start."""
    server.start()
    (server.sockets / ".s.PGSQL.5432").unlink()
    server.start()
    assert query(server, "select 1") == 1


@pytest.mark.parametrize(
    "place", ["with space", "quote ' and \" double", "100% & half?", "Äcker", "a/b#c"]
)
def test_lives_in_any_folder(new_server: NewServer, place: str) -> None:
    """A path may hold characters that mean something to shells, URIs and PostgreSQL's lists."""
    server = new_server(place)
    server.start()
    assert query(server, "show unix_socket_directories") is not None
    told = subprocess.run(
        ["psql", server.url(), "-Atc", "show data_directory"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == str(server.data)


def test_opens_no_port(server: Server) -> None:
    """The server listens on its socket alone."""
    server.start()
    assert query(server, "show listen_addresses") == ""


def test_loses_nothing_on_a_crash(server: Server) -> None:
    """fsync, full_page_writes and synchronous_commit are on."""
    server.start()
    names = ("fsync", "full_page_writes", "synchronous_commit")
    shown = [query(server, f"show {name}") for name in names]
    assert shown == ["on", "on", "on"]


def test_own_settings_win(new_server: NewServer) -> None:
    """Settings of the caller come after the common ones."""
    server = new_server(settings={"max_connections": "21", "fsync": "off"})
    server.start()
    assert query(server, "show max_connections") == "21"
    assert query(server, "show fsync") == "off"


def test_says_why_it_does_not_start(new_server: NewServer) -> None:
    """The error shows what the server's log says."""
    server = new_server(settings={"shared_buffers": "plenty"})
    with pytest.raises(CannotConnect) as caught:
        server.start()
    assert 'invalid value for parameter "shared_buffers": "plenty"' in str(caught.value.detail)
    assert find_processes(server.data) == []


def test_says_that_there_are_no_data(folder: Path) -> None:
    """A server without data does not start, and says so."""
    with pytest.raises(CannotConnect, match="no PostgreSQL data"):
        Server(wheel_binaries(), folder / "none", folder / "run").start()


def test_refuses_data_of_another_version(server: Server) -> None:
    """Data of another major version are left alone, and both versions are named."""
    (server.data / "PG_VERSION").write_text("14\n")
    try:
        with pytest.raises(Refused, match=f"PostgreSQL 14; .* PostgreSQL {server.version}"):
            server.start()
    finally:
        (server.data / "PG_VERSION").write_text(f"{server.version}\n")


def test_initialises_whole_or_not_at_all(folder: Path) -> None:
    """A failed initdb leaves no data behind, and shows what it printed."""
    server = Server(wheel_binaries(), folder / "data", folder / "run")
    with pytest.raises(CannotConnect) as caught:
        server.initialise(["--encoding=NONSENSE"])
    assert "NONSENSE" in str(caught.value.detail)
    assert list(folder.iterdir()) == []


def test_clears_an_unfinished_initdb(folder: Path) -> None:
    """What a killed initdb left is cleared away by the next one."""
    (folder / "data.new-abc").mkdir()
    (folder / "data.new-abc" / "base").mkdir()
    server = Server(wheel_binaries(), folder / "data", folder / "run")
    server.initialise(["--no-sync"])
    assert [path.name for path in folder.iterdir()] == ["data"]


def test_detaches_from_the_terminal(server: Server) -> None:
    """The server has a session of its own, no input, and no descriptor of its starter."""
    with tempfile.TemporaryFile() as ours:
        os.set_inheritable(ours.fileno(), True)
        server.start()
        assert server.pid is not None
        descriptors = Path(f"/proc/{server.pid}/fd")
        targets = {path.name: str(path.readlink()) for path in descriptors.iterdir()}
    assert os.getsid(server.pid) != os.getsid(0)
    assert targets["0"] == "/dev/null"
    assert targets["1"] == targets["2"] == str(server.log)
    assert not any("deleted" in target and "/tmp/#" in target for target in targets.values())


def test_inherits_no_secret(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the server holds nothing of its starter's but the paths."""
    monkeypatch.setenv("PGPASSWORD", "hidden")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hidden@h/d")
    monkeypatch.setenv("PGPORT", "1")
    server.start()
    assert b"hidden" not in Path(f"/proc/{server.pid}/environ").read_bytes()
    assert query(server, "show port") == "5432"


def test_cuts_its_log(server: Server) -> None:
    """A log beyond its limit moves aside, while the server goes on writing."""
    server.start()
    with server.log.open("ab") as log:
        log.write(b"x" * LIMIT)
    server.start()
    assert server.log.stat().st_size < 1000
    old = server.log.with_name("data.log.1")
    assert old.stat().st_size > LIMIT
    assert stat.S_IMODE(old.stat().st_mode) == 0o600
    server.stop()
    assert "shut down" in server.log.read_text()


def test_leaves_the_folder_above_as_it_is(new_server: NewServer, folder: Path) -> None:
    """A closed folder above the data is neither opened nor given away."""
    server = new_server()
    server.start()
    found = folder.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o700, os.geteuid())


def test_never_runs_as_root(server: Server) -> None:
    """Whoever starts it, the server's user is not root."""
    server.start()
    assert server.pid is not None
    assert process_field(server.pid, "Uid") != "0"


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_keeps_a_capability_only_where_a_folder_is_closed(
    new_server: NewServer, folder: Path, mode: int
) -> None:
    """Root's server passes closed folders by one capability, and has none where all are open."""
    folder.chmod(mode)
    server = new_server()
    server.start()
    assert server.pid is not None
    read_search = 1 << 2
    expected = read_search if AS_ROOT and mode == 0o700 else 0
    assert int(process_field(server.pid, "CapEff"), 16) == expected


def test_lets_no_other_user_connect(new_server: NewServer, folder: Path) -> None:
    """The folder of the socket is closed, even where all folders above are open."""
    folder.chmod(0o755)
    server = new_server()
    server.start()
    assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
    if AS_ROOT:
        stranger = ["setpriv", "--reuid=nobody", "--regid=65534", "--clear-groups", "psql"]
        told = subprocess.run([*stranger, server.url()], capture_output=True, text=True)
        assert "Permission denied" in told.stderr
