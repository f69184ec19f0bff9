"""A run tells what the database says, and tries again what may succeed."""

from __future__ import annotations

import psycopg
import pytest

from carecli.migrator.failure import is_lost, is_retriable
from carecli.migrator.retries import Retries


@pytest.mark.parametrize("code", ["55P03", "40P01", "40001"])
def test_what_is_tried_again(code: str) -> None:
    """Locks, deadlocks and serialization failures are tried again, so often and not oftener."""
    waits: list[tuple[int, float]] = []
    retries = Retries(2, lambda attempt, delay: waits.append((attempt, delay)))
    error = psycopg.errors.lookup(code)()
    assert [retries.again(error) for _ in range(3)] == [True, True, False]
    assert [attempt for attempt, _ in waits] == [2, 3]
    assert 0.25 <= waits[0][1] <= 0.5 <= waits[1][1] <= 1.0


@pytest.mark.parametrize("code", ["42601", "57P01", "23505"])
def test_what_is_not_tried_again(code: str) -> None:
    """Any other fault is told at once."""
    retries = Retries(5, lambda attempt, delay: pytest.fail("it waited"))
    error = psycopg.errors.lookup(code)()
    assert not is_retriable(error)
    assert not retries.again(error)


def test_what_a_lost_session_looks_like() -> None:
    """The server's farewell, or its silence; not a fault that was found on this side."""
    assert is_lost(psycopg.errors.AdminShutdown())
    assert is_lost(psycopg.OperationalError("server closed the connection unexpectedly"))
    assert not is_lost(psycopg.errors.SyntaxError())
    assert not is_lost(psycopg.ProgrammingError("too few parameters"))
