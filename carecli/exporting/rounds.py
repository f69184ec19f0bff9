"""Rounds of queries that any number of scrapes share."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from carecli.alerts import Alert
    from carecli.monitoring import Reading

__all__ = ["Round", "Rounds", "Source", "TIMEOUT"]

TIMEOUT = "timeout"
"""The kind of fault of a round that did not end in time."""

_GRACE = 0.5
"""Seconds that a round may take beyond its limit before its connection is cut."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of queries came to.

    Arguments:
        up: whether the database was reached and the round ended in time.
        seconds: how long it took.
        readings: what was read; the metrics that were not come to are unavailable.
        alerts: the rules as evaluated; None where that failed.
        error: kind of fault that kept it from ending well; never words of the server.
        number: how many rounds there were, this one included.
    """

    up: bool
    seconds: float
    readings: tuple[Reading, ...] = ()
    alerts: tuple[Alert, ...] | None = None
    error: str | None = None
    number: int = 0


class Source(Protocol):
    """Where a round comes from; called from one thread at a time, but for `cut`."""

    def read(self, limit: float) -> Round:
        """Read everything, in so many seconds; must not raise."""

    def cut(self) -> None:
        """Let a `read` that another thread waits in end at once."""

    def close(self) -> None:
        """End the connection."""


class Rounds:
    """Gives each scrape the round that is going on, or a fresh one, and never two at once.

    Only the latest round is kept. A round that hangs is cut; until it has ended no other begins,
    and whoever asks meanwhile is told so without a wait.

    Arguments:
        source: what is read from.
        limit: seconds that a round may take.
        keep: seconds that its result is shown for.
    """

    def __init__(self, source: Source, *, limit: float, keep: float) -> None:
        self._source = source
        self._limit = limit
        self._keep = keep
        self._changed = threading.Condition()
        self._latest: Round | None = None
        self._ended = 0.0  # when the latest round ended
        self._begun: float | None = None  # when the one that is going on began
        self._number = 0

    @property
    def latest(self) -> Round | None:
        """The round that ended last, or one that hangs; None before the first one."""
        with self._changed:
            hanging = self._begun is not None and self._left(self._begun) <= 0
            return self._late() if hanging else self._latest

    @property
    def age(self) -> float | None:
        """Seconds since the latest round ended; None before the first one."""
        with self._changed:
            return None if self._latest is None else time.monotonic() - self._ended

    def get(self) -> Round:
        """Return a round that is fresh enough; wait for it no longer than a round may take."""
        with self._changed:
            if self._latest is not None and self._fresh():
                return self._latest
            begun = self._begun if self._begun is not None else self._begin()
            number = self._number
            self._changed.wait_for(lambda: self._done(number), timeout=self._left(begun))
            if self._latest is not None and self._done(number):
                return self._latest
            late = self._late()
        self._source.cut()
        return late

    def close(self) -> None:
        """End the round that is going on, and the connection; nobody may `get` any more."""
        with self._changed:
            going = self._begun is not None
        if going:
            self._source.cut()
        with self._changed:
            ended = self._changed.wait_for(lambda: self._begun is None, timeout=2)
        if ended:
            self._source.close()

    def _done(self, number: int) -> bool:
        return self._begun is None or self._number != number

    def _fresh(self) -> bool:
        return time.monotonic() - self._ended < self._keep

    def _left(self, begun: float) -> float:
        return max(0.0, begun + self._limit + _GRACE - time.monotonic())

    def _late(self) -> Round:
        seconds = time.monotonic() - (self._begun or time.monotonic())
        return Round(False, seconds, error=TIMEOUT, number=self._number)

    def _begin(self) -> float:
        begun = self._begun = time.monotonic()
        self._number += 1
        threading.Thread(target=self._run, name="carecli round", daemon=True).start()
        return begun

    def _run(self) -> None:
        result = self._source.read(self._limit)
        with self._changed:
            self._latest = replace(result, number=self._number)
            self._ended = time.monotonic()
            self._begun = None
            self._changed.notify_all()
        # CPython lets freed tuples pile up, up to megabytes, until a collection of everything.
        gc.collect()
