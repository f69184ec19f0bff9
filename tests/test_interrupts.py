"""Signals strike where they may, and wait where they must."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time

import pytest

from carecli.interrupts import (
    Terminated,
    interruptible,
    signal_of,
    uninterrupted,
    wait_for_input,
)


def send(number: int) -> None:
    """Send this process a signal and let it arrive."""
    os.kill(os.getpid(), number)
    time.sleep(0.01)


def send_while_held(number: int, done: list[int]) -> None:
    """Send a signal where it has to wait, and note that the block went on."""
    with interruptible(), uninterrupted():
        send(number)
        done.append(number)


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_signal_ends_the_block(number: int, kind: type[BaseException]) -> None:
    """Both signals become interrupts that know their number."""
    with pytest.raises(kind) as caught, interruptible():
        send(number)
    assert signal_of(caught.value) == number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_waits(number: int) -> None:
    """In a block that must not be interrupted a signal waits for its end."""
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt) as caught:
        send_while_held(number, done)
    assert done == [number]
    assert signal_of(caught.value) == number


def test_signal_waits_with_other_threads_about() -> None:
    """It does so although the system may give the signal to any thread, as to a progress bar's."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    done: list[int] = []
    try:
        with pytest.raises(KeyboardInterrupt):
            send_while_held(signal.SIGINT, done)
    finally:
        ended.set()
        thread.join()
    assert done == [signal.SIGINT]


def test_second_signal_strikes_at_once() -> None:
    """Who insists is not kept waiting."""
    done = []

    def insist() -> None:
        with interruptible(), uninterrupted():
            send(signal.SIGINT)
            done.append(1)
            send(signal.SIGINT)
            done.append(2)

    with pytest.raises(KeyboardInterrupt):
        insist()
    assert done == [1]


def test_nested_blocks_wait_for_the_outer_one() -> None:
    """The end of an inner block lets nothing through while an outer one holds."""
    done = []

    def nested() -> None:
        with interruptible(), uninterrupted():
            with uninterrupted():
                send(signal.SIGTERM)
            done.append(True)

    with pytest.raises(Terminated):
        nested()
    assert done == [True]


def test_handlers_are_put_back() -> None:
    """Afterwards the signals are handled as before."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with interruptible():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_ignored_signal_stays_ignored() -> None:
    """What `nohup` or a shell's `&` had ignored does not end the block."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            send(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


LATE = """
import ctypes, functools, signal
from carecli.interrupts import interruptible, wait_for_input

class Terminal:
    # select() asks for it in C just before it waits: no Python runs between signal and wait.
    fileno = staticmethod(functools.partial(ctypes.CDLL(None)["raise"], signal.SIGTERM))

with interruptible():
    wait_for_input(Terminal())
"""


def test_signal_just_before_the_wait() -> None:
    """It strikes during the wait for input, where without care it would be slept through."""
    process = subprocess.Popen(
        [sys.executable, "-c", LATE], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            process.wait(timeout=60)
        finally:
            process.kill()
        assert process.stderr is not None
        assert "carecli.interrupts.Terminated" in process.stderr.read()


def test_input_ends_the_wait() -> None:
    """What there is to read ends the wait; a signal without consequences does not."""
    ours, theirs = os.pipe()
    struck: list[int] = []

    def type_slowly() -> None:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.2)
        os.write(theirs, b"y\n")

    before = signal.signal(signal.SIGUSR1, lambda number, frame: struck.append(number))
    typist = threading.Thread(target=type_slowly)
    try:
        with open(ours) as stream:  # noqa: PTH123 - a descriptor, not a path
            typist.start()
            wait_for_input(stream)
            assert select.select([stream], [], [], 0)[0] == [stream]
            assert struck == [signal.SIGUSR1]
            typist.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
        os.close(theirs)
    assert signal.set_wakeup_fd(-1) == -1
