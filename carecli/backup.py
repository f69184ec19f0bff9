"""A dump of the database, taken before it is migrated."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from carecli.database import client_program
from carecli.errors import CarecliError, InvalidUsage

__all__ = ["dump"]


def dump(conninfo: str, directory: Path, *, server_version: int = 0) -> Path:
    """Dump a database with pg_dump in its custom format, for `pg_restore`.

    The file can be read by its owner alone, whatever the umask.

    Arguments:
        conninfo: libpq connection string; its password reaches pg_dump by the environment, so
            that no list of processes shows it.
        directory: made where it is missing.
        server_version: major version of the server.

    Returns the file, named after the database and the time in UTC.

    Raises:
        CarecliError: pg_dump failed; no file is left.
        InvalidUsage: there is no pg_dump.
    """
    program = client_program("pg_dump", server_version=server_version)
    if program is None:
        raise InvalidUsage(
            "--backup needs pg_dump, which is not installed",
            hint="Install PostgreSQL's client programs in the version of the server, or later.",
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CarecliError(
            f"the backup failed, so nothing was migrated: cannot make {directory}: {error.strerror}"
        ) from None
    parts = conninfo_to_dict(conninfo)
    environment = dict(os.environ)
    password = parts.pop("password", None)
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    file = directory / f"{_label(parts.get('dbname'))}-{_now()}.dump"
    partial = file.with_suffix(".partial")
    try:
        done = subprocess.run(
            [
                str(program),
                "--format=custom",
                f"--file={partial}",
                "--dbname",
                make_conninfo("", **parts),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            umask=0o077,
        )
        if done.returncode != 0:
            raise CarecliError(
                "the backup failed, so nothing was migrated",
                detail=done.stderr.strip(),
                hint="pg_dump has to be as new as the server, and may read every table.",
            )
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    return file


def _label(name: object) -> str:
    """Return the database's name with nothing in it that a file name does not take."""
    return re.sub(r"[^\w.-]", "_", str(name or "database"))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
