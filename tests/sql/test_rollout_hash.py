"""The buckets of the database are those of the application's JavaScript, user by user."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Plan

PROGRAM = Path(__file__).with_name("rollout_hash.js")
USERS = 20_000
SEED = 20_251_121


def buckets_of_the_application(users: list[UUID]) -> list[int]:
    """Return what node answers for these users."""
    done = subprocess.run(
        ["node", PROGRAM],
        input="".join(f"{user}\n" for user in users),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return [int(line) for line in done.stdout.split()]


def buckets_of_the_database(database: TestDatabase, users: list[UUID]) -> list[int]:
    """Return what the function answers for these users."""
    rows = database.execute(
        "select messaging.rollout_bucket(item.user_id)"
        " from unnest(%s::uuid[]) with ordinality as item (user_id, place) order by place",
        users,
    )
    return [bucket for (bucket,) in rows]


@pytest.fixture
def flag(database: TestDatabase, plan: Plan) -> TestDatabase:
    """Give a database with the hash."""
    plan.deploy(plan.through("rollout"))
    return database


def test_buckets_of_20_000_random_users(flag: TestDatabase) -> None:
    """Both sides put every user into the same bucket, and no bucket is left out."""
    numbers = random.Random(SEED)  # noqa: S311 - a sample, not a secret
    users = [UUID(int=numbers.getrandbits(128), version=4) for _ in range(USERS)]
    expected = buckets_of_the_application(users)
    assert buckets_of_the_database(flag, users) == expected
    assert set(expected) == set(range(100))


def test_buckets_at_the_edges(flag: TestDatabase) -> None:
    """The greatest absolute value, which 32 bits do not hold, and the least uuids agree as well."""
    users = [
        UUID("5a5a5a5a-0000-4000-8000-fb161f4605d3"),
        UUID(int=0),
        UUID(int=1),
        UUID(int=2**128 - 1),
    ]
    expected = buckets_of_the_application(users)
    assert expected[0] == 2**31 % 100
    assert buckets_of_the_database(flag, users) == expected
