"""Runs `carecli metrics serve` and `metrics --watch` for minutes and sees whether they grow.

A scratch server gets the look of Supabase, our plan and an event log that is written to all the
time. The exporter is scraped once a second, in both formats; the live screen runs in a terminal of
its own. Once a second their memory (RSS) and open files are read from /proc, and their connections
from the server. Shown are medians of the first and of the last tenth of the time, the first minute
(or the first quarter, where that is shorter) left out: Python and glibc warm up in it.

    python bench/exporter.py                10 minutes, as in the README
    python bench/exporter.py --minutes 2
    python bench/exporter.py --check        exit 1 where something grows, or has more than two
                                            connections
"""

from __future__ import annotations

import argparse
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from carecli.embedded.prepare import prepare_database

CARECLI = [sys.executable, "-m", "carecli"]
OWNER = "postgres"
EVENTS = 100_000
MOST_GROWTH = 1.5  # MB of memory between the first and the last tenth
MOST_CONNECTIONS = 2
WARM_UP = 60.0  # seconds

FILL = """
insert into messaging.rpc_events (
    occurred_at, request_id, service, method, event, error_code, version, duration_ms
)
select
    now() - random() * interval '1 day',
    'bench_' || gen_random_uuid(),
    'MessagingServiceV2',
    (array['startHelpConversation', 'sendMessage', 'getConversation'])[1 + n %% 3],
    case when n %% 200 = 0 then 'server_error' else 'success' end,
    case when n %% 200 = 0 then 'server_error' end,
    'v2',
    random() * 100
from generate_series(1, %s) as n
"""
CONNECTIONS = "select count(*) from pg_stat_activity where application_name = any (%s)"


@dataclass
class Watched:
    """One command that runs, and what was seen of it.

    Arguments:
        name: how it is shown.
        process: its process.
        applications: how its connections call themselves.
        seen: seconds, MB of memory, open files and connections, once a second.
    """

    name: str
    process: subprocess.Popen[str]
    applications: list[str]
    seen: list[tuple[float, float, int, int]] = field(default_factory=list)

    def look(self, seconds: float, observer: psycopg.Connection) -> None:
        """Add what is to be seen now."""
        if self.process.poll() is not None:
            sys.exit(f"{self.name} ended with {self.process.returncode}")
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        files = len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))
        row = observer.execute(CONNECTIONS, [self.applications]).fetchone()
        connections = row[0] if row else 0
        self.seen.append((seconds, int(line.split()[1]) / 1024, files, connections))

    def tenths(self, column: int) -> tuple[float, float]:
        """Return the medians of a column in the first and in the last tenth after the warm-up."""
        last = self.seen[-1][0]
        begin = min(WARM_UP, last / 4)
        tenth = (last - begin) / 10
        first = [row[column] for row in self.seen if begin <= row[0] <= begin + tenth]
        final = [row[column] for row in self.seen if row[0] >= last - tenth]
        return statistics.median(first), statistics.median(final)

    def faults(self) -> Iterator[str]:
        """Yield what it should not have done."""
        before, after = self.tenths(1)
        if after - before > MOST_GROWTH:
            yield f"{self.name}: memory grew by {after - before:.1f} MB"
        before, after = self.tenths(2)
        if after > before:
            yield f"{self.name}: open files grew from {before:.0f} to {after:.0f}"
        most = max(row[3] for row in self.seen)
        if most > MOST_CONNECTIONS:
            yield f"{self.name}: {most} connections at once"


@contextmanager
def filled_server() -> Iterator[str]:
    """Give the URL of a database with our plan and an event log of a day."""
    with tempfile.TemporaryDirectory(prefix="carecli-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Server(wheel_binaries(), folder / "data", folder / "s")
        server.initialise()
        server.start()
        try:
            prepare_database(server.url, "bench", OWNER, sample=True)
            url = server.url("bench", OWNER)
            migrate = [*CARECLI, "-q", "migrate", "--yes", "-d", url]
            subprocess.run(migrate, check=True, stdout=subprocess.DEVNULL)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(FILL, [EVENTS])
                connection.execute("select messaging.roll_up()")
            yield url
        finally:
            server.stop()


@contextmanager
def exporter(url: str) -> Iterator[tuple[Watched, str]]:
    """Give the exporter and the URL of its metrics."""
    process = subprocess.Popen(
        [*CARECLI, "metrics", "serve", "--listen", "127.0.0.1:0", "--cache", "0s", "-d", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        yield Watched("metrics serve", process, ["carecli metrics serve"]), address
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def live_screen(url: str) -> Iterator[Watched]:
    """Give the live screen, in a terminal of its own whose other side reads all of it."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*CARECLI, "metrics", "--watch", "1", "-d", url],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        text=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "50"},
    )
    os.close(theirs)

    def read() -> None:
        with suppress(OSError):
            while os.read(ours, 65536):
                pass

    threading.Thread(target=read, daemon=True).start()
    try:
        yield Watched("metrics --watch", process, ["carecli metrics", "carecli metrics --watch"])
    finally:
        process.terminate()
        process.wait()
        os.close(ours)


def scrape(address: str, number: int) -> float:
    """Scrape once, in the one format or in the other; return the seconds that it took."""
    request = urllib.request.Request(address)  # noqa: S310
    if number % 2:
        request.add_header("Accept", "application/openmetrics-text; version=1.0.0")
    begun = time.monotonic()
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        text = answer.read()
    if b"carecli_up 1.0" not in text:
        sys.exit("a scrape found no database")
    return time.monotonic() - begun


def run(minutes: float) -> list[Watched]:
    """Let both run for so long; return what was seen."""
    times: list[float] = []
    with filled_server() as url, exporter(url) as (server, address), live_screen(url) as screen:
        observer = psycopg.connect(url, autocommit=True)
        both = [server, screen]
        begun = time.monotonic()
        for number in range(max(20, int(minutes * 60))):
            observer.execute(FILL.replace("1 day", "1 second"), [20])
            if number % 60 == 0:
                observer.execute("select messaging.roll_up()")
            times.append(scrape(address, number))
            for watched in both:
                watched.look(time.monotonic() - begun, observer)
            time.sleep(max(0.0, begun + number + 1 - time.monotonic()))
        observer.close()
    milliseconds = statistics.median(times) * 1000
    print(f"{len(times)} scrapes, median {milliseconds:.0f} ms, slowest {max(times) * 1000:.0f} ms")
    return both


def show(watched: Watched) -> None:
    """Print one line about a command."""
    memory, files = watched.tenths(1), watched.tenths(2)
    connections = max(row[3] for row in watched.seen)
    print(
        f"{watched.name:16} memory {memory[0]:6.1f} MB -> {memory[1]:6.1f} MB, "
        f"open files {files[0]:.0f} -> {files[1]:.0f}, connections at most {connections}"
    )


def main() -> int:
    """Run, show, and judge where that was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10, help="default: 10")
    parser.add_argument("--check", action="store_true", help="exit 1 where something grows")
    arguments = parser.parse_args()
    both = run(arguments.minutes)
    for watched in both:
        show(watched)
    faults = [fault for watched in both for fault in watched.faults()]
    if arguments.check and faults:
        print(*faults, sep="\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
