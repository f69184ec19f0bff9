"""Which database, and a connection to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from carecli.errors import CannotConnect, InvalidUsage

if TYPE_CHECKING:
    from carecli.project import Project
    from carecli.settings import Settings

__all__ = [
    "Choice",
    "announce",
    "choose",
    "client_program",
    "connect",
    "libpq_conninfo",
    "open_database",
    "redact",
]

# libpq's own variables that name a place; PGPASSWORD or PGSSLMODE alone name none.
_LIBPQ_PLACES = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE", "PGPORT", "PGUSER")
_SQITCH_SCHEMES = ("db:pg:", "db:postgres:", "db:postgresql:", "pg:")
_CONNECT_SECONDS = 10
_SECRETS = ("password", "sslpassword", "sslkey", "passfile", "oauth_client_secret")


class Choice(NamedTuple):
    """A database and why it was chosen.

    Arguments:
        conninfo: libpq connection string; may hold a password.
        source: what named it, for a person: `--database-url`, `DATABASE_URL`, ...
        embedded: whether it is carecli's own server.
    """

    conninfo: str
    source: str
    embedded: bool = False

    def __str__(self) -> str:
        return f"{redact(self.conninfo)} ({self.source})"


def libpq_conninfo(text: str, *, source: str) -> str:
    """Return the libpq connection string for what a user wrote.

    Arguments:
        text: `postgresql://` URI, sqitch's `db:pg:` URI (the URI::db scheme), or a conninfo.
        source: where it was written, for the error.

    Raises:
        InvalidUsage: it is none of these, or names another engine.
    """
    conninfo = text.strip()
    for scheme in _SQITCH_SCHEMES:
        if conninfo.lower().startswith(scheme):
            rest = conninfo[len(scheme) :]
            conninfo = f"postgresql:{rest}" if rest.startswith("//") else f"postgresql:///{rest}"
            break
    else:
        if conninfo.lower().startswith("db:"):
            engine = conninfo.split(":")[1]
            raise InvalidUsage(
                f"{source} names the engine {engine!r}; carecli works with PostgreSQL",
                hint="Write db:pg://user@host/name or postgresql://user@host/name.",
            )
    try:
        conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError as error:
        raise InvalidUsage(
            f"{source} is not a connection string: {_without(conninfo, str(error).strip())}",
            hint="Write postgresql://user@host:5432/name, db:pg://user@host/name "
            "or host=... dbname=...",
        ) from None
    return conninfo


def _without(secret: str, message: str) -> str:
    # libpq quotes the faulty string, which may hold a password.
    return message.replace(secret, "...").split('"')[0].strip(" :") or "it cannot be parsed"


def redact(conninfo: str) -> str:
    """Return the connection string as a URI-like label without any secret.

    Arguments:
        conninfo: libpq connection string.
    """
    parts = {
        key: str(value)
        for key, value in conninfo_to_dict(conninfo).items()
        if value is not None and key not in _SECRETS
    }
    user, host = parts.pop("user", ""), parts.pop("host", "")
    port, name = parts.pop("port", ""), parts.pop("dbname", "")
    parts.pop("options", None)
    place = f"{host}:{port}" if port else host
    if host.startswith("/"):
        # The name of a socket is no name that a URI may begin with.
        place, parts = "", {**parts, "host": host, **({"port": port} if port else {})}
    label = f"postgresql://{user + '@' if user else ''}{place}/{name}"
    if parts:
        label += "?" + "&".join(f"{key}={value}" for key, value in sorted(parts.items()))
    return label


def choose(settings: Settings, project: Project | None = None) -> Choice:
    """Return the database that the command line, the environment or the project names.

    The order is that of the CLI contract; a project's own default target comes last, before
    the embedded server.

    Arguments:
        settings: what the command line said.
        project: the sqitch project, for `--target` and its default target.

    Raises:
        InvalidUsage: nothing names a database and the embedded server is not wanted.
    """
    named = _named(settings, project)
    if named is not None:
        return named
    if settings.embedded is None:
        _refuse_silent_default(os.environ)
    if settings.embedded is False:
        raise InvalidUsage("no database is named and --no-embedded was given", hint=_HOW_TO_NAME)
    from carecli.embedded import embedded_url

    return Choice(
        embedded_url(say=_say if settings.verbosity >= 0 else None),
        "embedded PostgreSQL",
        embedded=True,
    )


def _say(message: str) -> None:
    print(message, file=sys.stderr)


_HOW_TO_NAME = (
    "Name it with --database-url postgresql://user@host/name, --target NAME, "
    "CARECLI_DATABASE_URL, DATABASE_URL or PGHOST; or ask for the embedded server: --embedded."
)


def _nothing_named(source: str) -> InvalidUsage:
    # An empty variable is a mistake of a script: it must not lead to some other database.
    return InvalidUsage(f"{source} is there but empty, so it names no database", hint=_HOW_TO_NAME)


def _named(settings: Settings, project: Project | None) -> Choice | None:
    if settings.database_url is not None and not settings.database_url.strip():
        raise _nothing_named("--database-url")
    if settings.database_url and settings.target:
        raise InvalidUsage(
            "--database-url and --target both name a database", hint="Give one of them."
        )
    if settings.embedded and (settings.database_url or settings.target):
        raise InvalidUsage(
            "--embedded and another database are both asked for", hint="Give one of them."
        )
    if settings.embedded:
        return None
    if settings.database_url:
        source = "--database-url"
        return Choice(libpq_conninfo(settings.database_url, source=source), source)
    if settings.target:
        uri = project.target_uri if project is not None else None
        if not uri:
            raise InvalidUsage(
                f"the target {settings.target!r} names no database",
                hint="Add its uri to sqitch.conf: "
                f'[target "{settings.target}"] uri = db:pg://user@host/name',
            )
        source = f"target {settings.target}"
        return Choice(libpq_conninfo(uri, source=source), source)
    environment = _environment(settings)
    for variable in ("CARECLI_DATABASE_URL", "DATABASE_URL"):
        if variable in environment:
            if not environment[variable].strip():
                raise _nothing_named(variable)
            return Choice(libpq_conninfo(environment[variable], source=variable), variable)
    for variable in _LIBPQ_PLACES:
        if environment.get(variable):
            parts = {
                "host": environment.get("PGHOST"),
                "port": environment.get("PGPORT"),
                "dbname": environment.get("PGDATABASE"),
                "user": environment.get("PGUSER"),
            }
            shown = {key: value for key, value in parts.items() if value}
            return Choice(make_conninfo("", **shown), variable)
    if project is not None and project.target_uri:
        return Choice(
            libpq_conninfo(project.target_uri, source="sqitch.conf"), "sqitch.conf's default target"
        )
    return None


def _environment(settings: Settings) -> Mapping[str, str]:
    """Return the process's environment over the file that `--env-file` names."""
    if settings.env_file is None:
        return os.environ
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    try:
        text = settings.env_file.read_text(encoding="utf-8")
        for line in parse_stream(StringIO(text)):
            if line.error:
                raise InvalidUsage(
                    f"{settings.env_file}:{line.original.line}: this is no setting",
                    detail=line.original.string.strip(),
                    hint="Write NAME=value.",
                )
        values = dotenv_values(stream=StringIO(text))
    except (OSError, UnicodeError) as error:
        raise InvalidUsage(
            f"cannot read {settings.env_file}: {error}", hint="Write NAME=value lines, as UTF-8."
        ) from None
    found = {key: value for key, value in values.items() if value and "\0" not in value}
    # libpq reads its variables itself, so they must be where it looks.
    for key, value in found.items():
        if key.startswith("PG"):
            os.environ.setdefault(key, value)
    return {**found, **os.environ}


def _refuse_silent_default(environment: Mapping[str, str]) -> None:
    ci = environment.get("CI", "").lower() not in ("", "0", "false")
    if ci or environment.get("CARECLI_ENV") == "production":
        why = "CI is set" if ci else "CARECLI_ENV is production"
        raise InvalidUsage(
            f"no database is named, and {why}, so the embedded one is not taken by default",
            hint=_HOW_TO_NAME,
        )


def connect(
    conninfo: str, *, application_name: str = "carecli", autocommit: bool = True
) -> psycopg.Connection:
    """Return an open connection.

    Arguments:
        conninfo: libpq connection string.
        application_name: shown in `pg_stat_activity`.
        autocommit: as in psycopg.

    Raises:
        CannotConnect: with the server's words and without the password.
    """
    parameters = conninfo_to_dict(conninfo)
    if "PGCONNECT_TIMEOUT" not in os.environ:
        parameters.setdefault("connect_timeout", _CONNECT_SECONDS)
    parameters["application_name"] = application_name
    # What a server sends is decoded here, whatever PGCLIENTENCODING says.
    parameters["client_encoding"] = "UTF8"
    try:
        connection = psycopg.connect(
            make_conninfo("", **parameters), autocommit=autocommit, prepare_threshold=None
        )
    # UnicodeError: a host name that no name server could be asked for.
    except (psycopg.Error, UnicodeError) as error:
        words = str(error).strip()
        for secret in _SECRETS:
            if value := str(parameters.get(secret) or ""):
                words = words.replace(value, "***")
        raise CannotConnect(
            f"cannot connect to {redact(conninfo)}",
            detail=words,
            hint="Is the server running there, and does it let this user in? "
            "`carecli db status` tells about the embedded one.",
        ) from None
    return connection


@contextmanager
def open_database(
    settings: Settings, project: Project | None = None, *, application_name: str = "carecli"
) -> Iterator[psycopg.Connection]:
    """Connect to the chosen database for the length of a `with` block, saying which on stderr.

    Arguments:
        settings: what the command line said.
        project: the sqitch project, for its targets.
        application_name: shown in `pg_stat_activity`.

    Raises:
        CannotConnect: no connection, or it was lost on the way.
        InvalidUsage: no database is named.
    """
    choice = choose(settings, project)
    announce(settings, choice)
    connection = connect(choice.conninfo, application_name=application_name)
    try:
        yield connection
    except psycopg.OperationalError as error:
        if not connection.broken:
            raise
        raise CannotConnect(
            f"the connection to {redact(choice.conninfo)} was lost", detail=str(error).strip()
        ) from None
    finally:
        connection.close()


def announce(settings: Settings, choice: Choice) -> None:
    """Say on stderr which database is worked on, unless asked to be quiet."""
    if settings.verbosity >= 0:
        print(f"Database: {choice}", file=sys.stderr)


def client_program(name: str, *, server_version: int = 0) -> Path | None:
    """Return the path of a PostgreSQL client program: from PATH, else from the embedded wheel.

    Arguments:
        name: `pg_dump`, `psql`, ...
        server_version: major version that the program has to be as new as, if there is one that is.
    """
    import shutil

    found = shutil.which(name)
    if found and _program_version(found) >= server_version:
        return Path(found)
    from carecli.embedded.default import wheel_binaries

    try:
        bundled = wheel_binaries() / name
    except CannotConnect:
        bundled = None
    if bundled is not None and bundled.exists():
        return bundled
    return Path(found) if found else None


def _program_version(path: str) -> int:
    import re
    import subprocess

    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0
