"""The live screen of `carecli metrics --watch`."""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from rich.console import Console
from rich.live import Live
from rich.text import Text

from carecli.commands._courses import Courses
from carecli.commands._overview import View, take_view
from carecli.commands._overview_text import Line, Piece, heading_lines, slots_for, table_lines
from carecli.commands._readings import problems
from carecli.errors import CannotConnect, CarecliError, InvalidUsage
from carecli.monitoring.sparkline import drawable

if TYPE_CHECKING:
    from carecli.monitoring import Metric
    from carecli.project import Project
    from carecli.settings import Settings

__all__ = ["watch"]

_TICK = 0.5
"""Seconds after which the screen is drawn again, for the terminal may have another size."""

_PATIENCE = timedelta(seconds=15)
"""How much later than it should be a reading may come before the screen says so."""

# A server that went away without a word is found out, where the user has not chosen otherwise.
_KEEPALIVES = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}


@dataclass(frozen=True, slots=True)
class _State:
    """What the reader knows.

    Arguments:
        view: the last good reading.
        read_at: when it was read.
        problem: why there is no newer one; None where there is.
        lost_at: since when.
    """

    view: View
    read_at: datetime
    problem: str | None = None
    lost_at: datetime | None = None


class _Reader(threading.Thread):
    """Reads the database again and again, and goes on when it was lost.

    It is a thread of its own, so that a server which does not answer keeps nobody from quitting.

    Arguments:
        connect: gives a new connection.
        connection: the first one.
        take: reads a view.
        interval: seconds between two readings.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection],
        connection: psycopg.Connection,
        take: Callable[[psycopg.Connection], View],
        interval: float,
    ) -> None:
        super().__init__(daemon=True)
        self._connect = connect
        self._connection: psycopg.Connection | None = connection
        self._take = take
        self._interval = interval
        self._stopped = threading.Event()
        self.state = _State(take(connection), datetime.now(UTC))
        self.fault: BaseException | None = None
        self.news, self._wake = os.pipe()
        os.set_blocking(self.news, False)
        os.set_blocking(self._wake, False)

    def run(self) -> None:
        """Read until told to stop."""
        while not self._stopped.wait(self._interval):
            try:
                self._read()
            except (psycopg.Error, CarecliError) as error:
                self._drop()
                words = error.detail or error.message if isinstance(error, CarecliError) else error
                problem = str(words).strip().partition("\n")[0]
                lost_at = self.state.lost_at or datetime.now(UTC)
                self.state = replace(self.state, problem=problem, lost_at=lost_at)
            except Exception as error:
                self.fault = error
                self.wake()
                return
            self.wake()

    def wake(self) -> None:
        """Have the screen look at the state at once."""
        with suppress(BlockingIOError):
            os.write(self._wake, b"x")

    def stop(self) -> None:
        """Have it end; a server that does not answer is not waited for."""
        self._stopped.set()
        if self.is_alive():
            self.join(1)

    def _read(self) -> None:
        if self._connection is None:
            self._connection = self._connect()
        view = self._take(self._connection)
        self.state = _State(view, datetime.now(UTC))

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def watch(
    settings: Settings,
    project: Project | None,
    metrics: Sequence[Metric],
    window: timedelta | None,
    *,
    full: bool,
    judge: bool,
    interval: float,
) -> None:
    """Show the overview until somebody presses q or Ctrl-C.

    Arguments:
        settings: what the command line said.
        project: the sqitch project, for its targets.
        metrics: which ones.
        window: length of time to look back on, instead of each metric's own.
        full: whether every series has its line.
        judge: whether to judge the alert rules too.
        interval: seconds between two readings.

    Raises:
        InvalidUsage: there is no terminal.
        CannotConnect: there was no connection to begin with.
        click.exceptions.Exit: Ctrl-C or SIGTERM ended it.
    """
    console = Console(no_color=bool(os.environ.get("NO_COLOR")) or None, highlight=False)
    if not (sys.stdin and sys.stdin.isatty() and console.is_terminal) or console.is_dumb_terminal:
        raise InvalidUsage(
            "--watch needs a terminal",
            hint="Run it in one; or ask once, without --watch: --format json is for programs.",
        )
    slots = slots_for(console.width)
    courses = Courses(slots)

    def take(connection: psycopg.Connection) -> View:
        return courses.complete(
            take_view(connection, metrics, window, slots=slots, full=full, judge=judge)
        )

    _release_memory()
    _run(console, _open_reader(settings, project, take, interval), interval)


def _open_reader(
    settings: Settings,
    project: Project | None,
    take: Callable[[psycopg.Connection], View],
    interval: float,
) -> _Reader:
    """Connect for the first time, and read; a database that is not there is told at once."""
    from carecli.database import announce, choose, connect

    choice = choose(settings, project)
    announce(settings, choice)
    conninfo = _with_keepalives(choice.conninfo)

    def open_connection() -> psycopg.Connection:
        return connect(conninfo, application_name="carecli metrics --watch")

    try:
        return _Reader(open_connection, open_connection(), take, interval)
    except psycopg.OperationalError as error:
        raise CannotConnect("the connection was lost", detail=str(error).strip()) from None


def _release_memory() -> None:
    """Undo what is set for commands that end at once; and keep psycopg from writing on screen."""
    import gc
    import logging

    gc.set_threshold(700, 10, 10)
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)


def _with_keepalives(conninfo: str) -> str:
    given = conninfo_to_dict(conninfo)
    return make_conninfo("", **{**_KEEPALIVES, **given})


def _run(console: Console, reader: _Reader, interval: float) -> None:
    """Draw the screen until it is to end, and give the terminal back as it was."""
    import click

    from carecli.interrupts import interruptible, signal_of

    reader.start()
    try:
        with (
            interruptible(),
            _keys(sys.stdin.fileno()) as keys,
            Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False,
                 redirect_stderr=False) as live,
        ):  # fmt: skip
            _draw_until_quit(console, reader, interval, keys, live)
    except KeyboardInterrupt as interrupt:
        # That is how one ends it: nothing went wrong, and nothing is left to say.
        raise click.exceptions.Exit(128 + signal_of(interrupt)) from None
    finally:
        reader.stop()


def _draw_until_quit(
    console: Console, reader: _Reader, interval: float, keys: int, live: Live
) -> None:
    blocks = drawable(console.encoding)
    while True:
        if reader.fault is not None:
            raise reader.fault
        live.update(_screen(console, reader.state, interval, blocks=blocks), refresh=True)
        ready, _, _ = select.select([keys, reader.news], [], [], _TICK)
        if reader.news in ready:
            os.read(reader.news, 4096)
        if keys in ready:
            pressed = os.read(keys, 4096)
            # Nothing to read is the end: the terminal is gone.
            if not pressed or b"q" in pressed.lower():
                return


@contextmanager
def _keys(terminal: int) -> Iterator[int]:
    """Get each key as it is pressed, unseen; Ctrl-Z, which would leave the screen as it is, not."""
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        now = termios.tcgetattr(terminal)
        now[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(terminal, termios.TCSADRAIN, now)
        yield terminal
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _screen(console: Console, state: _State, interval: float, *, blocks: bool) -> Text:
    """Return the whole screen: no line too wide, the last one always there."""
    width, height = console.size
    heading = heading_lines(state.view, width)
    rows = sorted(state.view.rows, key=lambda row: row.verdict not in ("breach", "unavailable"))
    table = table_lines(rows, width, blocks=blocks)
    status, style = _status(state, interval)
    room = height - 2
    reasons = [[Piece(reason, "yellow")] for reason in problems(state.view.readings)]
    lines = [*heading, *table, *reasons]
    if len(lines) > room:
        hidden = len(lines) - room + 1
        lines = lines[: max(0, room - 1)]
        status = f"{hidden} more lines do not fit. {status}"
    stale = state.problem is not None
    text = Text(no_wrap=True, overflow="crop")
    for line in lines:
        text.append_text(_text(line, stale=stale))
        text.append("\n")
    text.append(f"\n{status}"[: width + 1], style=style)
    return text


def _text(line: Line, *, stale: bool) -> Text:
    text = Text()
    for words, colour, bold in line:
        style = " ".join(filter(None, ("bold" if bold else "", colour)))
        text.append(words, style="dim" if stale else style)
    return text


def _status(state: _State, interval: float) -> tuple[str, str]:
    """Return the last line of the screen and its style."""
    read = f"{state.read_at:%Y-%m-%d %H:%M:%S} UTC"
    if state.problem is not None:
        lost = f"{state.lost_at:%H:%M:%S}"
        words = f"Connection lost at {lost}; last good reading {read}; trying again; q quits."
        return f"{words} ({state.problem})", "bold red"
    late = datetime.now(UTC) - state.read_at - timedelta(seconds=interval)
    if late > _PATIENCE:
        return f"No answer; last good reading {read}.  q quits", "bold yellow"
    return f"Read {read}, every {interval:g} s.  q quits", "dim"
