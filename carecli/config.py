"""sqitch.conf: its values, the files they come from, and who the user is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from carecli.errors import InvalidUsage
from carecli.gitconfig import Setting, parse_settings

__all__ = ["Config", "Identity", "identity"]

_FILE_NAME = "sqitch.conf"
_MAXIMUM_INCLUDES = 10


class Identity(NamedTuple):
    """Who plans and deploys.

    Arguments:
        name: full name.
        email: address.
    """

    name: str
    email: str


class Config:
    """Values of sqitch.conf, where a later file wins over the earlier ones.

    Arguments:
        settings: every setting in the order in which it was read.
        path: the project's own file, or None where there is none.
    """

    def __init__(self, settings: list[Setting], path: Path | None = None) -> None:
        self.path = path
        self._settings: dict[str, list[Setting]] = {}
        for setting in settings:
            known = self._settings.setdefault(setting.key, [])
            if known and known[-1].path != setting.path:
                known.clear()
            known.append(setting)

    @classmethod
    def load(cls, directory: Path, environment: Mapping[str, str] = os.environ) -> Config:
        """Read the system's, the user's and the project's file, as sqitch finds them.

        Arguments:
            directory: folder of the project; its parents are searched too.
            environment: for SQITCH_CONFIG, SQITCH_USER_CONFIG and SQITCH_SYSTEM_CONFIG.

        Raises:
            SourceError: a file is not in the syntax of git-config.
            InvalidUsage: a file cannot be read.
        """
        system = environment.get("SQITCH_SYSTEM_CONFIG") or f"/etc/sqitch/{_FILE_NAME}"
        user = environment.get("SQITCH_USER_CONFIG")
        local = _local_file(directory, environment.get("SQITCH_CONFIG") or _FILE_NAME)
        settings: list[Setting] = []
        for path in (
            directory / system,
            directory / user if user else _home(environment) / ".sqitch" / _FILE_NAME,
            local,
        ):
            if path is not None and path.is_file():
                settings += _read(path)
        return cls(settings, local)

    def get(self, key: str, default: str | None = None) -> str | None:
        """Return the value of a setting, or the default where it is absent or has no value.

        Arguments:
            key: such as `core.plan_file` or `target.production.uri`; section and name are
                matched without case, the part between them with it.
            default: what to return where there is nothing.

        Raises:
            InvalidUsage: one file sets it more than once.
        """
        found = self._settings.get(_canonical_key(key), [])
        if len(found) > 1:
            lines = ", ".join(str(setting.line) for setting in found)
            raise InvalidUsage(
                f"{found[0].path} sets {key} more than once",
                detail=f"lines {lines}",
                hint="keep one of them",
            )
        return (found[0].value if found else None) or default

    def section(self, name: str) -> dict[str, str]:
        """Return the settings of a section by name, in the case in which they are written.

        Arguments:
            name: such as `deploy.variables` or `target.production.variables`.
        """
        head, _, rest = name.partition(".")
        prefix = f"{head.lower()}.{rest}." if rest else f"{head.lower()}."
        return {
            found[0].name: found[-1].value or ""
            for key, found in self._settings.items()
            if key.startswith(prefix) and "." not in key[len(prefix) :]
        }

    def __iter__(self) -> Iterator[str]:
        """Return the key of each setting, in the order in which they were read."""
        return iter(self._settings)


def identity(config: Config, environment: Mapping[str, str] = os.environ) -> Identity:
    """Return who the user is, found where sqitch looks: environment, configuration, system.

    Arguments:
        config: for user.name and user.email.
        environment: for SQITCH_FULLNAME, SQITCH_EMAIL and their SQITCH_ORIG_ twins.

    Raises:
        InvalidUsage: nothing says who it is, or the name would not fit into a plan.
    """
    system_user = environment.get("SQITCH_ORIG_SYSUSER") or _system_user(environment)
    name = (
        environment.get("SQITCH_FULLNAME")
        or config.get("user.name")
        or environment.get("SQITCH_ORIG_FULLNAME")
        or _full_name(system_user)
    )
    email = (
        environment.get("SQITCH_EMAIL")
        or config.get("user.email")
        or environment.get("SQITCH_ORIG_EMAIL")
        or _email(system_user)
    )
    if not name or not email:
        missing = "name" if not name else "e-mail address"
        raise InvalidUsage(
            f"cannot find out your {missing}",
            hint="set SQITCH_FULLNAME and SQITCH_EMAIL, or [user] name and email in sqitch.conf",
        )
    if name.startswith("[") or "<" in name:
        raise InvalidUsage(
            f"the user name {name!r} does not fit into a plan",
            hint='it must not begin with "[" nor contain "<": set SQITCH_FULLNAME',
        )
    if ">" in email:
        raise InvalidUsage(
            f"the user e-mail {email!r} does not fit into a plan",
            hint='it must not contain ">": set SQITCH_EMAIL',
        )
    return Identity(name, email)


def _system_user(environment: Mapping[str, str]) -> str | None:
    import pwd

    try:
        return os.getlogin()
    except OSError:
        pass
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        names = (environment.get(key) for key in ("LOGNAME", "USER", "USERNAME"))
        return next(filter(None, names), None)


def _full_name(system_user: str | None) -> str | None:
    import pwd

    if system_user is None:
        return None
    try:
        full_name = pwd.getpwnam(system_user).pw_gecos.partition(",")[0]
    except KeyError:
        return system_user
    return full_name or system_user


def _email(system_user: str | None) -> str | None:
    import socket

    return f"{system_user}@{socket.gethostname()}" if system_user else None


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or "~").expanduser()


def _local_file(directory: Path, name: str) -> Path | None:
    """Return the project's file: in the directory, or in the nearest parent that has one."""
    start = directory.resolve()
    for folder in (directory, *start.parents):
        if (folder / name).is_file():
            return folder / name
    return None


def _canonical_key(key: str) -> str:
    section, _, name = key.rpartition(".")
    head, separator, rest = section.partition(".")
    return f"{head.lower()}{separator}{rest}.{name.lower()}"


def _read(path: Path, depth: int = 0) -> list[Setting]:
    """Return the settings of a file, and of the files that it includes where it does."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidUsage(f"cannot read {path}: {error}") from None
    settings: list[Setting] = []
    for setting in parse_settings(text, path):
        settings.append(setting)
        if setting.key != "include.path" or not setting.value:
            continue
        if depth >= _MAXIMUM_INCLUDES:
            raise InvalidUsage(f"{path} includes files more than {_MAXIMUM_INCLUDES} deep")
        included = path.parent / Path(setting.value).expanduser()
        if included.is_file():
            settings += _read(included, depth + 1)
    return settings
