"""The life of one PostgreSQL server that is reached by a socket alone."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from carecli.embedded.account import Account, server_account
from carecli.embedded.log import tail, trim
from carecli.embedded.processes import PostmasterFile, Process, end_processes, serves
from carecli.errors import CannotConnect, Refused

__all__ = ["SOCKET_PATH_LIMIT", "Server", "StopMode"]

StopMode = Literal["smart", "fast", "immediate"]

SOCKET_PATH_LIMIT = 107
"""Bytes of a socket's path, so that it fits with its NUL into sockaddr_un.sun_path (unix(7))."""

_STOP_SIGNALS: Mapping[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}

# Given on the command line at each start, so that a new carecli brings its settings to old data.
# fsync and full_page_writes stay on: what was committed must survive a crash.
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_level": "logical",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    "logging_collector": "off",
}

# A question that the server answers with one byte and that leaves no line in its log: length and
# code of SSLRequest (https://www.postgresql.org/docs/current/protocol-message-formats.html).
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)

_PATIENCE = 120.0  # seconds, for crash recovery or a shutdown checkpoint on a slow disk


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server of any version, in folders that nobody else uses.

    It knows no lock: `EmbeddedServer` takes one where several shells may use one server.
    Run by root it starts as an unprivileged system user (see `server_account`), who comes to
    own the data and the sockets.

    Arguments:
        binaries: folder with `postgres` and `initdb`.
        data: data folder; the log lies beside it as `NAME.log`.
        sockets: folder for the socket alone; made with mode 0700.
        superuser: the bootstrap superuser.
        settings: server settings beyond, or instead of, the ones that all servers here have.
        port: number in the socket's name, and of the TCP port where `settings` open one.
    """

    binaries: Path
    data: Path
    sockets: Path
    superuser: str = "supabase_admin"
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 5432

    def __post_init__(self) -> None:
        # Real paths, as the kernel will show them and as the server's user must walk them.
        for name in ("binaries", "data", "sockets"):
            object.__setattr__(self, name, Path(os.path.realpath(getattr(self, name))))

    @property
    def log(self) -> Path:
        """The file that the server's messages go to."""
        return self.data.with_name(f"{self.data.name}.log")

    @property
    def initialised(self) -> bool:
        """Whether there is a complete data folder."""
        return (self.data / "PG_VERSION").is_file()

    @property
    def data_version(self) -> int | None:
        """Major version of the data, or None where there are none."""
        try:
            return int((self.data / "PG_VERSION").read_text(encoding="ascii"))
        except FileNotFoundError:
            return None

    @cached_property
    def version(self) -> int:
        """Major version of the binaries."""
        command = (self.binaries / "postgres", "--version")
        try:
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise CannotConnect(f"{command[0]} does not run: {error}") from error
        # "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", "postgres (PostgreSQL) 19beta1"
        return int(re.findall(r"\) (\d+)", said)[0])

    @property
    def running(self) -> bool:
        """Whether the server takes connections now, asked at its socket, without a subprocess."""
        found = self._postmaster()
        return found is not None and found.accepting and self._connects(found) is None

    @property
    def pid(self) -> int | None:
        """The postmaster's process number, or None where there is none."""
        found = self._postmaster()
        if found is None:
            return None
        with Process.held(found.pid, self.data) as process:
            return process.pid if process else None

    @property
    def account(self) -> Account:
        """The system user that the server runs as."""
        places = (self.data, self.sockets, self.binaries / "postgres", self.binaries / "initdb")
        return server_account([self.data, self.data.parent], places)

    def url(self, dbname: str = "postgres", user: str | None = None) -> str:
        """Return a libpq URI, with everything said that PG* variables would otherwise fill in.

        Arguments:
            dbname: the database.
            user: the role; default: the superuser.
        """
        found = self._postmaster()
        # The folder of a running server counts: ours may have been chosen anew since.
        sockets = found.sockets if found and found.sockets else self.sockets
        port = found.port if found and found.sockets else self.port
        host = quote(os.fsencode(sockets), safe="/")
        return (
            f"postgresql://{quote(user or self.superuser, safe='')}@/{quote(dbname, safe='')}"
            f"?host={host}&port={port}"
        )

    def initialise(self, options: Sequence[str] = ()) -> None:
        """Make the data folder, whole or not at all; does nothing where it is made already.

        Arguments:
            options: more options for initdb; later ones win.

        Raises:
            CannotConnect: initdb failed.
        """
        if self.initialised:
            return
        import tempfile  # slow to import, and not needed where the server runs

        self.data.parent.mkdir(parents=True, exist_ok=True)
        account = self.account
        unfinished = f"{self.data.name}.new-"
        for left in self.data.parent.glob(f"{unfinished}*"):
            end_processes(left)
            shutil.rmtree(left, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix=unfinished, dir=self.data.parent))
        try:
            account.take(made)
            self._initdb(account, made, options)
            made.rename(self.data)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it takes connections; does nothing where it does.

        What a server that was killed left behind is cleared away: its pid file, its socket, its
        remaining processes.

        Raises:
            CannotConnect: it does not start; the end of its log is the detail.
            Refused: the data are of another major version, or another's.
        """
        trim(self.log)
        if self.running:
            return
        self._check_data()
        found = self._postmaster()
        if found is not None:
            with Process.held(found.pid, self.data) as process:
                if process is not None and self._rejoin(process):
                    return
        self._clear_remains()
        self._launch()

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server and wait for its end; does nothing where it is stopped.

        Arguments:
            mode: as pg_ctl's: `smart` waits for the clients, `fast` disconnects them,
                `immediate` leaves recovery to the next start.

        Raises:
            CannotConnect: it does not stop, or is out of our reach.
        """
        found = self._postmaster()
        if found is None:
            return
        with Process.held(found.pid, self.data) as process:
            if process is not None:
                process.send(_STOP_SIGNALS[mode])
                if not process.wait(_PATIENCE):
                    raise CannotConnect(f"PostgreSQL, process {process.pid}, does not stop.")
                return
        if self.running:
            raise CannotConnect(
                f"The PostgreSQL of {self.data} runs, but not among the processes of this machine.",
                hint="Stop it where it was started: another container, or as another user.",
            )

    def kill(self) -> None:
        """Kill the postmaster with SIGKILL, as a crash would, and wait for its end."""
        found = self._postmaster()
        if found is None:
            return
        with Process.held(found.pid, self.data) as process:
            if process is not None:
                process.send(signal.SIGKILL)
                process.wait(_PATIENCE)

    def _postmaster(self) -> PostmasterFile | None:
        """Return what the pid file says, but for one that came with a copy of another's data.

        The socket it names could be that other server's. A postmaster that is not among the
        processes of this machine may still be ours: it may run in another container.
        """
        found = PostmasterFile.read(self.data)
        if found and found.data != self.data and not serves(found.pid, self.data):
            return None  # a folder that was moved, unlike a copied one, still has its postmaster
        return found

    def _initdb(self, account: Account, made: Path, options: Sequence[str]) -> None:
        # The collation of the platform's own C.UTF-8 is the same on every machine, and quick.
        provider = ["--locale-provider=builtin"] if self.version >= 17 else []
        command: list[str | Path] = [
            *(self.binaries / "initdb", "-D", made, "-U", self.superuser, "-E", "UTF8"),
            *("-A", "trust", "--no-instructions", *provider, "--locale=C.UTF-8", *options),
        ]
        process = account.run(command, _environment(), subprocess.STDOUT, folder=made)
        try:
            output, _ = process.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        if process.returncode != 0:
            raise CannotConnect(
                "PostgreSQL could not make its data folder.",
                detail=os.fsdecode(output).strip(),
            )

    def _check_data(self) -> None:
        try:
            owner = self.data.stat().st_uid
        except FileNotFoundError:
            raise CannotConnect(f"There are no PostgreSQL data in {self.data}.") from None
        if os.geteuid() not in (0, owner):
            raise Refused(
                f"The PostgreSQL data in {self.data} belong to another user.",
                hint="Run carecli as that user, or set CARECLI_HOME to a folder of your own.",
            )
        if self.data_version != self.version:
            raise Refused(
                f"The data in {self.data} are of PostgreSQL {self.data_version}; "
                f"the server in {self.binaries} is PostgreSQL {self.version}.",
                hint="Dump them with the old version, or move the folder away to begin anew.",
            )

    def _rejoin(self, process: Process) -> bool:
        """Wait for a postmaster on its way up, or down, or cut off; True where it serves."""
        limit = time.monotonic() + _PATIENCE
        while time.monotonic() < limit:
            found = self._postmaster()
            status = found.status if found else "stopping"
            if found and found.accepting:
                fault = self._connects(found)
                if fault is None:
                    return True
                if fault == errno.ENOENT:  # somebody removed its socket: nobody can reach it
                    status = "cut off"
                    process.send(signal.SIGINT)
            ended = process.wait(1 if status in ("stopping", "cut off") else 0.005)
            if ended:
                return False
        raise CannotConnect(
            f"PostgreSQL, process {process.pid}, neither starts nor stops.",
            detail=tail(self.log),
        )

    def _clear_remains(self) -> None:
        """Remove what a dead postmaster left, which would keep the next from starting.

        PostgreSQL trusts that a process with the number in the pid file is a postmaster, and
        waits for nobody: a backend that outlived it holds on to the shared memory.
        """
        end_processes(self.data)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (f".s.PGSQL.{self.port}", f".s.PGSQL.{self.port}.lock"):
            (self.sockets / name).unlink(missing_ok=True)

    def _launch(self) -> None:
        account = self.account
        self.sockets.mkdir(parents=True, exist_ok=True)
        account.take(self.sockets)
        self.sockets.chmod(0o700)
        settings = dict(_SETTINGS)
        # A list of quoted names: a comma or a quote in the path is a part of it.
        settings["unix_socket_directories"] = '"{}"'.format(str(self.sockets).replace('"', '""'))
        settings["port"] = str(self.port)
        settings.update(self.settings)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        # The shell leaves at once, so that the server is no child of a process that may forget
        # to wait for it, and tells its number, so that its end can be noticed.
        detach = ("/bin/sh", "-c", '"$@" >&2 & echo $!', "sh")
        with self.log.open("ab") as log:
            os.fchmod(log.fileno(), 0o600)
            account.take(self.log)
            began = log.tell()
            postgres = self.binaries / "postgres"
            command = [*detach, os.fspath(postgres), "-D", os.fspath(self.data), *options]
            with account.run(command, _environment(), log) as shell:
                pid = int(shell.communicate()[0])
        self._await_ready(pid, began)

    def _await_ready(self, pid: int, began: int) -> None:
        try:
            # Not Process.held(): it does not serve the data before it has gone to its folder.
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            raise self._not_started(began) from None
        process = Process(pid, descriptor)
        limit = time.monotonic() + _PATIENCE
        try:
            while not self.running:
                if process.wait(0.005) or time.monotonic() > limit:
                    raise self._not_started(began)
        except BaseException:
            process.send(signal.SIGINT)
            process.wait(_PATIENCE)
            raise
        finally:
            os.close(descriptor)

    def _not_started(self, began: int) -> CannotConnect:
        return CannotConnect(
            f"PostgreSQL did not start in {self.data}.",
            detail=tail(self.log, began) or None,
            hint=f"The whole log is {self.log}.",
        )

    def _connects(self, found: PostmasterFile) -> int | None:
        """Try the socket; return None where a server answers, else the error number."""
        path = os.fsencode((found.sockets or self.sockets) / f".s.PGSQL.{found.port}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            try:
                client.connect(path)
                # To connect alone proves nothing: a child that outlived its postmaster can hold
                # the listening socket open, where nobody will ever accept.
                client.sendall(_SSL_REQUEST)
                return None if client.recv(1) else errno.ECONNRESET
            except OSError as error:
                return error.errno or errno.ETIMEDOUT


def _environment() -> dict[str, str]:
    """Return the server's environment: no PG* variables, none of the user's secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
