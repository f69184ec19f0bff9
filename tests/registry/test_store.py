"""The registry beside what else may be in its schema."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from carecli.config import Identity
from carecli.errors import CarecliError, Refused
from carecli.plan import Change, Plan, read_plan
from carecli.registry.session import LiveSession
from carecli.registry.store import Registry
from tests.plugins.chaos import ProjectMaker, Step
from tests.plugins.databases import TestDatabase

ORDER = ["one", "two", "three"]


@pytest.fixture
def plan(make_project: ProjectMaker) -> Plan:
    """Give a plan of three changes."""
    folder: Path = make_project(*(Step(name, f"select '{name}';") for name in ORDER))
    return read_plan(folder / "sqitch.plan")


@pytest.fixture
def connection(empty_database: TestDatabase) -> psycopg.Connection:
    """Give a connection to an empty database."""
    return empty_database.connect()


@pytest.fixture
def registry(plan: Plan, connection: psycopg.Connection) -> Registry:
    """Give a registry that is not made yet, in a schema whose name has to be quoted."""
    committer = Identity("Dora", "dora@example.com")
    return Registry(connection, plan, schema="My Meta", committer=committer)


@pytest.fixture
def made(registry: Registry) -> Registry:
    """Give a registry with the project in it."""
    registry.create()
    registry.register_project()
    return registry


def test_does_not_exist_yet(registry: Registry, connection: psycopg.Connection) -> None:
    """A schema of that name is no registry."""
    connection.execute('create schema "My Meta"')
    assert not registry.exists()


def test_exists(made: Registry) -> None:
    """It is found again."""
    assert made.exists()
    assert made.deployed() == []


def test_newer_version(made: Registry, connection: psycopg.Connection) -> None:
    """A registry of a newer sqitch is left alone."""
    connection.execute("""insert into "My Meta".releases values (1.2, now(), '', '')""")
    with pytest.raises(Refused, match=r"version 1\.2, carecli needs 1\.1"):
        made.exists()


def test_register_twice(made: Registry, connection: psycopg.Connection) -> None:
    """A project that is there already is not registered again."""
    made.register_project()
    rows = connection.execute('select project from "My Meta".projects').fetchall()
    assert rows == [("small",)]


def test_other_uri(made: Registry, connection: psycopg.Connection) -> None:
    """A project of that name with a URI is another project."""
    connection.execute("""update "My Meta".projects set uri = 'https://x.example/'""")
    with pytest.raises(Refused, match=r"the URI https://x\.example/"):
        made.register_project()


@pytest.mark.parametrize("known", [True, False])
def test_order_beside_a_clock_that_stands_still(
    made: Registry, plan: Plan, connection: psycopg.Connection, known: bool
) -> None:
    """A change is recorded after the one before it, named or not, where that is from the future."""
    session = LiveSession(connection)
    registry = Registry(
        connection,
        plan,
        schema="My Meta",
        committer=Identity("Dora", "d@x.example"),
        session=session,
    )

    def record(change: Change, after: str | None = None) -> None:
        session.defer_write(
            *registry.compose_deploy(
                change, script_hash=change.name, dependency_ids={}, after=after
            )
        )
        session.run()

    one, two, three = plan.changes
    record(one)
    record(two)
    session.run(
        """update "My Meta".changes set committed_at = now() + '1h' where change = 'two';"""
    )
    record(three, after=two.id if known else None)
    assert [row.change for row in made.deployed()] == ORDER


def test_revert_of_what_is_gone(made: Registry, plan: Plan) -> None:
    """A change that somebody else has reverted is a fault, not a silent success."""
    with pytest.raises(CarecliError, match="no longer deployed"):
        made.record_revert(plan.changes[0].id)
