"""`carecli metrics --watch`, on a terminal."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import termios
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from tests.plugins.chaos import wait_for
from tests.plugins.databases import TestDatabase
from tests.plugins.postgres import TestServer
from tests.plugins.scratch import cluster, roomy_folder
from tests.plugins.terminal import OpenTerminal, Terminal

pytestmark = pytest.mark.slow

SESSION = "carecli metrics --watch"
LEFT = "\x1b[?1049l"  # back from the second screen
SHOWN = "\x1b[?25h"  # the cursor
READ = re.compile(r"Read (\S+ \S+) UTC")
OURS = f"select pid from pg_stat_activity where application_name = '{SESSION}'"


def watching(terminal: Terminal) -> Terminal:
    """Return the terminal when a reading is on its screen."""
    terminal.wait_until("a reading", lambda: READ.search(terminal.screen))
    return terminal


def is_given_back(terminal: Terminal) -> bool:
    """Tell whether screen, cursor and keys are as they were before."""
    end = terminal.output[-100:]
    return terminal.is_as_before and LEFT in end and SHOWN in end


def sessions(database: TestDatabase) -> list[int]:
    """Return the processes of the server that serve the screen."""
    return [pid for (pid,) in database.execute(f"{OURS} and datname = current_database()")]


@pytest.mark.parametrize("key", [b"q", b"Q"])
def test_q_quits(carecli_terminal: OpenTerminal, migrated: TestDatabase, key: bytes) -> None:
    """The key alone ends it, well, and the terminal is as it was."""
    terminal = watching(carecli_terminal("metrics", "-d", migrated.url, "--watch"))
    assert terminal.screen.startswith("OK - ")
    assert "connection_pool_used" in terminal.screen
    assert not terminal.is_as_before
    terminal.press(key)
    assert terminal.finish() == 0
    assert is_given_back(terminal)
    wait_for("the session to be gone", lambda: not sessions(migrated))


def test_other_keys_do_nothing(carecli_terminal: OpenTerminal, migrated: TestDatabase) -> None:
    """Neither an arrow nor Ctrl-Z, which would leave the shell with our screen."""
    terminal = watching(carecli_terminal("metrics", "-d", migrated.url, "--watch", "0.2"))
    assert termios.tcgetattr(terminal.theirs)[6][termios.VSUSP] == b"\0"
    terminal.press(b"\x1b[A\x1ax\r")
    before = terminal.output
    terminal.wait_until("further drawing", lambda: len(terminal.output) > 2 * len(before))
    assert terminal.process.poll() is None
    terminal.press(b"q")
    assert terminal.finish() == 0


@pytest.mark.parametrize(
    ("number", "code"), [(None, 130), (signal.SIGINT, 130), (signal.SIGTERM, 143)],
    ids=["ctrl-c", "sigint", "sigterm"],
)  # fmt: skip
def test_signal_quits(
    carecli_terminal: OpenTerminal, migrated: TestDatabase, number: int | None, code: int
) -> None:
    """It ends as logs --follow does, without a word, and gives the terminal back."""
    terminal = watching(carecli_terminal("metrics", "-d", migrated.url, "--watch", "0.2"))
    if number is None:
        terminal.press(b"\x03")
    else:
        terminal.process.send_signal(number)
    assert terminal.finish() == code
    assert is_given_back(terminal)
    assert terminal.output.rstrip().endswith(LEFT)


def test_screen_is_read_anew(carecli_terminal: OpenTerminal, migrated: TestDatabase) -> None:
    """What happens meanwhile is on it, with what to do."""
    terminal = watching(carecli_terminal("metrics", "-d", migrated.url, "--watch", "0.2"))
    migrated.execute(
        "select messaging.record_call('startHelpConversation', clock_timestamp(),"
        " jsonb_build_object('success', false, 'error', 'server_error', 'http_status', 500,"
        " 'message', 'x', 'request_id', 'v2_9_' || number), null)"
        " from generate_series(1, 30) as number"
    )
    terminal.wait_until("the rule", lambda: terminal.screen.startswith("CRITICAL - "))
    assert "creation_success_rollback" in terminal.screen
    # What is bad stands first.
    rows = terminal.screen.partition("\nmetric ")[2].splitlines()[1:]
    assert rows[0].startswith("conversation_creation_success_rate")
    assert " breach " in rows[0]


def test_metric_without_a_window_has_the_course_of_the_watching(
    carecli_terminal: OpenTerminal, migrated: TestDatabase
) -> None:
    """Each reading adds a character, until the column is full; no more are kept."""
    terminal = carecli_terminal("metrics", "-d", migrated.url, "--watch", "0.1", columns=100)
    full = re.compile(r"connection_pool_used total share.* ([▁-█]{12}) *$", re.MULTILINE)
    terminal.wait_until("twelve readings", lambda: full.search(terminal.screen))
    terminal.wait_until("many more", lambda: terminal.output.count("connection_pool_used") > 40)
    assert full.search(terminal.screen)
    terminal.press(b"q")
    terminal.finish()


def test_killed_session_is_told_and_replaced(
    carecli_terminal: OpenTerminal, migrated: TestDatabase
) -> None:
    """The screen says so with the time of the last good reading, and goes on."""
    terminal = watching(carecli_terminal("metrics", "-d", migrated.url, "--watch", "0.3"))
    (first,) = sessions(migrated)
    migrated.execute("select pg_terminate_backend(%s)", first)
    lost = re.compile(r"Connection lost at [\d:]+; last good reading (\S+ \S+) UTC; trying again")
    terminal.wait_until("the loss", lambda: lost.search(terminal.text))
    terminal.wait_until("a reading", lambda: READ.search(terminal.screen))
    (second,) = sessions(migrated)
    assert second != first
    terminal.press(b"q")
    assert terminal.finish() == 0
    assert "Traceback" not in terminal.text


@pytest.fixture
def own_server(server: TestServer) -> Iterator[Server]:
    """Give a server that a test may stop."""
    home = Path(tempfile.mkdtemp(prefix=f"carecli-tests-{os.getpid()}-w", dir=roomy_folder()))
    home.chmod(0o711)
    running = cluster(server.bin or wheel_binaries(), home, superuser="postgres")
    running.initialise(["--no-sync"])
    running.start()
    try:
        yield running
    finally:
        running.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


def test_restarted_server_is_waited_for(carecli_terminal: OpenTerminal, own_server: Server) -> None:
    """While it is away the last figures stay on the screen, and it can be quit; then it goes on."""
    terminal = carecli_terminal("metrics", "-d", own_server.url(), "--watch", "0.3")
    watching(terminal)
    own_server.stop("immediate")
    terminal.wait_until("the loss", lambda: "Connection lost" in terminal.screen)
    assert "connection_pool_used" in terminal.screen
    assert "last good reading" in terminal.screen
    own_server.start()
    terminal.wait_until("a reading", lambda: READ.search(terminal.screen))
    own_server.stop("immediate")
    terminal.wait_until("the second loss", lambda: "Connection lost" in terminal.screen)
    terminal.press(b"q")
    assert terminal.finish() == 0
    assert is_given_back(terminal)


def test_server_that_does_not_answer_keeps_nobody(
    carecli_terminal: OpenTerminal, own_server: Server
) -> None:
    """The key works while a reading hangs in a session that is frozen."""
    terminal = watching(carecli_terminal("metrics", "-d", own_server.url(), "--watch", "0.1"))
    with psycopg.connect(own_server.url()) as connection:
        row = connection.execute(OURS.encode()).fetchone()
    assert row is not None
    os.kill(row[0], signal.SIGSTOP)
    try:
        drawn = terminal.output.count("q quits")
        # The screen goes on, with the reading that it has.
        terminal.wait_until("drawing", lambda: terminal.output.count("q quits") > drawn + 3)
        terminal.press(b"q")
        assert terminal.finish() == 0
    finally:
        os.kill(row[0], signal.SIGCONT)
    assert is_given_back(terminal)


def test_resized_terminal_gets_a_new_screen(
    carecli_terminal: OpenTerminal, migrated: TestDatabase
) -> None:
    """Lines are cut to the width and to the height; the last one stays, and says what is hidden."""
    terminal = watching(carecli_terminal("metrics", "-d", migrated.url, "--watch", "3600"))
    assert "connection_pool_used total share" in terminal.screen
    terminal.resize(44, 10)
    terminal.wait_until("less", lambda: "more lines do not fit" in terminal.screen)
    lines = terminal.screen.splitlines()
    assert len(lines) <= 10
    assert max(len(line.rstrip()) for line in lines) <= 44
    terminal.resize(120, 40)
    terminal.wait_until("more", lambda: "connection_pool_used total share" in terminal.screen)
    assert "do not fit" not in terminal.screen
    terminal.press(b"q")
    assert terminal.finish() == 0


def test_no_color(carecli_terminal: OpenTerminal, migrated: TestDatabase) -> None:
    """Who wants no colours gets none; bold and dim are none."""
    terminal = watching(
        carecli_terminal("metrics", "-d", migrated.url, "--watch", env={"NO_COLOR": "1"})
    )
    terminal.press(b"q")
    assert terminal.finish() == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-7][;m]", terminal.output)


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_dumb_terminal_is_none(
    carecli_terminal: OpenTerminal, migrated: TestDatabase, term: str
) -> None:
    """There is no screen to draw on."""
    terminal = carecli_terminal("metrics", "-d", migrated.url, "--watch", env={"TERM": term})
    assert terminal.finish() == 2
    assert "--watch needs a terminal" in terminal.text


def test_old_plan_is_told_on_the_screen(
    carecli_terminal: OpenTerminal, database: TestDatabase
) -> None:
    """Why metrics are unavailable stands there, and what to do."""
    terminal = carecli_terminal("metrics", "-d", database.url, "--watch", columns=160)
    watching(terminal)
    assert terminal.screen.startswith("UNKNOWN - ")
    assert "metrics are unavailable: " in terminal.screen
    assert "carecli migrate" in terminal.screen
    terminal.press(b"q")
    assert terminal.finish() == 0


def test_no_connection_to_begin_with(carecli_terminal: OpenTerminal) -> None:
    """A wrong address is told at once, not on a screen that waits for ever."""
    terminal = carecli_terminal("metrics", "-d", "postgresql://127.0.0.1:1/x", "--watch")
    assert terminal.finish() == 3
    assert LEFT not in terminal.output
    assert "cannot connect" in terminal.text
