"""What a migration looks like in a terminal, and in a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from carecli.plan import Change

__all__ = ["ConsoleReporter", "confirm", "ending_told", "print_json"]

_BAR_FROM = 20
"""From so many changes on, a terminal gets a progress bar instead of a line a change."""


class ConsoleReporter:
    """Prints a line for each change on stderr, or a progress bar when there are many.

    Arguments:
        sign: `+` for deploying, `-` for reverting.
        verbosity: -1 prints failures only.
    """

    def __init__(self, sign: str, verbosity: int) -> None:
        self._sign = sign
        self._verbosity = verbosity
        self._width = 0
        self._bar: Any = None
        self._task: Any = None
        self._open = False  # whether the cursor stands in a change's line

    def begin(self, total: int, width: int) -> None:
        """Set the width of the lines, or open the bar."""
        self._width = width
        if total >= _BAR_FROM and sys.stderr.isatty() and 0 <= self._verbosity < 1:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TaskProgressColumn,
                TextColumn,
                TimeRemainingColumn,
            )

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TaskProgressColumn(show_speed=True),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("", total=total)
            self._bar.start()

    def end(self) -> None:
        """Close the bar, whatever happened."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def started(self, change: Change) -> None:
        """Begin the line of a change."""
        if self._bar is not None:
            self._bar.update(self._task, description=change.name)
        elif self._verbosity >= 0:
            name = change.name_with_tags
            dots = "." * (self._width - len(name) + 2)
            click.echo(f"  {self._sign} {name} {dots} ", err=True, nl=False)
            self._open = True

    def finished(self, change: Change, seconds: float) -> None:
        """End the line of a change with its time."""
        if self._bar is not None:
            self._bar.advance(self._task)
        elif self._verbosity >= 0:
            click.echo(f"{click.style('ok', fg='green')} {seconds * 1000:6.0f} ms", err=True)
            self._open = False

    def failed(self, change: Change) -> None:
        """End the line of a change that failed, where it stands open."""
        self.end()
        if self._open:
            click.secho("not ok", fg="red", err=True)
            self._open = False

    def say(self, message: str) -> None:
        """Print a line of its own."""
        if self._verbosity >= 0:
            lead = "\n" if self._open else ""
            click.echo(f"{lead}{message}", err=True)
            self._open = False

    def notice(self, diagnosis: Any) -> None:
        """Print a notice or warning of the server."""
        self.say(f"    {diagnosis.severity}: {diagnosis.message_primary}")


def confirm(question: str, *, yes: bool, why: str) -> None:
    """Ask before something that cannot be taken back lightly.

    Arguments:
        question: what is about to happen, as a question.
        yes: whether the user has agreed beforehand.
        why: the reason to ask, for the error where nobody can be asked.

    Raises:
        Refused: nobody is there to ask, or the answer was no.
    """
    from carecli.errors import Refused

    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise Refused(f"{why}, and nobody can be asked", hint="Agree beforehand with --yes.")
    if not _agrees(question):
        raise Refused("not confirmed; nothing was done")


def _agrees(question: str) -> bool:
    """Ask on the terminal until the answer is y or n; no answer is n."""
    from carecli.interrupts import wait_for_input

    answers = {"y": True, "yes": True, "n": False, "no": False, "": False}
    while True:
        click.echo(f"{question} [y/N]: ", err=True, nl=False)
        wait_for_input(sys.stdin)
        # A terminal gives a line at a time, and nothing at the end of the input. Not input(), which
        # wants to write to stdout, nor sys.stdin, whose buffer would hide what is waited for.
        line = os.read(sys.stdin.fileno(), 4096)
        answer = line.decode(errors="replace").strip().lower()
        if answer in answers:
            return answers[answer]
        click.echo("Please answer y or n.", err=True)


@contextmanager
def ending_told(
    state: str = "no change was being deployed or reverted when it came.",
) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a command with their exit codes and a word on what was done.

    Arguments:
        state: what was not being done, for the message.

    Raises:
        Interrupted: one of them came while no change was being worked on.
    """
    from carecli.interrupts import interruptible, signal_of

    with interruptible():
        try:
            yield
        except KeyboardInterrupt as interrupt:
            from carecli.migrator.failure import Interrupted

            signal = signal_of(interrupt)
            raise Interrupted(
                f"interrupted by {signal.name}",
                detail=f"State: {state}",
                signal_number=signal,
            ) from None


def print_json(answer: Any) -> None:
    """Print an answer for a program: indented JSON, times in ISO 8601.

    Arguments:
        answer: of dicts, lists, strings, numbers, times.
    """
    import json

    click.echo(json.dumps(answer, indent=2, ensure_ascii=False, default=_iso))


def _iso(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
