"""Rounds of queries that scrapes share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from carecli.exporting.rounds import TIMEOUT, Round, Rounds
from tests.plugins.chaos import wait_for

TOGETHER = 50


class Held:
    """A source whose rounds end when the test says so."""

    def __init__(self) -> None:
        self.reads = self.closed = 0
        self.let = threading.Semaphore(0)
        self.was_cut = threading.Event()

    def read(self, limit: float) -> Round:
        self.reads += 1
        self.let.acquire()
        return Round(not self.was_cut.is_set(), 0.0)

    def cut(self) -> None:
        self.was_cut.set()
        self.let.release()

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def source() -> Iterator[Held]:
    """Give a source; what still waits in it is let go at the end."""
    held = Held()
    yield held
    for _ in range(TOGETHER):
        held.let.release()


def test_scrapes_at_once_share_one_round(source: Held) -> None:
    """Fifty ask, one round answers all of them."""
    rounds = Rounds(source, limit=60, keep=0)
    with ThreadPoolExecutor(TOGETHER) as pool:
        asked = [pool.submit(rounds.get) for _ in range(TOGETHER)]
        wait_for("all to wait", lambda: waiting(rounds) == TOGETHER)
        source.let.release()
        numbers = {one.result().number for one in asked}
    assert (source.reads, numbers) == (1, {1})


def waiting(rounds: Rounds) -> int:
    """Return how many threads wait for a round."""
    return len(rounds._changed._waiters)  # type: ignore[attr-defined]


def test_result_is_kept_for_a_while(source: Held) -> None:
    """Whoever asks within that time gets the same round."""
    rounds = Rounds(source, limit=60, keep=60)
    source.let.release()
    assert rounds.get() is rounds.get()
    assert source.reads == 1


def test_result_is_not_kept_for_longer(source: Held) -> None:
    """Nothing is kept where nothing is to be."""
    rounds = Rounds(source, limit=60, keep=0)
    source.let.release()
    source.let.release()
    assert [rounds.get().number, rounds.get().number] == [1, 2]


def test_round_that_hangs_is_cut(source: Held) -> None:
    """Who waits is told that it took too long, and the next round is a new one."""
    rounds = Rounds(source, limit=0.01, keep=0)
    late = rounds.get()
    assert (late.up, late.error) == (False, TIMEOUT)
    wait_for("the round to end", lambda: rounds.latest == Round(False, 0.0, number=1))
    source.was_cut.clear()
    source.let.release()
    rounds._limit = 60
    assert rounds.get().up


def test_nothing_is_begun_beside_a_round_that_hangs(source: Held) -> None:
    """As long as it has not ended, whoever asks is told so at once."""
    rounds = Rounds(source, limit=0.01, keep=0)
    source.cut = lambda: None  # type: ignore[method-assign]
    assert [rounds.get().error, rounds.get().error] == [TIMEOUT, TIMEOUT]
    assert source.reads == 1
    assert rounds.latest is not None
    assert rounds.latest.error == TIMEOUT


def test_closing_ends_a_round(source: Held) -> None:
    """The round is cut, then the source is closed, once."""
    rounds = Rounds(source, limit=60, keep=0)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(rounds.get)
        wait_for("the round to begin", lambda: source.reads)
        rounds.close()
        assert not asked.result().up
    assert source.closed == 1
