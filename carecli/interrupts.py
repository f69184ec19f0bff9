"""Ctrl-C and SIGTERM: when they may strike, and what they are called when they do."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Terminated", "interruptible", "signal_of", "uninterrupted"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived; handled as Ctrl-C is."""


class _Gate:
    """Where a signal waits while it may not strike.

    Not a blocked signal mask: that holds for one thread only, and the system gives a signal to
    any thread that does not block it, such as the one that draws a progress bar.
    """

    def __init__(self) -> None:
        self.holding = 0
        self.waiting: KeyboardInterrupt | None = None
        self.last: int | None = None

    def strike(self, number: int, frame: FrameType | None) -> None:
        self.last = number
        interrupt = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        # A second one is for somebody who will not wait: a commit can hang on a standby.
        if self.holding and self.waiting is None:
            self.waiting = interrupt
            return
        raise interrupt

    def release(self) -> None:
        self.holding -= 1
        waiting = self.waiting
        if not self.holding and waiting is not None:
            self.waiting = None
            raise waiting


_gate = _Gate()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that it rolls back and says what was done."""
    _gate.last = _gate.waiting = None
    # A signal that whoever started us had ignored, as `nohup` and `&` do, stays ignored.
    before = {
        number: signal.signal(number, _gate.strike)
        for number in _SIGNALS
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put the first Ctrl-C or SIGTERM off until the block is done; a second one ends it."""
    _gate.holding += 1
    try:
        yield
    finally:
        _gate.release()


def signal_of(interrupt: BaseException) -> int | None:
    """Return the number of the signal that an interrupt stands for; None: it was no signal.

    Arguments:
        interrupt: a KeyboardInterrupt, or what click makes of it at a prompt.
    """
    if isinstance(interrupt, Terminated):
        return signal.SIGTERM
    if isinstance(interrupt, KeyboardInterrupt):
        return signal.SIGINT
    return _gate.last
