"""The processes of a server, told apart from strangers that were given their numbers."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PostmasterFile", "Process", "end_processes", "find_processes", "serves"]


_PROGRAMS = ("postgres", "initdb")
_PATIENCE = 120.0  # seconds until a process that was killed has ended


@dataclass(frozen=True, slots=True)
class PostmasterFile:
    """What a postmaster writes into `postmaster.pid` (src/include/utils/pidfile.h).

    Arguments:
        pid: its process, as it was numbered when it started.
        data: its data folder, as it was named then.
        sockets: folder of its socket, where it has got that far.
        port: number in the socket's name.
        status: `starting`, `stopping`, `ready` or `standby`; empty before the first.
    """

    pid: int
    data: Path
    sockets: Path | None
    port: int
    status: str

    @classmethod
    def read(cls, data: Path) -> PostmasterFile | None:
        """Return the file's contents, or None where there is none or it holds no number.

        Arguments:
            data: the data folder.
        """
        try:
            lines = os.fsdecode((data / "postmaster.pid").read_bytes()).split("\n")
            # A standalone backend, such as initdb's, writes its number as a negative one.
            pid = abs(int(lines[0]))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        lines += [""] * (8 - len(lines))
        port = int(lines[3]) if lines[3].isdigit() else 5432
        sockets = Path(lines[4]) if lines[4] else None
        return cls(pid, Path(lines[1]), sockets, port, lines[7].strip())

    @property
    def accepting(self) -> bool:
        """Whether the postmaster said that it takes connections."""
        return self.status in ("ready", "standby")


@dataclass(frozen=True, slots=True)
class Process:
    """A running process of a server, held by a descriptor that no other can be given.

    Arguments:
        pid: its number.
        descriptor: its pidfd.
    """

    pid: int
    descriptor: int

    @classmethod
    @contextmanager
    def held(cls, pid: int, data: Path) -> Iterator[Process | None]:
        """Hold the process of that number; None where it does not serve that data folder.

        Arguments:
            pid: number to look at; it may be a stranger's by now.
            data: the data folder: where every process of its server has its working directory.
        """
        try:
            descriptor = os.pidfd_open(pid)
        except (ProcessLookupError, OSError):
            yield None
            return
        try:
            # Looked at after it is held, so that it cannot have become another's in between.
            yield cls(pid, descriptor) if serves(pid, data) else None
        finally:
            os.close(descriptor)

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; False where it has not in that time."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        ended = bool(poll.poll(seconds * 1000))
        if ended:
            with suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
        return ended

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, number)


def find_processes(data: Path) -> list[int]:
    """Return the numbers of all processes that serve a data folder.

    Arguments:
        data: the data folder, without symbolic links.
    """
    names = (entry.name for entry in Path("/proc").iterdir())
    return [int(name) for name in names if name.isdigit() and serves(int(name), data)]


def end_processes(data: Path) -> None:
    """Kill all that is at work on a data folder, with SIGKILL: crash recovery follows.

    Arguments:
        data: the data folder, without symbolic links.
    """
    for pid in find_processes(data):
        with Process.held(pid, data) as process:
            if process is not None:
                process.send(signal.SIGKILL)
                process.wait(_PATIENCE)


def serves(pid: int, data: Path) -> bool:
    """Say whether the process of that number is a server's, at work on that data folder.

    Arguments:
        pid: the number.
        data: the data folder, without symbolic links.
    """
    try:
        folder = Path(f"/proc/{pid}/cwd").readlink()
        program = Path(f"/proc/{pid}/exe").readlink()
    except OSError:  # it has ended, or is another user's
        return False
    # Linux marks what has since been replaced or removed, such as the binaries after an upgrade.
    names = (data, Path(f"{data} (deleted)"))
    return folder in names and program.name.removesuffix(" (deleted)") in _PROGRAMS
