"""The system user that a server runs as, since PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from carecli.errors import CannotConnect

__all__ = ["Account", "server_account"]

_DAC_OVERRIDE = 1  # the bits of linux/capability.h
_DAC_READ_SEARCH = 2

# `postgres` is there for this very purpose. `nobody` exists everywhere and owns nothing; what
# keeps its other processes out of the server is that the data's parent folder is root's.
# Creating a user is the administrator's business.
_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A system user, and the capability without which it would not reach its files.

    Arguments:
        uid: user id that the server runs as.
        gid: its primary group id.
        capability: name of the Linux capability that the server keeps, or None.
    """

    uid: int
    gid: int
    capability: str | None = None

    @property
    def name(self) -> str:
        """The user's name, or its number where it has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    def run(
        self,
        arguments: Sequence[str | Path],
        environment: Mapping[str, str],
        log: IO[bytes] | int,
        *,
        folder: Path = Path("/"),
    ) -> subprocess.Popen[bytes]:
        """Start a program as this user, out of reach of the terminal, and return its process.

        It gets a session of its own, so that Ctrl-C in the terminal does not end it, nothing to
        read, and a pipe for what it prints.

        Arguments:
            arguments: the program, by its whole path, and its arguments.
            environment: all of its environment.
            log: where its stderr goes.
            folder: its working directory; the caller's own may be closed to the user.
        """
        command = [os.fspath(argument) for argument in arguments]
        if self.capability:
            command = [*self._keeping(self.capability), *command]
        elsewhere = self.uid != os.geteuid() and not self.capability
        try:
            return subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                user=self.uid if elsewhere else None,
                group=self.gid if elsewhere else None,
                extra_groups=[] if elsewhere else None,
            )
        except OSError as error:
            raise CannotConnect(
                f"{command[0]} could not be run as user {self.name}: {error.strerror}.",
                hint="Name a database with --database-url, or run carecli as an ordinary user.",
            ) from error

    def _keeping(self, capability: str) -> list[str]:
        """Return how setpriv becomes this user, keeps the capability, and can get no other.

        PostgreSQL looks at its own programs with access(2), which puts the capabilities of a
        user other than root aside unless the thread has `no_setuid_fixup` (capabilities(7)).
        """
        identity = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        kept = f"-all,+{capability}"
        capabilities = [f"--inh-caps={kept}", f"--ambient-caps={kept}", f"--bounding-set={kept}"]
        return [
            *(_setpriv(), *identity, *capabilities),
            *("--securebits=+no_setuid_fixup", "--no-new-privs"),
        ]

    def take(self, path: Path) -> None:
        """Make the user the owner of a file or folder of ours."""
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid)


def server_account(owners: Iterable[Path], reached: Iterable[Path]) -> Account:
    """Choose the user for a server, and the capability it needs.

    An ordinary user runs the server itself. Root runs it as the user who owns the first of
    `owners` that exists and is not root's, else as an unprivileged system user.

    That user may be unable to enter a folder above the data or the binaries: `/root`, a fresh
    `mktemp -d`. Such folders are not ours to open to the world. Instead the server then keeps
    one of root's capabilities, to pass and to read where permissions would stop it. So that
    this lends root's eyes to nobody else, the caller has to see that only root can reach the
    data and the sockets, which is so where the closed folder is above them.

    Arguments:
        owners: files whose owner is to run the server.
        reached: absolute paths, without symbolic links, that the server has to get to.

    Raises:
        CannotConnect: there is no such user, or no such capability.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    account = _owner(owners) or _unprivileged()
    closed = [path for path in reached if not _can_reach(account, path)]
    if not closed:
        return account
    # Reading is enough but where a program itself is closed (a venv made under umask 077).
    may_not_run = any(path.is_file() and not _allows(account, path, 0o1) for path in closed)
    return Account(account.uid, account.gid, _capability(account, closed[0], may_not_run))


def _owner(paths: Iterable[Path]) -> Account | None:
    for path in paths:
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        if found.st_uid != 0:
            return Account(found.st_uid, found.st_gid)
    return None


def _unprivileged() -> Account:
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise CannotConnect(
        "PostgreSQL does not run as root, and there is no system user to run it as.",
        detail=f"None of these exists: {', '.join(_UNPRIVILEGED)}.",
        hint="Run carecli as an ordinary user, or name a database with --database-url.",
    )


def _can_reach(account: Account, path: Path) -> bool:
    """Say whether the user may come to the path and use it: run a program, enter a folder."""
    if not all(_allows(account, folder, 0o1) for folder in path.parents):
        return False
    return _allows(account, path, 0o5 if path.is_file() else 0o1)


def _allows(account: Account, path: Path, permission: int) -> bool:
    """Say whether the mode of a path gives the user all bits of `permission` (0 to 7)."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return True  # ours to make
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid == account.uid:
        mode >>= 6
    elif found.st_gid == account.gid:
        mode >>= 3
    return mode & permission == permission


def _capability(account: Account, closed: Path, may_not_run: bool) -> str:
    held = _held_capabilities()
    if held >> _DAC_READ_SEARCH & 1 and not may_not_run:
        return "dac_read_search"
    if held >> _DAC_OVERRIDE & 1:  # containers keep this one more often
        return "dac_override"
    raise CannotConnect(
        f"The system user {account.name}, which has to run PostgreSQL, cannot enter {closed}.",
        detail="Root lacks the capabilities here that would let it pass.",
        hint="Set CARECLI_HOME to a folder that it can enter, and install carecli in another.",
    )


def _held_capabilities() -> int:
    """Return the bit set of the capabilities that this process may pass on."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0


def _setpriv() -> str:
    found = shutil.which("setpriv")
    if found is None:
        raise CannotConnect(
            "The program setpriv (of util-linux), which starts PostgreSQL as another user than "
            "root, is not on PATH.",
            hint="Install util-linux, run carecli as an ordinary user, or name a database with "
            "--database-url.",
        )
    return found
