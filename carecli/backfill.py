"""Copies V1 conversations into V2 batch by batch, and proves that nothing is lost."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import psycopg

from carecli.errors import CarecliError, LockNotAvailable
from carecli.interrupts import uninterrupted
from carecli.migrator.failure import is_retriable, sqlstate_of
from carecli.resources import read_sql

__all__ = [
    "Backfill",
    "Finding",
    "Progress",
    "Reporter",
    "Tally",
    "Totals",
    "read_progress",
    "reconcile",
]

_PASSES = 3
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 1.0  # seconds
_TRIES_OF_ONE = 4
_TRIES_BESIDE_ANOTHER = 8
_ANOTHER_IS_RUNNING = "55006"
"""object_in_use: what messaging.backfill_conversations() raises beside another one."""
_ROWS_AT_ONCE = 5_000


class Progress(NamedTuple):
    """How a database stands to the backfill.

    Arguments:
        now: the server's clock, as text.
        has_v1: whether the V1 tables are there.
        resumes: whether a pass that was interrupted will go on.
        conversations: V1 conversations that the pass still has to look at.
        messages: their messages.
    """

    now: str
    has_v1: bool
    resumes: bool
    conversations: int
    messages: int


class Finding(NamedTuple):
    """One row of V1 that V2 has not got equal.

    Arguments:
        kind: `conversation` or `message`.
        outcome: `missing`, `different`, `skipped` or `newer`.
        reason: why it was skipped, or the columns that differ.
        id: its key in V1.
        conversation_id: its conversation.
    """

    kind: str
    outcome: str
    reason: str | None
    id: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What a comparison of V1 with V2 has counted.

    Arguments:
        outcomes: number of rows by kind and outcome.
        reasons: number of skipped rows by kind and reason.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)

    def number(self, outcome: str) -> int:
        """Return how many conversations and messages have that outcome."""
        return self.outcomes["conversation", outcome] + self.outcomes["message", outcome]

    @property
    def is_sound(self) -> bool:
        """Whether every row of V1 is in V2, equal, or skipped for a reason, or newer."""
        return not self.number("missing") and not self.number("different")


@dataclass(slots=True)
class Tally:
    """What a run has done so far.

    Arguments:
        conversations: copied.
        messages: copied, first messages included.
        batches: done.
        retried: batches that were rolled back because of a lock, and tried again.
        passed_over: times that a conversation was left out because somebody held it locked.
        longest: seconds of the longest batch: nobody waited longer for the backfill.
        seconds: of the copying.
    """

    conversations: int = 0
    messages: int = 0
    batches: int = 0
    retried: int = 0
    passed_over: int = 0
    longest: float = 0.0
    seconds: float = 0.0


class Reporter(Protocol):
    """Whom a run tells how far it is."""

    def begin(self, total: int) -> None:
        """Learn how many conversations and messages a pass has to look at."""

    def advance(self, number: int) -> None:
        """Learn how many messages a batch has looked at."""

    def say(self, message: str) -> None:
        """Print a line."""


def read_progress(connection: psycopg.Connection) -> Progress:
    """Return how the database stands to the backfill.

    Arguments:
        connection: in autocommit mode.

    Raises:
        CarecliError: the change v1_backfill is not deployed.
    """
    if not _value(connection, "backfill_deployed"):
        raise CarecliError(
            "the change v1_backfill is not deployed there; nothing was copied",
            hint="Run `carecli migrate` first.",
        )
    found = _value(connection, "backfill_progress")
    return Progress(
        now=found["now"],
        has_v1=found["v1"],
        resumes=found.get("resumes", False),
        conversations=found.get("conversations", 0),
        messages=found.get("messages", 0),
    )


def _value(connection: psycopg.Connection, name: str) -> Any:
    row = connection.execute(read_sql(f"queries/{name}")).fetchone()
    assert row is not None
    return row[0]


def reconcile(
    connection: psycopg.Connection, as_of: str | None, found: Callable[[Finding], None]
) -> Totals:
    """Compare V1 with V2, both as they are at one moment.

    Arguments:
        connection: in autocommit mode.
        as_of: what was written into V1 from this time on may be missing; None: nothing may.
        found: called with each row that V2 has not got equal.
    """
    totals = Totals()
    with connection.transaction(), connection.cursor(name="carecli_reconcile") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(read_sql("queries/backfill_reconcile"), {"as_of": as_of})
        for kind, outcome, reason, key, conversation_id, number in cursor:
            totals.outcomes[kind, outcome] += number
            if outcome == "skipped":
                totals.reasons[kind, reason] += number
            if key is not None:
                found(Finding(kind, outcome, reason, key, conversation_id))
    return totals


class Backfill:
    """One run of the backfill.

    Arguments:
        connection: in autocommit mode, used by nobody else.
        batch: how many conversations a transaction copies, with five times as many messages at
            most; one that has more is taken in pieces.
        reporter: whom to tell.
    """

    def __init__(self, connection: psycopg.Connection, batch: int, reporter: Reporter) -> None:
        self._connection = connection
        self._batch = batch
        self._size = batch
        self._reporter = reporter
        self.tally = Tally()

    def run(self, restart: Callable[[], None], found: Callable[[Finding], None]) -> Totals:
        """Copy what V2 has not got, and compare; again where V1 was written to meanwhile.

        Arguments:
            restart: called before each comparison: what the one before found does not hold.
            found: called with each row that V2 has not got equal.

        Raises:
            LockNotAvailable: another backfill is running.
        """
        for last in (*(False,) * (_PASSES - 1), True):
            progress = read_progress(self._connection)
            self._reporter.begin(progress.messages)
            self._pass()
            restart()
            totals = reconcile(self._connection, progress.now, found)
            if last or not totals.number("missing"):
                break
        return totals

    def _pass(self) -> None:
        start = time.perf_counter()
        try:
            while not self._next():
                pass
        finally:
            self.tally.seconds += time.perf_counter() - start

    def _next(self) -> bool:
        """Copy one batch, however often it has to be tried; return whether it was the last."""
        failures = alone = 0
        while True:
            try:
                done = self._copy(pass_over=alone >= _TRIES_OF_ONE)
            except psycopg.Error as error:
                failures += 1
                if sqlstate_of(error) == _ANOTHER_IS_RUNNING:
                    # It may be what the server still does for one that was killed.
                    if failures >= _TRIES_BESIDE_ANOTHER:
                        raise _another_is_running() from error
                elif is_retriable(error):
                    self.tally.retried += 1
                    # What is locked is found by halves, so that the rest need not wait for it.
                    alone += self._size == 1
                    self._size = max(1, self._size // 4)
                else:
                    raise
            else:
                self._size = min(self._batch, self._size * 2)
                return done
            longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2**failures)
            time.sleep(random.uniform(longest / 2, longest))  # noqa: S311

    def _copy(self, *, pass_over: bool) -> bool:
        parameters = {"limit": self._size, "pass_over": pass_over}
        # Ctrl-C waits for the end of a batch, which is near.
        with uninterrupted():
            start = time.perf_counter()
            try:
                row = self._connection.execute(
                    read_sql("queries/backfill_batch"), parameters
                ).fetchone()
            finally:
                self.tally.longest = max(self.tally.longest, time.perf_counter() - start)
            assert row is not None
            done = row[0]
            self.tally.batches += 1
            self.tally.conversations += done["conversations"]
            self.tally.messages += done["messages"]
            self.tally.passed_over += done["passed_over"]
        self._reporter.advance(done["examined"])
        return bool(done["done"])


def _another_is_running() -> LockNotAvailable:
    return LockNotAvailable(
        "another backfill of this database is running; nothing was copied by this one",
        hint="Wait for its end; or stop it, and run this one again: it goes on from there.",
    )
