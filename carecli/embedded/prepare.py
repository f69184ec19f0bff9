"""The database of an embedded server: made, and given the look of Supabase and the V1 schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from carecli.errors import CannotConnect, CarecliError, SourceError
from carecli.resources import data_directory

__all__ = ["apply_folder", "drop_database", "prepare_database"]

# On Supabase too, the owner of the database is no superuser.
_CREATE_OWNER = "create role {} login createdb createrole bypassrls replication"


def prepare_database(
    url: Callable[[str], str], database: str, owner: str, *, sample: bool = False
) -> None:
    """Make role and database where they are missing, and apply `sql/platform` to it once.

    Each step is whole or not done at all, so that one that was cut short is finished by the next
    call. A database with a schema `auth` is left as it is.

    Arguments:
        url: gives the superuser's URL for a database of the cluster.
        database: name of the database.
        owner: name of the role that owns it.
        sample: apply `sql/sample` too.

    Raises:
        CannotConnect: the server is lost.
        CarecliError: the role or the database cannot be made.
        SourceError: a file of `sql/platform` or `sql/sample` fails, and where.
    """
    with _session(url("postgres")) as connection:
        if not _exists(connection, "select from pg_roles where rolname = %s", owner):
            connection.execute(sql.SQL(_CREATE_OWNER).format(sql.Identifier(owner)))
        if not _exists(connection, "select from pg_database where datname = %s", database):
            create = sql.SQL("create database {} owner {}")
            connection.execute(create.format(sql.Identifier(database), sql.Identifier(owner)))
    with _session(url(database)) as connection, connection.transaction():
        if not _exists(connection, "select from pg_namespace where nspname = %s", "auth"):
            apply_folder(connection, data_directory("sql") / "platform")
        if sample:
            apply_folder(connection, data_directory("sql") / "sample")


def drop_database(url: str, database: str) -> None:
    """Drop a database, if it is there, ending the sessions in it.

    Arguments:
        url: the superuser's URL for another database of the cluster.
        database: name of the database.

    Raises:
        CannotConnect: the server is lost.
        CarecliError: something in it cannot be dropped, such as an active replication slot.
    """
    with _session(url) as connection:
        drop = sql.SQL("drop database if exists {} with (force)")
        connection.execute(drop.format(sql.Identifier(database)))


def apply_folder(connection: psycopg.Connection, folder: Path) -> None:
    """Run every SQL file of a folder, in the order of their names.

    Arguments:
        connection: of a superuser; the caller has opened a transaction.
        folder: folder with files of plain SQL.

    Raises:
        SourceError: a file fails, with the place.
    """
    for path in sorted(folder.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        try:
            connection.execute(text.encode())
        except psycopg.Error as error:
            raise _located(error, path, text) from error


def _located(error: psycopg.Error, path: Path, text: str) -> SourceError:
    before = text[: max(int(error.diag.statement_position or 1) - 1, 0)]
    line = before.count("\n") + 1
    return SourceError(
        error.diag.message_primary or str(error),
        path=path,
        line=line,
        column=len(before) - (before.rfind("\n") + 1) + 1,
        source_line=text.split("\n")[line - 1],
        hint=error.diag.message_hint,
    )


@contextmanager
def _session(url: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise CannotConnect(f"The embedded PostgreSQL does not answer: {error}") from error
    except psycopg.Error as error:
        raise CarecliError(
            f"The embedded database could not be made: {error.diag.message_primary or error}",
            detail=error.diag.message_detail,
            hint=error.diag.message_hint,
        ) from error


def _exists(connection: psycopg.Connection, query: str, name: str) -> bool:
    return connection.execute(query.encode(), [name]).fetchone() is not None
