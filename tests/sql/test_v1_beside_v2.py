"""V1's statements fail where V2's call succeeds, in one database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from carecli.resources import data_directory
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People

DEMO = data_directory("sql") / "demo"
SCRIPT = Path(__file__).parents[2] / "bench" / "demo.py"
RECURSION = "infinite recursion detected in policy"


def run_demo(database: TestDatabase) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, "-d", database.url], capture_output=True, text=True, check=False
    )


def contents(database: TestDatabase) -> list[tuple[int, ...]]:
    tables = ("help_requests", "conversations", "conversation_participants", "conversations_v2")
    counts = ", ".join(f"(select count(*) from public.{table})" for table in tables)
    return database.execute(f"select {counts}")


def test_v1_fails_always_and_v2_never(migrated: TestDatabase) -> None:
    """0 of 10 conversations start in V1, 10 of 10 in V2; nothing is left behind."""
    before = contents(migrated)
    done = run_demo(migrated)
    assert done.stdout.splitlines() == [
        "V1   0 of 10 conversations started",
        f'    10 x {RECURSION} for relation "conversation_participants"',
        "V2  10 of 10 conversations started",
    ]
    assert done.returncode == 0
    assert contents(migrated) == before


def test_it_is_the_policies_that_stop_v1(migrated: TestDatabase) -> None:
    """Without row security V1's statements are in order, so the demonstration is fair."""
    for table in ("conversations", "conversation_participants", "messages"):
        migrated.connect(superuser=True).execute(
            f"alter table public.{table} disable row level security".encode()
        )
    done = run_demo(migrated)
    assert done.stdout.splitlines()[0] == "V1  10 of 10 conversations started"
    assert done.returncode == 1


def test_demonstration_asks_for_the_migration(database: TestDatabase) -> None:
    """Where V2 is not deployed, the demonstration says what to do."""
    done = run_demo(database)
    assert "carecli migrate" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    "statement",
    [script for script in sorted((DEMO / "v1").glob("*.sql")) if "find_request" not in script.name],
    ids=lambda script: script.stem,
)
def test_each_statement_of_v1_fails_under_its_policies(
    migrated: TestDatabase, people: People, statement: Path
) -> None:
    """Not the first one alone fails: each would, whatever the ones before it had done."""
    conversation = uuid4()
    if "insert_conversation" not in statement.name:
        migrated.connect(superuser=True).execute(
            "insert into public.conversations (id, help_request_id, created_by)"
            " values (%s, %s, %s)",
            [conversation, people.open_request, people.ben],
        )
    values = {
        "help_request_id": people.open_request,
        "requester_id": people.rosa,
        "helper_id": people.ben,
        "conversation_id": conversation,
        "message": "hello",
    }
    with pytest.raises(
        (psycopg.errors.InvalidObjectDefinition, psycopg.errors.InsufficientPrivilege)
    ):
        migrated.as_role("authenticated", people.ben).execute(statement.read_bytes(), values)
