"""The real command on a terminal of its own: what it draws, which keys it gets."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.plugins.chaos import wait_for
from tests.plugins.command import Run

__all__ = ["OpenTerminal", "Terminal"]

_COMMANDS = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>])")
_HOME = "\x1b[H"


@dataclass(slots=True)
class Terminal:
    """A terminal with one process in it.

    Arguments:
        process: the process.
        ours: our end of the terminal.
        theirs: its end, kept open so that its modes can be read after its death.
        before: the modes that the terminal had before the process began.
    """

    process: subprocess.Popen[bytes]
    ours: int
    theirs: int
    before: list[object]
    _said: bytearray = field(default_factory=bytearray)
    _reader: threading.Thread | None = None

    def read(self) -> None:
        """Take in what the process says, until its end is closed."""
        while True:
            try:
                ready, _, _ = select.select([self.ours], [], [], 0.05)
                said = os.read(self.ours, 65536) if ready else b""
            except OSError:
                return
            self._said += said
            if not ready and self.process.poll() is not None:
                return

    @property
    def output(self) -> str:
        """All that was said so far, with the commands for the terminal."""
        return bytes(self._said).decode(errors="replace")

    @property
    def text(self) -> str:
        """All that was said so far, without them."""
        return _COMMANDS.sub("", self.output).replace("\r", "")

    @property
    def screen(self) -> str:
        """What a live screen shows: all that was drawn since it was last begun anew."""
        frames = self.output.split(_HOME)
        # The newest frame may not be drawn to its end.
        whole = [frame for frame in frames[1:] if frame.strip()]
        return _COMMANDS.sub("", whole[-1]).replace("\r", "") if whole else ""

    def press(self, keys: bytes) -> None:
        """Type keys."""
        os.write(self.ours, keys)

    def resize(self, columns: int, lines: int) -> None:
        """Give it another size, as a window does whose edge is drawn."""
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, size)
        self.process.send_signal(signal.SIGWINCH)

    def wait_until(self, what: str, condition: Callable[[], object]) -> None:
        """Wait for a condition on what it shows; fail with the screen where it never holds."""
        try:
            wait_for(what, condition, timeout=30)
        except BaseException:
            print(self.text[-4000:])
            raise

    def finish(self) -> int:
        """Wait for the end of the process; return its exit code."""
        code = self.process.wait(30)
        assert self._reader is not None
        self._reader.join(30)
        return code

    @property
    def is_as_before(self) -> bool:
        """Whether lines are edited and keys echoed as before the process began."""
        return termios.tcgetattr(self.theirs) == self.before


OpenTerminal = Callable[..., Terminal]


@pytest.fixture
def carecli_terminal(carecli_run: Run) -> Iterator[OpenTerminal]:
    """Give a function that starts the command on a terminal; what is left is killed."""
    opened: list[Terminal] = []

    def start(
        *arguments: str | Path,
        columns: int = 100,
        lines: int = 40,
        env: dict[str, str | None] | None = None,
    ) -> Terminal:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        before = termios.tcgetattr(theirs)
        process = subprocess.Popen(
            [carecli_run.program, *map(str, arguments)],
            env=carecli_run.environment({"TERM": "xterm-256color", **(env or {})}),
            cwd=carecli_run.home,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            # Ctrl-C is for the session whose terminal it is.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        terminal = Terminal(process, ours, theirs, before)
        terminal._reader = threading.Thread(target=terminal.read, daemon=True)
        terminal._reader.start()
        opened.append(terminal)
        return terminal

    try:
        yield start
    finally:
        for terminal in opened:
            if terminal.process.poll() is None:
                terminal.process.kill()
            terminal.finish()
            os.close(terminal.ours)
            os.close(terminal.theirs)
