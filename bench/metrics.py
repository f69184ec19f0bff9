"""Measures `carecli metrics` on a long event log, and what roll-ups and partitions cost writers.

A scratch server with PostgreSQL's own durability settings gets two databases with our plan: one
with an empty log and its few partitions, and one with a log of 30 days, a partition each, and 300
further partitions. The real command reads the long one before and after it is rolled up; both must
say the same. Then pgbench writes to both in turns, to the long one while it is rolled up all the
time, so that what else the machine does strikes both alike. Shown are medians, and the medians of
each round's ratios.

    python bench/metrics.py                       200,000 events, some minutes
    python bench/metrics.py --events 10000000     as in the README
    python bench/metrics.py --check               exit 1 where a limit is missed
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from carecli.embedded.prepare import prepare_database

CARECLI = [sys.executable, "-m", "carecli", "--quiet"]
OWNER = "postgres"
DAYS = 30
FURTHER = 300
CLIENTS = 4
MOST_SECONDS = 1.0
LEAST_RATIO = 0.95

PARTITION = """
do $$
declare
    v_day date;
begin
    for v_day in
        select (now() at time zone 'UTC')::date - number from generate_series(1, {days}) as number
    loop
        execute format(
            'create table messaging.rpc_events_%s partition of messaging.rpc_events'
            ' for values from (%L) to (%L)',
            to_char(v_day, 'YYYYMMDD'),
            to_char(v_day, 'YYYY-MM-DD "00:00:00+00"'),
            to_char(v_day + 1, 'YYYY-MM-DD "00:00:00+00"')
        );
    end loop;
end $$
"""

# Three methods, half of the codes, some V1; durations as a service has them, in a long tail.
FILL = """
insert into messaging.rpc_events (
    occurred_at, request_id, service, method, event, error_code, version, duration_ms
)
select
    now() - interval '30 days' * (1 - number::float8 / {events}),
    'v2_' || number,
    'MessagingServiceV2',
    (array['sendMessage', 'getConversation', 'startHelpConversation'])[1 + number % 3],
    case chance when 0 then 'server_error' when 1 then 'function_error' when 2 then
        'function_error' else 'success' end,
    case chance when 0 then 'server_error' when 1 then 'conversation_exists' when 2 then
        'validation_error' end,
    case when number % 10 = 0 then 'v1' else 'v2' end,
    exp(2 + random() * 3)
from (
    select number, (hashint8(number) & 1023) as chance
    from generate_series({first}::bigint, {last}::bigint) as number
) as event
"""

SCRIPTS = {
    "record_call": "select messaging.record_call('sendMessage', clock_timestamp(),"
    " '{\"success\": true, \"request_id\": null}', null, p_version => 'v2');\n",
    "get_conversation": "begin;\nset local role authenticated;\n"
    "select set_config('request.jwt.claims',"
    ' \'{"sub": "e4774cdd-a079-3f86-414e-8b9140bb6db4"}\', true);\n'
    "select public.get_conversation_v2('00000000-0000-4000-8000-00000000dead',"
    " 'e4774cdd-a079-3f86-414e-8b9140bb6db4');\nend;\n",
}


@contextmanager
def filled_server(events: int) -> Iterator[tuple[Server, Path]]:
    """Give a server with the databases `short` and `long`, and a folder for scripts."""
    with tempfile.TemporaryDirectory(prefix="carecli-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        settings = {"max_wal_size": "4GB", "max_locks_per_transaction": "1024"}
        server = Server(wheel_binaries(), folder / "data", folder / "s", settings=settings)
        server.initialise()
        server.start()
        try:
            for database in ("short", "long"):
                prepare_database(server.url, database, OWNER, sample=True)
                migrate = [*CARECLI, "migrate", "--yes", "-d", server.url(database, OWNER)]
                subprocess.run(migrate, check=True, stdout=subprocess.DEVNULL)
            fill(server.url("long", OWNER), events)
            yield server, folder
        finally:
            server.stop()


def fill(url: str, events: int) -> None:
    """Write a log of 30 days, in partitions."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PARTITION.format(days=DAYS + FURTHER).encode())
        for first in range(1, events + 1, 500_000):
            last = min(events, first + 499_999)
            connection.execute(FILL.format(events=events, first=first, last=last).encode())
        connection.execute("vacuum analyze messaging.rpc_events")


def read_metrics(url: str, rounds: int) -> tuple[float, Any]:
    """Return the median seconds of the command, and what it said of the 30 days."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([*CARECLI, "metrics", "-d", url], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    with psycopg.connect(url, autocommit=True) as connection:
        counts = connection.execute(
            "select * from messaging.call_counts('-infinity', 'infinity') order by 1, 2, 3, 4"
        ).fetchall()
    return statistics.median(seconds), counts


def roll_up(url: str) -> tuple[float, float]:
    """Roll up all of the log; return the seconds, and those of the longest run."""
    seconds = []
    with psycopg.connect(url, autocommit=True) as connection:
        more = True
        while more:
            began = time.perf_counter()
            row = connection.execute("select messaging.roll_up()").fetchone()
            assert row is not None
            seconds.append(time.perf_counter() - began)
            more = row[0]["more"]
        connection.execute("vacuum analyze messaging.rpc_minutes, messaging.rpc_hours")
    return sum(seconds), max(seconds)


@contextmanager
def rolling_up(url: str) -> Iterator[None]:
    """Roll up at once and every ten seconds, often for a minute's work, while the block runs."""
    ended = threading.Event()

    def run() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not ended.is_set():
                connection.execute("select messaging.roll_up()")
                ended.wait(10)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def rate(server: Server, database: str, script: Path, seconds: int) -> float:
    """Return the transactions a second of pgbench."""
    program = wheel_binaries() / "pgbench"
    done = subprocess.run(
        [
            *(program, "--no-vacuum", "--client", str(CLIENTS), "--jobs", "1"),
            *("--time", str(seconds), "--file", script, "--protocol", "prepared"),
            server.url(database),
        ],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def compare_writing(server: Server, folder: Path, arguments: argparse.Namespace) -> float:
    """Print how fast calls are logged in both databases; return the lowest ratio."""
    lowest = 1.0
    print(f"\n{'calls a second':<20}{'empty log':>12}{'long log':>12}{'ratio':>8}")
    for name, text in SCRIPTS.items():
        script = folder / f"{name}.sql"
        script.write_text(text)
        pairs = []
        for number in range(arguments.rounds):
            found = {}
            for database in ("short", "long") if number % 2 else ("long", "short"):
                if database == "long":
                    with rolling_up(server.url("long", OWNER)):
                        found[database] = rate(server, database, script, arguments.seconds)
                else:
                    found[database] = rate(server, database, script, arguments.seconds)
            pairs.append((found["short"], found["long"]))
        short, long = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(after / before for before, after in pairs)
        print(f"{name:<20}{short:>12,.0f}{long:>12,.0f}{ratio:>8.3f}", flush=True)
        lowest = min(lowest, ratio)
    return lowest


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000, help="rows of the event log")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement")
    parser.add_argument("--seconds", type=int, default=5, help="length of each run of pgbench")
    parser.add_argument("--check", action="store_true", help="exit 1 where a limit is missed")
    arguments = parser.parse_args()

    with filled_server(arguments.events) as (server, folder):
        url = server.url("long", OWNER)
        print(f"{arguments.events:,} events, {os.cpu_count()} processors, "
              f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
        empty, _ = read_metrics(server.url("short", OWNER), arguments.rounds)
        before, expected = read_metrics(url, 1)
        whole, longest = roll_up(url)
        after, found = read_metrics(url, arguments.rounds)
        if json.dumps(found) != json.dumps(expected):
            sys.exit("The roll-ups say something else than the log.")
        print(f"\n{'seconds':<40}")
        print(f"{'carecli metrics, empty log':<40}{empty:>8.2f}")
        print(f"{'carecli metrics, not rolled up':<40}{before:>8.2f}")
        print(f"{'carecli metrics, rolled up':<40}{after:>8.2f}")
        print(f"{'rolling up all of it':<40}{whole:>8.2f}")
        print(f"{'the longest run of roll_up()':<40}{longest:>8.2f}")
        lowest = compare_writing(server, folder, arguments)
    if arguments.check and (after > MOST_SECONDS or lowest < LEAST_RATIO):
        sys.exit(f"Over a limit: {MOST_SECONDS} s to read, {LEAST_RATIO} of the calls.")


if __name__ == "__main__":
    main()
