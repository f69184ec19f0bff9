"""The PostgreSQL server under test: scratch, in a container, or one that exists already."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from carecli.embedded.default import wheel_binaries
from tests.plugins.containers import container
from tests.plugins.scratch import scratch_server

__all__ = ["MIGRATOR", "SUPERUSER", "TestServer", "uri"]

SUPERUSER = "supabase_admin"
MIGRATOR = "postgres"
EXISTING = "CARECLI_TEST_DATABASE_URL"

# As on Supabase: owns the databases, may create roles, is no superuser.
MIGRATOR_RIGHTS = "nosuperuser createdb createrole bypassrls replication login"


@dataclass(frozen=True, slots=True)
class TestServer:
    """A server that tests may create databases and roles on.

    Arguments:
        administrator: libpq parameters of its superuser, without a database.
        migrator: libpq parameters of the role that owns the databases and is no superuser.
        version: major version, such as 18.
        bin: folder of its programs, or None where they are not on this machine.
    """

    __test__ = False  # the name is no invitation to pytest

    administrator: dict[str, str]
    migrator: dict[str, str]
    version: int
    bin: Path | None

    def url(self, dbname: str) -> str:
        """Return the URI of one database for the migrating role."""
        return uri(self.migrator, dbname)

    def superuser_url(self, dbname: str) -> str:
        """Return the URI of one database for the superuser."""
        return uri(self.administrator, dbname)

    @property
    def migrating_role(self) -> str:
        """The role that owns the databases: `postgres`, unless that is the superuser here."""
        return self.migrator["user"]

    @contextmanager
    def administration(self, dbname: str = "postgres") -> Iterator[psycopg.Connection]:
        """Give an autocommit connection of the superuser, closed at the end."""
        with psycopg.connect(self.superuser_url(dbname), autocommit=True) as connection:
            yield connection


def uri(parameters: dict[str, str], dbname: str) -> str:
    """Return a libpq URI that psql, sqitch and libpq's other clients understand alike.

    Arguments:
        parameters: libpq parameters; a host that is a folder becomes part of the query.
        dbname: the database.
    """
    rest = {key: value for key, value in parameters.items() if key != "dbname"}
    user, password = rest.pop("user", ""), rest.pop("password", "")
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    authority = f"{login}@" if login else ""
    if not rest.get("host", "/").startswith("/"):
        port = rest.pop("port", "5432")
        authority += f"{rest.pop('host')}:{port}"
    query = "&".join(f"{key}={quote(value, safe='/')}" for key, value in sorted(rest.items()))
    return f"postgresql://{authority}/{quote(dbname, safe='')}" + (f"?{query}" if query else "")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses the server."""
    parser.addoption(
        "--postgres",
        default="embedded",
        metavar="embedded|bin:DIR|docker:IMAGE",
        help="PostgreSQL to test on: the embedded wheel (default), the programs in DIR, or a "
        f"container of IMAGE. {EXISTING}, the URL of a superuser on a running server, goes first.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "database: runs on the server of --postgres; set by itself")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that another version of the server could let fail, for `-m database`."""
    for item in items:
        if "server" in getattr(item, "fixturenames", ()):
            item.add_marker("database")


def pytest_report_header(config: pytest.Config) -> str:
    """Say which PostgreSQL the tests run on."""
    if url := os.environ.get(EXISTING):
        with psycopg.connect(url) as connection:
            version = connection.info.parameter_status("server_version")
        return f"postgresql: {version} ({EXISTING})"
    choice: str = config.getoption("--postgres")
    if choice.startswith("docker:"):
        return f"postgresql: container of {choice.removeprefix('docker:')}"
    binaries = chosen_binaries(choice)
    told = subprocess.run(
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return f"postgresql: {told.stdout.split()[2]} ({choice})"


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[TestServer]:
    """Give the server of this run, with its two roles; stop it where it is ours."""
    choice: str = request.config.getoption("--postgres")
    if url := os.environ.get(EXISTING):
        yield prepare(conninfo_to_dict(url), None)
    elif choice.startswith("docker:"):
        with container(choice.removeprefix("docker:"), user=SUPERUSER) as parameters:
            yield prepare(parameters, None)
    else:
        binaries = chosen_binaries(choice)
        with scratch_server(binaries, superuser=SUPERUSER) as parameters:
            yield prepare(parameters, binaries)


def chosen_binaries(choice: str) -> Path:
    """Return the folder of server programs that `--postgres` names."""
    if choice == "embedded":
        return wheel_binaries()
    directory = Path(choice.removeprefix("bin:")).resolve()
    if not choice.startswith("bin:") or not (directory / "initdb").is_file():
        raise pytest.UsageError(
            f"--postgres {choice}: expected embedded, bin:DIR with the folder that holds initdb, "
            "or docker:IMAGE"
        )
    return directory


def prepare(parameters: Mapping[str, str | int | None], binaries: Path | None) -> TestServer:
    """Make the two roles where they are missing and return the server with both logins.

    Arguments:
        parameters: libpq parameters of a superuser.
        binaries: folder of the server's programs, if it has one here.
    """
    given = {key: str(value) for key, value in parameters.items() if value is not None}
    given.pop("dbname", None)
    connection = psycopg.connect(uri(given, "postgres"), autocommit=True)
    with connection:
        superuser = {**given, "user": make_superuser(connection, given)}
        migrator = {**given, "user": make_migrator(connection, given)}
        version = connection.info.server_version // 10_000
    return TestServer(superuser, migrator, version, binaries)


def make_superuser(connection: psycopg.Connection, given: dict[str, str]) -> str:
    """Create Supabase's superuser where it is missing; return its name."""
    if given.get("user") != SUPERUSER:
        make_role(connection, SUPERUSER, "superuser login", given.get("password"))
    return SUPERUSER


def make_migrator(connection: psycopg.Connection, given: dict[str, str]) -> str:
    """Create the migrating role where it is missing; return its name.

    The official container image makes `postgres` its superuser: then another name has to serve.
    """
    row = connection.execute(
        "select rolsuper from pg_catalog.pg_roles where rolname = %s", [MIGRATOR]
    ).fetchone()
    if row != (True,):
        make_role(connection, MIGRATOR, MIGRATOR_RIGHTS, given.get("password"))
        return MIGRATOR
    name = "carecli_test_owner"
    make_role(connection, name, MIGRATOR_RIGHTS, given.get("password"))
    # What the platform makes belongs to `postgres`, and its grants go there.
    connection.execute(f"grant {MIGRATOR} to {name}")
    return name


def make_role(connection: psycopg.Connection, name: str, rights: str, password: str | None) -> None:
    """Create one role unless it exists; it logs in with the superuser's own password."""
    known = "select from pg_catalog.pg_roles where rolname = %s"
    if connection.execute(known, [name]).fetchone() is None:
        secret = sql.Literal(password)
        connection.execute(
            sql.SQL("create role {} {} password {}").format(
                sql.Identifier(name), sql.SQL(rights), secret
            )
        )
