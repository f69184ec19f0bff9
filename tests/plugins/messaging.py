"""What tests of messaging share: the people, calls as the application makes them, the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from carecli.plan import read_plan
from carecli.resources import data_directory
from tests.plugins.databases import TestDatabase

__all__ = ["Call", "People", "Plan", "invoke"]

MIGRATIONS = data_directory("migrations")

Call = Callable[..., dict[str, Any]]


class People:
    """The sample people and what Rosa asked for."""

    rosa = UUID("3e334e85-9879-af25-6d38-27d651b7804a")
    ben = UUID("e4774cdd-a079-3f86-414e-8b9140bb6db4")
    mei = UUID("270c1b08-4f3f-146e-b578-7075158d9c53")
    open_request = UUID("a0000000-0000-4000-8000-000000000001")
    in_progress_request = UUID("a0000000-0000-4000-8000-000000000002")
    completed_request = UUID("a0000000-0000-4000-8000-000000000003")
    cancelled_request = UUID("a0000000-0000-4000-8000-000000000004")
    closed_request = UUID("a0000000-0000-4000-8000-000000000005")
    request_of_mei = UUID("a0000000-0000-4000-8000-000000000006")
    nobody = UUID("00000000-0000-4000-8000-00000000dead")


@pytest.fixture(scope="session")
def people() -> People:
    """Give the ids of the sample people and requests."""
    return People()


def invoke(connection: psycopg.Connection, function: str, *arguments: Any) -> dict[str, Any]:
    """Call one function of schema public and return its answer."""
    statement = sql.SQL("select public.{}({})").format(
        sql.Identifier(function), sql.SQL(", ").join([sql.Placeholder()] * len(arguments))
    )
    row = connection.execute(statement, arguments).fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


@pytest.fixture
def call(migrated: TestDatabase) -> Call:
    """Give a function that calls as a signed-in user: `call(user, function, *arguments)`."""
    connections: dict[UUID, psycopg.Connection] = {}

    def call_as(user: UUID, function: str, *arguments: Any) -> dict[str, Any]:
        if user not in connections:
            connections[user] = migrated.as_role("authenticated", user)
        return invoke(connections[user], function, *arguments)

    return call_as


@pytest.fixture
def conversation(call: Call, people: People) -> UUID:
    """Give the id of a conversation of Ben on Rosa's open request."""
    answer = call(
        people.ben,
        "create_conversation_atomic",
        people.open_request,
        people.ben,
        "I can bring the groceries.",
    )
    return UUID(answer["conversation_id"])


def planned_changes() -> tuple[str, ...]:
    """Return the changes in plan order, under the names of their scripts: the first of two
    versions of `users` is `users@v1`.
    """
    return tuple(
        f"{change.name}{change.rework_tags[0].format_name}" if change.rework_tags else change.name
        for change in read_plan(MIGRATIONS / "sqitch.plan").changes
    )


@dataclass(slots=True)
class Plan:
    """Runs the scripts of our plan as the owner of a database, as psql would.

    Arguments:
        database: where.
        changes: names of the scripts of the changes, in order.
        deployed: how many of them are there.
        notices: what the server said on the way.
    """

    database: TestDatabase
    changes: tuple[str, ...] = field(default_factory=planned_changes)
    deployed: int = 0
    notices: list[str] = field(default_factory=list)

    def run(self, kind: str, change: str, **settings: str) -> None:
        """Run one script in a session of its own, which has these settings."""
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            connection.add_notice_handler(
                lambda diagnosis: self.notices.append(diagnosis.message_primary or "")
            )
            for name, value in settings.items():
                connection.execute(
                    "select set_config(%s, %s, false)", [name.replace("__", "."), value]
                )
            connection.execute((MIGRATIONS / kind / f"{change}.sql").read_bytes())

    def through(self, change: str) -> int:
        """Return how many changes there are up to this one, itself included."""
        return self.changes.index(change) + 1

    def deploy(self, count: int | None = None) -> None:
        """Deploy changes until so many are there; all by default."""
        wanted = len(self.changes) if count is None else count
        for change in self.changes[self.deployed : wanted]:
            self.run("deploy", change)
        self.deployed = wanted

    def verify(self) -> None:
        """Verify every deployed change, a reworked one by its newest version, as sqitch does."""
        deployed = self.changes[: self.deployed]
        for change in deployed:
            if "@" not in change or change.partition("@")[0] not in deployed:
                self.run("verify", change)

    def revert(self, count: int = 0, **settings: str) -> None:
        """Revert changes until so many are left."""
        for change in reversed(self.changes[count : self.deployed]):
            self.run("revert", change, **settings)
            self.deployed -= 1


@pytest.fixture
def plan(database: TestDatabase) -> Plan:
    """Give the plan for a database with none of its changes."""
    return Plan(database)


@pytest.fixture
def deployed_plan(migrated: TestDatabase) -> Plan:
    """Give the plan for a database with all of its changes."""
    plan = Plan(migrated)
    plan.deployed = len(plan.changes)
    return plan
