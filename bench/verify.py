"""Measures `carecli verify` on our schema, and how it grows with the functions that are there.

A scratch server gets the look of Supabase, our plan, and further definer functions in `public` that
signed-in users may call, each with a sound check of who calls; every one of them is checked, probed
and compared. Each number of functions has a database of its own, and the real command verifies them
in turns, so that what else the machine does strikes all of them alike; shown are medians. The start
of the scratch server that drift builds the plan in is measured apart: it is the machine's.

    python bench/verify.py                    0, 250, 500 and 1,000 functions, as in the README
    python bench/verify.py --functions 0 100  other numbers
    python bench/verify.py --check            exit 1 where a limit is passed
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries
from carecli.embedded.prepare import prepare_database
from carecli.migrator.target import open_target
from carecli.settings import Settings
from carecli.verification.drift.building import begin_scratch
from carecli.verification.running import PARTS

CARECLI = [sys.executable, "-m", "carecli", "--quiet"]
OWNER = "postgres"
MOST_SECONDS = 3.0
MOST_GROWTH = 1.25  # the cost of a function among all of them, over that among half of them

FUNCTION = """
create function public.extra_{n}(p_user_id uuid, p_text text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if auth.uid() is null or p_user_id is distinct from auth.uid() then
        raise insufficient_privilege using message = 'this is somebody else';
    end if;
    return pg_catalog.jsonb_build_object('text', p_text, 'number', {n}, 'sent', (
        select count(*) from public.messages_v2 as sent where sent.sender_id = p_user_id
    ));
end;
$$;
revoke all on function public.extra_{n}(uuid, text) from public, anon, authenticated;
grant execute on function public.extra_{n}(uuid, text) to authenticated;
"""


@dataclass(frozen=True)
class Run:
    """One verification.

    Arguments:
        whole: seconds of the command, from its start to its end.
        start: seconds in which a scratch server starts, measured beside it.
        parts: seconds of each part.
        checked: how many things each part looked at.
    """

    whole: float
    start: float
    parts: dict[str, float]
    checked: dict[str, int]

    @property
    def own(self) -> float:
        """Seconds without the start of drift's server."""
        return self.whole - self.start


@contextmanager
def filled_server(sizes: list[int]) -> Iterator[dict[int, str]]:
    """Give the URL of a database with our plan for each number of functions.

    Arguments:
        sizes: the numbers, ascending; the server lives as long as the block.
    """
    with tempfile.TemporaryDirectory(prefix="carecli-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Server(wheel_binaries(), folder / "data", folder / "s")
        server.initialise()
        server.start()
        try:
            prepare_database(server.url, "bench", OWNER, sample=True)
            url = server.url("bench", OWNER)
            migrate = [*CARECLI, "migrate", "--yes", "-d", url]
            subprocess.run(migrate, check=True, stdout=subprocess.DEVNULL)
            for before, size in zip([0, *sizes], sizes, strict=False):
                add_functions(url, before, size)
                with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                    copy = f"create database bench_{size} template bench owner {OWNER}"
                    connection.execute(copy.encode())
            yield {size: server.url(f"bench_{size}", OWNER) for size in sizes}
        finally:
            server.stop()


def add_functions(url: str, first: int, last: int) -> None:
    """Add the functions of these numbers, the last one left out."""
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(first, last):
            connection.execute(FUNCTION.format(n=number).encode())
        connection.execute("vacuum analyze")


def measure(url: str) -> Run:
    """Verify once and return how long it took."""
    start = start_of_scratch_server(url)
    began = time.perf_counter()
    done = subprocess.run(
        [*CARECLI, "verify", "--format", "json", "-d", url],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    whole = time.perf_counter() - began
    if done.returncode != 0:
        sys.exit(f"The database should be sound.\n{done.stdout}{done.stderr}")
    parts: list[dict[str, Any]] = json.loads(done.stdout)["parts"]
    seconds = {part["part"]: part["seconds"] for part in parts}
    return Run(whole, start, seconds, {part["part"]: part["checked"] for part in parts})


def start_of_scratch_server(url: str) -> float:
    """Return the seconds in which the server of drift is made, started, and taken away."""
    with open_target(Settings(database_url=url, verbosity=-1), read_only=True) as target:
        began = time.perf_counter()
        with begin_scratch(target) as ready:
            ready()
        return time.perf_counter() - began


def main() -> None:
    """Run the measurement that the command line asks for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", type=int, nargs="+", default=[0, 250, 500, 1000])
    parser.add_argument("--rounds", type=int, default=3, help="how often each is verified")
    parser.add_argument("--check", action="store_true", help="exit 1 where a limit is passed")
    arguments = parser.parse_args()
    sizes = sorted({0, *arguments.functions})
    runs: dict[int, list[Run]] = {size: [] for size in sizes}
    with filled_server(sizes) as urls:
        for number in range(arguments.rounds):
            for size in sizes if number % 2 else reversed(sizes):
                runs[size].append(measure(urls[size]))
    show(runs)
    own = statistics.median(run.own for run in runs[0])
    good = own <= MOST_SECONDS
    print(f"\nOur schema, without the start of drift's server: {own:.2f} s ({MOST_SECONDS:g}).")
    if len(sizes) > 2:
        growth = growth_of(runs)
        good &= growth <= MOST_GROWTH
        print(
            f"Among {sizes[-1]:,} functions one costs {growth:.2f} times what it costs among "
            f"{half(sizes):,} ({MOST_GROWTH:g})."
        )
    if arguments.check and not good:
        sys.exit("A limit is passed.")


def show(runs: dict[int, list[Run]]) -> None:
    """Print the medians of each number of functions."""
    print("| functions added | attacks |", " | ".join(PARTS), "| server start | whole without it |")
    print("|---" * (len(PARTS) + 4) + "|")
    for size, rounds in runs.items():
        seconds = [statistics.median(run.parts[name] for run in rounds) for name in PARTS]
        seconds.append(statistics.median(run.start for run in rounds))
        seconds.append(statistics.median(run.own for run in rounds))
        cells = [f"{size:,}", f"{rounds[0].checked['probes']:,}"]
        print(f"| {' | '.join([*cells, *(f'{value:.2f} s' for value in seconds)])} |")


def half(sizes: list[int]) -> int:
    """Return the number of functions that is nearest to half of the largest."""
    return min(sizes[1:], key=lambda size: abs(size - sizes[-1] / 2))


def growth_of(runs: dict[int, list[Run]]) -> float:
    """Return what a function costs among all over what it costs among half: 1 where it is linear.

    Arguments:
        runs: by the number of functions that were added; the smallest number is 0.
    """
    sizes = list(runs)
    middle, last = half(sizes), sizes[-1]
    ratios = []
    for none, some, many in zip(runs[0], runs[middle], runs[last], strict=True):
        cost = (some.own - none.own) / middle
        # Where so few cost nothing, the machine was too busy with something else to tell.
        ratios.append((many.own - none.own) / last / cost if cost > 0 else math.inf)
    return statistics.median(ratios)


if __name__ == "__main__":
    main()
