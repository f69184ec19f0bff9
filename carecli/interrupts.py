"""Ctrl-C and SIGTERM: when they may strike, and what they are called when they do."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

__all__ = ["Terminated", "interruptible", "signal_of", "uninterrupted", "wait_for_input"]

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

    def strike(self, number: int, frame: FrameType | None) -> None:
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
    _gate.waiting = None
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


def wait_for_input(stream: TextIO) -> None:
    """Wait until a stream can be read from, or has ended; a signal strikes meanwhile.

    A read sleeps through a signal that arrives just before it: Python notes the signal, and handles
    it when the read comes back with a line. Here the arrival is written to a pipe, which is waited
    for as well (`signal.set_wakeup_fd`).

    Arguments:
        stream: a terminal, or whatever else has a file descriptor.
    """
    arrivals, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer)
    try:
        sources: list[TextIO | int] = [stream, arrivals]
        while stream not in select.select(sources, [], [])[0]:
            os.read(arrivals, 1)
    finally:
        signal.set_wakeup_fd(before)
        os.close(arrivals)
        os.close(writer)


def signal_of(interrupt: BaseException | None) -> signal.Signals:
    """Return the signal that an interrupt stands for.

    Arguments:
        interrupt: a KeyboardInterrupt, which is Ctrl-C where it is not `Terminated`.
    """
    return signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT
