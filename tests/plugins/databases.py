"""Databases for tests: each test has its own, cloned from a template."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from carecli.resources import data_directory
from tests.plugins.command import Run
from tests.plugins.postgres import TestServer

__all__ = ["TestDatabase"]


@dataclass(slots=True)
class TestDatabase:
    """One database that a test has for itself.

    Arguments:
        server: where it is.
        name: its name.
    """

    __test__ = False  # the name is no invitation to pytest

    server: TestServer
    name: str
    _open: list[psycopg.Connection] = field(default_factory=list)
    _own: psycopg.Connection | None = None

    @property
    def url(self) -> str:
        """URI for the role that owns the database and is no superuser, as on Supabase."""
        return self.server.url(self.name)

    @property
    def superuser_url(self) -> str:
        """URI for the superuser `supabase_admin`."""
        return self.server.superuser_url(self.name)

    @property
    def sqitch_uri(self) -> str:
        """The same as `url`, as sqitch writes it."""
        return self.url.replace("postgresql://", "db:pg://", 1)

    def connect(self, *, superuser: bool = False, **parameters: Any) -> psycopg.Connection:
        """Return a new autocommit connection; it is closed when the test ends.

        Arguments:
            superuser: log in as `supabase_admin`, not as the owner.
            parameters: for `psycopg.connect`.
        """
        # No prepared statements: tests change tables under the feet of their connections.
        chosen = {"autocommit": True, "prepare_threshold": None, **parameters}
        url = self.superuser_url if superuser else self.url
        connection = psycopg.connect(url, **chosen)
        self._open.append(connection)
        return connection

    def as_role(
        self,
        role: str,
        user_id: UUID | str | None = None,
        claims: Mapping[str, Any] | str | None = None,
    ) -> psycopg.Connection:
        """Return a connection that stands where PostgREST's does for a request.

        Arguments:
            role: `anon`, `authenticated` or `service_role`.
            user_id: the user of the JWT (its `sub`); None for a request without one.
            claims: further claims of the JWT; a string is set as it is, however garbled.
        """
        connection = self.connect(superuser=True)
        if exists(connection, "authenticator"):
            connection.execute("set session authorization authenticator")
        connection.execute(SQL("set role {}").format(Identifier(role)))
        if isinstance(claims, Mapping) or user_id is not None:
            subject = {} if user_id is None else {"sub": str(user_id)}
            told = claims if isinstance(claims, Mapping) else {}
            claims = json.dumps({"role": role, **subject, **told})
        if claims is not None:
            connection.execute("select set_config('request.jwt.claims', %s, false)", [claims])
        return connection

    def execute(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run statements as the owner; return the rows of the last one, if it has any.

        Arguments:
            sql: one statement with `%s` for each parameter, or several without any.
            parameters: their values.
        """
        if self._own is None or self._own.closed or self._own.broken:
            self._own = self.connect()
        cursor = self._own.execute(sql, parameters or None)
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Close every connection that came from here."""
        while self._open:
            self._open.pop().close()


def exists(connection: psycopg.Connection, role: str) -> bool:
    """Tell whether the cluster has that role."""
    known = "select from pg_catalog.pg_roles where rolname = %s"
    return connection.execute(known, [role]).fetchone() is not None


def create(server: TestServer, name: str, template: str = "template0") -> None:
    """Create a database of the migrating role from a template nobody is connected to."""
    with server.administration() as connection:
        # Copying files needs two checkpoints, which a server without fsync does at once.
        connection.execute(
            SQL("create database {} owner {} template {} strategy file_copy").format(
                Identifier(name), Identifier(server.migrating_role), Identifier(template)
            )
        )


def drop(server: TestServer, name: str) -> None:
    """Drop a database, whoever is connected to it."""
    with server.administration() as connection:
        connection.execute(SQL("drop database if exists {} with (force)").format(Identifier(name)))


def apply_folder(database: TestDatabase, *folders: str) -> None:
    """Run the scripts of folders of `sql/`, in name order, as the superuser."""
    with psycopg.connect(database.superuser_url) as connection:
        for folder in folders:
            for script in sorted((data_directory("sql") / folder).glob("*.sql")):
                connection.execute(script.read_bytes())


@pytest.fixture(scope="session")
def new_name() -> Callable[[], str]:
    """Give names of databases that no other run on the same server uses."""
    run = secrets.token_hex(4)
    numbers = iter(range(1_000_000))
    return lambda: f"carecli_test_{run}_{next(numbers)}"


@pytest.fixture(scope="session")
def platform_template(server: TestServer, new_name: Callable[[], str]) -> Iterator[str]:
    """Make the template with the look-alike of Supabase, the V1 application and its people."""
    name = new_name()
    create(server, name)
    try:
        apply_folder(TestDatabase(server, name), "platform", "sample")
        yield name
    finally:
        drop(server, name)


@pytest.fixture(scope="session")
def migrated_template(
    server: TestServer,
    new_name: Callable[[], str],
    platform_template: str,
    carecli_session_run: Run,
) -> Iterator[str]:
    """Make the template with our plan deployed, by the command that users run."""
    name = new_name()
    create(server, name, platform_template)
    try:
        carecli_session_run("migrate", "--yes", "-d", server.url(name), check=0)
        yield name
    finally:
        drop(server, name)


def cloned(server: TestServer, name: str, template: str = "template0") -> Iterator[TestDatabase]:
    """Give one database made from the template; drop it at the end."""
    create(server, name, template)
    database = TestDatabase(server, name)
    try:
        yield database
    finally:
        database.close()
        drop(server, name)


@pytest.fixture
def empty_database(server: TestServer, new_name: Callable[[], str]) -> Iterator[TestDatabase]:
    """Give a database with nothing in it."""
    yield from cloned(server, new_name())


@pytest.fixture
def database(
    server: TestServer, new_name: Callable[[], str], platform_template: str
) -> Iterator[TestDatabase]:
    """Give a database with the platform and the sample people, and none of our plan."""
    yield from cloned(server, new_name(), platform_template)


@pytest.fixture
def migrated(
    server: TestServer, new_name: Callable[[], str], migrated_template: str
) -> Iterator[TestDatabase]:
    """Give a database with the platform, the sample people and our whole plan deployed."""
    yield from cloned(server, new_name(), migrated_template)
