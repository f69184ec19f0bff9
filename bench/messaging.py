"""Measures the messaging functions beside bare INSERTs and beside V1, side by side in one run.

pgbench runs the scripts of bench/messaging on one scratch server with PostgreSQL's own durability
settings; each script sets the session up as PostgREST does, in a transaction of its own. The
scripts alternate in rounds, so that what else the machine does strikes all of them alike; shown
are medians, and the medians of each round's ratios. Every transaction has to leave its row.

    python bench/messaging.py                     all of it, as in the README
    python bench/messaging.py --scale small       5,000 and 50,000 conversations, some minutes
    python bench/messaging.py --check             exit 1 where a limit is missed
"""

from __future__ import annotations

import argparse
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from carecli.embedded.prepare import prepare_database

SCRIPTS = Path(__file__).resolve().parent / "messaging"
OWNER = "postgres"
CLIENTS = 8

CREATE_LIMIT = 0.75
SEND_LIMIT = 0.75
V1_LIMIT = 3.0
GROWTH_LIMIT = 1.5

# What a transaction of a script leaves, so that one that was refused is noticed.
WRITES = {
    "create_conversation": "public.conversations_v2",
    "insert_conversation": "public.conversations_v2",
    "send_message": "public.messages_v2",
    "insert_message": "public.messages_v2",
    "start_v1": "public.messages",
    "start_v1_at_once": "public.messages",
}
THROUGHPUT = tuple(WRITES)
LATENCY = (
    "create_conversation",
    "send_message",
    "list_first",
    "list_page_50",
    "unread_counts",
    "messages_first",
    "messages_deep",
)


@dataclass(frozen=True)
class Scale:
    """How much is in a database.

    Arguments:
        conversations: how many.
        own: conversations of each of the eight people who look at theirs; the same in both sizes.
        deep: further messages of the first conversation of each of them.
        each: further messages of every other conversation.
        helpers: people who begin conversations during the bench.
    """

    conversations: int
    own: int
    deep: int
    each: int = 10
    # Prime, so that pairs with requests do not come again soon; and so many that nobody comes near
    # a rate limit, which are the ones that ship.
    helpers: int = 100_003

    def variables(self) -> dict[str, str]:
        """Return the variables of the scripts."""
        owners = max(1, self.conversations // 10)
        middle = f"2026-01-01T{1 + self.deep // 7200:02}:{self.deep // 120 % 60:02}:00Z"
        return {
            "conversations": str(self.conversations),
            "own": str(self.own),
            "deep": str(self.deep),
            "each": str(self.each),
            "helpers": str(self.helpers),
            "owners": str(owners),
            "limit": str(self.own // 50),
            "deep_time": middle,
        }


SCALES = {
    "small": (Scale(5_000, 100, 250), Scale(50_000, 100, 250)),
    "full": (Scale(10_000, 1_000, 2_000), Scale(1_000_000, 1_000, 2_000)),
}


@dataclass(frozen=True)
class Result:
    """One run of a script.

    Arguments:
        transactions: how many.
        rate: transactions a second.
        p95: seconds in which 95 of 100 transactions ended.
    """

    transactions: int
    rate: float
    p95: float


def script_text(name: str) -> str:
    """Return a script, its `-- session of USER` lines replaced by what sets the session up.

    Arguments:
        name: of the script.
    """
    session = (SCRIPTS / "session.sql").read_text(encoding="utf-8")
    session = session[session.index("select") :].rstrip()
    text = (SCRIPTS / f"{name}.sql").read_text(encoding="utf-8")
    return re.sub(
        r"^-- session of (.+)$", lambda user: session.replace("{user}", user[1]), text, flags=re.M
    )


class Bench:
    """A migrated and filled database of a scratch server.

    Arguments:
        server: running.
        name: of the database.
        scale: what is in it.
    """

    def __init__(self, server: Server, name: str, scale: Scale) -> None:
        self._server = server
        self._name = name
        self._scale = scale
        self._begun = 0

    def fill(self) -> None:
        """Make the database, deploy the plan, and fill it."""
        prepare_database(self._server.url, self._name, OWNER)
        url = self._server.url(self._name, OWNER)
        command = [sys.executable, "-m", "carecli", "--quiet", "migrate", "--yes", "-d", url]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for script in ("fill", "mend_v1"):
            variables = self._scale.variables().items()
            defined = [part for name, value in variables for part in ("-v", f"{name}={value}")]
            self._program("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *defined,
                          "-f", str(SCRIPTS / f"{script}.sql"))  # fmt: skip

    def run(self, script: str, *, clients: int, seconds: int) -> Result:
        """Run one script for so long, and make sure that each transaction did what it should.

        Arguments:
            script: its name.
            clients: sessions at once.
            seconds: how long.
        """
        variables = {**self._scale.variables(), "number": "0", "begin": str(self._begun)}
        defined = [part for name, value in variables.items() for part in ("-D", f"{name}={value}")]
        rows = self._rows(script)
        with tempfile.TemporaryDirectory(prefix="carecli-bench-") as folder:
            file = Path(folder, "script")
            file.write_text(script_text(script), encoding="utf-8")
            self._program(
                "pgbench", "--no-vacuum", "--protocol=prepared", f"--client={clients}",
                f"--jobs={min(clients, 2)}", f"--time={seconds}", *defined,
                "--log", f"--log-prefix={folder}/log", f"--file={file}",
            )  # fmt: skip
            files = list(Path(folder).glob("log*"))
            # client, transaction, time in microseconds, ...: the format of pgbench --log.
            times = sorted(
                int(line.split()[2]) / 1e6 for file in files for line in file.open(encoding="ascii")
            )
        # Far enough for whatever came of it: the next run makes other pairs.
        self._begun += (len(times) + 1) * CLIENTS
        if script in WRITES:
            self._expect(script, rows + len(times))
        return Result(len(times), len(times) / seconds, times[math.ceil(len(times) * 0.95) - 1])

    def _rows(self, script: str) -> int:
        """Return how many rows were ever inserted into the table that a script writes."""
        if script not in WRITES:
            return 0
        with psycopg.connect(self._server.url(self._name)) as connection:
            row = connection.execute(
                "select pg_stat_get_tuples_inserted(%s::regclass)", [WRITES[script]]
            ).fetchone()
        assert row is not None
        return int(row[0])

    def _expect(self, script: str, rows: int) -> None:
        """Make sure that no transaction was refused: a session's counts come with its end."""
        limit = time.monotonic() + 10
        while (found := self._rows(script)) != rows:
            if time.monotonic() > limit:
                sys.exit(f"{script}: {rows - found} transactions left no row")
            time.sleep(0.01)

    def check_reads(self) -> None:
        """Make sure that the scripts that read find something to read."""
        variables = {**self._scale.variables(), "heavy": "7"}
        for script in LATENCY:
            if script in WRITES:
                continue
            text = script_text(script)
            body = "".join(line for line in text.splitlines(keepends=True) if line[0] not in "\\-")
            for name, value in variables.items():
                body = re.sub(rf"(?<!:):{name}\b", value if value.isdigit() else f"'{value}'", body)
            with psycopg.connect(self._server.url(self._name), autocommit=True) as connection:
                cursor = connection.execute(body.encode())
                while cursor.description is None or cursor.description[0].name == "set_config":
                    cursor.nextset()
                (answer,) = cursor.fetchone() or ({},)
            if not answer.get("conversations") and not answer.get("messages"):
                sys.exit(f"{script} finds nothing: {answer}")

    def _program(self, name: str, *arguments: str) -> None:
        place = ["-h", str(self._server.sockets), "-U", self._server.superuser]
        command = [str(self._server.binaries / name), *place, *arguments]
        command += ["-d", self._name] if name == "psql" else [self._name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or "aborted" in done.stderr:
            sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


@contextmanager
def filled_server(sizes: Mapping[str, Scale]) -> Iterator[dict[str, Bench]]:
    """Fill a database of each size on a scratch server, which is durable only from then on."""
    with tempfile.TemporaryDirectory(prefix="carecli-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        common = {"max_wal_size": "8GB", "shared_buffers": "1GB", "checkpoint_timeout": "30min"}
        quick = {"fsync": "off", "full_page_writes": "off", "maintenance_work_mem": "1GB"}
        server = Server(
            wheel_binaries(), folder / "data", folder / "s", settings={**common, **quick}
        )
        server.initialise()
        try:
            server.start()
            benches = {size: Bench(server, size, scale) for size, scale in sizes.items()}
            for size, bench in benches.items():
                begun = time.monotonic()
                bench.fill()
                bench.check_reads()
                print(f"Filled {size} in {time.monotonic() - begun:.0f} s", file=sys.stderr)
            server.stop()
            os.sync()
            durable = replace(server, settings=common)
            durable.start()
            yield benches
        finally:
            server.stop()


def median_ratio(over: list[float], under: list[float]) -> float:
    """Return the median of the ratios of the rounds."""
    return statistics.median(one / other for one, other in zip(over, under, strict=True))


def compare_throughput(bench: Bench, arguments: argparse.Namespace) -> bool:
    """Print what eight clients achieve with each way to write; tell whether the limits are kept."""
    rates: dict[str, list[float]] = {script: [] for script in THROUGHPUT}
    for number in range(-1, arguments.rounds):
        for script in THROUGHPUT if number % 2 else reversed(THROUGHPUT):
            result = bench.run(script, clients=CLIENTS, seconds=arguments.seconds)
            if number >= 0:  # the first round warms up
                rates[script].append(result.rate)
    comparisons = [
        ("create_conversation", "insert_conversation", CREATE_LIMIT),
        ("send_message", "insert_message", SEND_LIMIT),
        ("create_conversation", "start_v1", V1_LIMIT),
        ("create_conversation", "start_v1_at_once", None),
    ]
    print(f"\nThroughput, {CLIENTS} clients, transactions a second\n")
    print("| function | | beside | | ratio | at least |\n|---|---|---|---|---|---|")
    good = True
    for script, peer, limit in comparisons:
        ratio = median_ratio(rates[script], rates[peer])
        good &= limit is None or ratio >= limit
        own, other = statistics.median(rates[script]), statistics.median(rates[peer])
        print(f"| {script} | {own:.0f} | {peer} | {other:.0f} | {ratio:.2f} | {limit or ''} |")
    return good


def compare_growth(benches: Mapping[str, Bench], arguments: argparse.Namespace) -> bool:
    """Print how each function's p95 grows with the data; tell whether the limit is kept."""
    sizes = tuple(benches)
    times: dict[tuple[str, str], list[float]] = {
        (script, size): [] for script in LATENCY for size in sizes
    }
    for number in range(-1, arguments.rounds):
        for script in LATENCY:
            for size in sizes if number % 2 else reversed(sizes):
                result = benches[size].run(script, clients=2, seconds=arguments.seconds)
                if number >= 0:
                    times[script, size].append(result.p95)
    small, large = sizes
    print(f"\np95 in milliseconds, 2 clients\n\n| script | {small} | {large} | ratio | at most |")
    print("|---|---|---|---|---|")
    good = True
    for script in LATENCY:
        ratio = median_ratio(times[script, large], times[script, small])
        good &= ratio <= GROWTH_LIMIT
        first, last = (statistics.median(times[script, size]) * 1000 for size in sizes)
        print(f"| {script} | {first:.2f} | {last:.2f} | {ratio:.2f} | {GROWTH_LIMIT} |")
    return good


def main() -> None:
    """Run the comparison that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each script")
    parser.add_argument("--seconds", type=int, default=5, help="length of each run")
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--check", action="store_true", help="exit 1 where a limit is missed")
    arguments = parser.parse_args()
    first, last = SCALES[arguments.scale]
    sizes = {f"{scale.conversations}_conversations": scale for scale in (first, last)}
    with filled_server(sizes) as benches:
        # Among many people, so that each of them is far from his limits.
        good = compare_throughput(list(benches.values())[-1], arguments)
        good &= compare_growth(benches, arguments)
    if arguments.check and not good:
        sys.exit("A ratio misses its limit.")


if __name__ == "__main__":
    main()
