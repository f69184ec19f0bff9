"""What a plan finds before it is deployed: made in a scratch server as the database has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, get_args

import psycopg
from psycopg import sql

from carecli.embedded import Server
from carecli.embedded.prepare import apply_folder
from carecli.errors import CarecliError
from carecli.resources import data_directory, read_sql
from carecli.verification.drift.catalogue import Catalogue, Entry, read_catalogue

__all__ = ["SURROUNDINGS", "Surroundings", "make_database", "make_roles"]

Surroundings = Literal["application", "platform", "none"]
"""The application's tables and the platform, the platform alone, or a plain database."""

SURROUNDINGS: tuple[Surroundings, ...] = get_args(Surroundings)

_Columns = dict[tuple[str, str], tuple[str, str | None]]


def make_roles(server: Server, live: psycopg.Connection) -> None:
    """Give a scratch server the roles of the cluster that a database is in.

    Arguments:
        server: running, and nobody else's.
        live: connection to that database.
    """
    rows = live.execute(read_sql("queries/scratch_roles").encode()).fetchall()
    with _superuser(server, "postgres") as connection:
        known = {name for (name,) in connection.execute("select rolname from pg_roles")}
        creations = [creation for name, creation, _ in rows if name not in known]
        memberships = [grants for _, _, grants in rows if grants]
        _run(connection, *creations, *memberships)


def make_database(
    server: Server,
    name: str,
    owner: str,
    actual: Catalogue,
    live: psycopg.Connection,
    *,
    surroundings: Surroundings,
) -> None:
    """Make a database in which a plan finds what it would find in the live one.

    It gets `sql/platform`, with the tables, columns, types, publications and default privileges
    that the live one has instead.

    Arguments:
        server: running, with the roles of the live one's cluster.
        name: of the database; one of that name is dropped.
        owner: role that owns it.
        actual: all objects of the live database.
        live: connection to it, in autocommit mode.
        surroundings: how much of that there is.
    """
    # Not from `postgres`, which is the name of every database on Supabase.
    with _superuser(server, "template1") as connection:
        _run(connection, _composed("drop database if exists {} with (force)", name))
        _run(connection, _composed("create database {} owner {} template template0", name, owner))
    if surroundings == "none":
        return
    with _superuser(server, name) as connection:
        with connection.transaction():
            apply_folder(connection, data_directory("sql") / "platform")
        wanted = {
            place: item
            for place, item in _columns(live).items()
            if surroundings == "application" or not place[0].startswith("public.")
        }
        # One after the other: what is to be done next is seen from what was done.
        for statement in _reshaping(connection, _columns(connection), wanted):
            _run(connection, statement)
        _run(connection, *_resetting(read_catalogue(connection), actual))


def _superuser(server: Server, name: str) -> psycopg.Connection:
    return psycopg.connect(server.url(name), autocommit=True, prepare_threshold=None)


def _run(connection: psycopg.Connection, *statements: str) -> None:
    try:
        if statements:
            connection.execute("\n".join(statements).encode())
    except psycopg.Error as error:
        raise CarecliError(f"a scratch database cannot be made: {error}") from error


def _composed(statement: str, *names: str) -> str:
    return sql.SQL(statement).format(*map(sql.Identifier, names)).as_string()


def _columns(connection: psycopg.Connection) -> _Columns:
    """Return the type of each column, and how an enum is made."""
    with connection.transaction():
        connection.execute(read_sql("queries/catalogue_session").encode())
        rows = connection.execute(read_sql("queries/scratch_columns").encode()).fetchall()
    return {(table, column): (kind, making) for table, column, kind, making in rows}


def _loosening(connection: psycopg.Connection) -> list[str]:
    """Return what frees the columns of tables from all that rests on their types."""
    with connection.transaction():
        connection.execute(read_sql("queries/catalogue_session").encode())
        rows = connection.execute(read_sql("queries/scratch_loosening").encode()).fetchall()
    return [statement for (statement,) in rows]


def _reshaping(
    connection: psycopg.Connection, present: _Columns, wanted: _Columns
) -> Iterator[str]:
    """Yield what gives the tables of `sql/platform` the columns that the live ones have."""
    tables = {table for table, _ in present}
    missing = tables - {table for table, _ in wanted}
    yield from (f"drop table {table} cascade;" for table in sorted(missing))
    present = {place: item for place, item in present.items() if place[0] not in missing}
    wanted = {place: item for place, item in wanted.items() if place[0] in tables}
    if present == wanted:
        return
    yield from _loosening(connection)
    known = {making for _, making in present.values()}
    makings = dict.fromkeys(making for _, making in wanted.values())
    names = {_type_made(making) for making in known if making}
    yield from (making for making in makings if making and _type_made(making) not in names)
    for (table, column), (kind, _) in wanted.items():
        if (table, column) not in present:
            yield f"alter table {table} add column {column} {kind};"
        elif present[table, column][0] != kind:
            change = f"alter column {column} type {kind} using {column}::text::{kind}"
            yield f"alter table {table} {change};"
    gone = present.keys() - wanted.keys()
    yield from (f"alter table {table} drop column {column} cascade;" for table, column in gone)


def _type_made(statement: str) -> str:
    return statement.partition(" as enum ")[0]


def _resetting(present: Catalogue, wanted: Catalogue) -> Iterator[str]:
    """Yield what gives default privileges and publications the form that the live ones have."""
    kind = "default_privileges"
    theirs = [entry for entry in present.values() if entry.kind == kind]
    yield from (str(entry.removal) for entry in theirs if wanted.get(entry.object) != entry)
    for entry in wanted.values():
        in_schema = entry.parent in present or entry.parent is None
        if entry.kind == kind and in_schema and present.get(entry.object) != entry:
            if entry.parent is None:
                # Of a whole database, they stand instead of those that the system has.
                yield re.sub(" from [^ ]+;$", " from public;", str(entry.removal))
            yield entry.creation
    for publication in (entry for entry in present.values() if entry.kind == "publications"):
        yield str(publication.removal)
        if publication.object in wanted:
            yield from _publication(wanted[publication.object], wanted)


def _publication(entry: Entry, wanted: Catalogue) -> Iterator[str]:
    yield entry.creation
    yield wanted[f"owner of {entry.object}"].creation
    for part in wanted.values():
        if part.kind == "publication_schemas" and part.object.endswith(f" in {entry.object}"):
            yield part.creation
