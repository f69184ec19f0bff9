"""Deploys the same changes with carecli and with its peers, side by side in one run.

Each tool gets a fresh database on one scratch server for every round, and the rounds of all tools
are interleaved, so that what else the machine does strikes all of them alike. Each timed run comes
after an untimed one of the same tool, so that none has to wait for its own files. Shown are medians
and the ratio of carecli's to each peer's. Each tool runs with its defaults: carecli verifies each
change, the others do not; psql runs the same DDL as one file, each statement committing by itself.
No database is dropped before the end: for seconds after thousands of files were deleted, ext4 is
slow to create others, which would strike whichever tool comes next.

    python bench/peers.py                  all of it, as in the README (some minutes)
    python bench/peers.py --rounds 3 --changes 100
    python bench/peers.py --server /usr/lib/postgresql/15/bin
    python bench/peers.py --commit-delay 1      as on a disk that needs a millisecond for a commit
    python bench/peers.py --check          exit 1 where a ratio is over its limit

Peers that are not installed are left out and named. dbmate is looked for on PATH and in $DBMATE.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import carecli
from carecli.embedded import Server
from carecli.embedded.default import wheel_binaries

BIN = Path(sys.executable).parent
PLANNED = "2026-01-01T00:00:{:02d}Z Bench <bench@example.com>"

DEPLOY_LIMITS = {
    (100, "sqitch"): 0.25,
    (100, "yoyo"): 0.6,
    (100, "dbmate"): 1.5,
    (100, "psql"): 1.6,
    (1000, "psql"): 1.3,
}
NO_OP_LIMITS = {"sqitch": 0.6, "yoyo": 0.75}
HELP_LIMIT = 2.0
COST_LIMIT = 1.2


def table_sql(number: int) -> str:
    """Return the DDL of one change: a table, an index and a plpgsql function."""
    name = f"bench_{number}"
    return f"""\
create table {name} (
    id bigint generated always as identity primary key,
    label text not null,
    created_at timestamptz not null default now()
);
create index {name}_label_idx on {name} (label);
create function {name}_count() returns bigint language plpgsql as $$
begin
    return (select count(*) from {name});
end
$$;
"""


def drop_sql(number: int) -> str:
    """Return what undoes `table_sql`."""
    return f"drop function bench_{number}_count();\ndrop table bench_{number};\n"


@dataclass(frozen=True)
class Workload:
    """The same changes in the form that each tool wants.

    Arguments:
        folder: where they are laid out.
        changes: how many.
    """

    folder: Path
    changes: int

    def write(self) -> Workload:
        """Write all forms out."""
        for name in ("sqitch/deploy", "sqitch/revert", "sqitch/verify", "yoyo", "dbmate"):
            (self.folder / name).mkdir(parents=True)
        plan = ["%syntax-version=1.0.0", "%project=bench", ""]
        for number in range(1, self.changes + 1):
            name, create, drop = f"c{number:05d}", table_sql(number), drop_sql(number)
            plan.append(f"{name} {PLANNED.format(number % 60)} # change {number}")
            sqitch = self.folder / "sqitch"
            (sqitch / "deploy" / f"{name}.sql").write_text(f"begin;\n{create}commit;\n")
            (sqitch / "revert" / f"{name}.sql").write_text(f"begin;\n{drop}commit;\n")
            (sqitch / "verify" / f"{name}.sql").write_text(
                f"begin;\nselect id, label from bench_{number} where false;\nrollback;\n"
            )
            (self.folder / "yoyo" / f"{name}.sql").write_text(create)
            (self.folder / "yoyo" / f"{name}.rollback.sql").write_text(drop)
            (self.folder / "dbmate" / f"2026{number:010d}_{name}.sql").write_text(
                f"-- migrate:up\n{create}\n-- migrate:down\n{drop}"
            )
        (self.folder / "sqitch" / "sqitch.plan").write_text("\n".join(plan) + "\n")
        (self.folder / "sqitch" / "sqitch.conf").write_text("[core]\n\tengine = pg\n")
        numbers = range(1, self.changes + 1)
        (self.folder / "all.sql").write_text("".join(table_sql(number) for number in numbers))
        return self


class Bench:
    """A scratch server and the tools to compare on it.

    Arguments:
        server: running.
        folder: for files.
    """

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._databases = 0
        self.missing: list[str] = []

    def fresh_database(self) -> str:
        """Create a database and return its name."""
        self._databases += 1
        name = f"bench_{self._databases}"
        self._run(["createdb", name])
        return name

    def _run(self, command: list[str]) -> None:
        program = self._server.binaries / command[0]
        host, user = self._server.sockets, self._server.superuser
        subprocess.run([program, "-h", host, "-U", user, *command[1:]], check=True)

    def commands(self, workload: Workload) -> dict[str, Callable[[str], list[str]]]:
        """Return for each tool that is installed the command that deploys to a database."""
        host, user = self._server.sockets, self._server.superuser
        url = f"postgresql://{user}@/{{}}?host={host}"
        folder = workload.folder
        dbmate = os.environ.get("DBMATE") or shutil.which("dbmate")
        psql = str(self._server.binaries / "psql")
        tools: dict[str, tuple[str | None, Callable[[str], list[str]]]] = {
            "carecli": (
                str(BIN / "carecli"),
                lambda name: [
                    str(BIN / "carecli"),
                    "--quiet",
                    "--directory",
                    f"{folder}/sqitch",
                    "migrate",
                    "--yes",
                    "--database-url",
                    url.format(name),
                ],
            ),
            "sqitch": (
                shutil.which("sqitch"),
                lambda name: [
                    "sqitch",
                    "-C",
                    f"{folder}/sqitch",
                    "deploy",
                    f"db:pg://{user}@/{name}?host={host}",
                ],
            ),
            "yoyo": (
                str(BIN / "yoyo"),
                lambda name: [
                    str(BIN / "yoyo"),
                    "apply",
                    "--batch",
                    "--no-config-file",
                    "--database",
                    f"postgresql+psycopg://{user}@/{name}?host={host}",
                    f"{folder}/yoyo",
                ],
            ),
            "dbmate": (
                dbmate,
                lambda name: [
                    str(dbmate),
                    "--no-dump-schema",
                    "-d",
                    f"{folder}/dbmate",
                    "-u",
                    f"postgres://{user}@/{name}?socket={host}&sslmode=disable",
                    "up",
                ],
            ),
            "psql": (
                psql,
                lambda name: [
                    psql,
                    "-h",
                    str(host),
                    "-U",
                    user,
                    "-d",
                    name,
                    "-X",
                    "-q",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-f",
                    f"{folder}/all.sql",
                ],
            ),
        }
        self.missing = [tool for tool, (program, _) in tools.items() if not program]
        return {tool: command for tool, (program, command) in tools.items() if program}

    def timed(self, command: list[str]) -> float:
        """Return the seconds that a command takes; it must succeed."""
        start = time.perf_counter()
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return seconds

    def deployments(self, workload: Workload, tools: list[str], rounds: int) -> dict[str, Times]:
        """Return how long each tool takes to deploy, and to find nothing to do."""
        commands = self.commands(workload)
        results = {tool: Times([], []) for tool in tools if tool in commands}
        for _ in range(rounds):
            for tool, times in results.items():
                # Some machines give a program's memory away while others run for seconds.
                self.timed(commands[tool](self.fresh_database()))
                command = commands[tool](self.fresh_database())
                times.deploy.append(self.timed(command))
                if tool != "psql":
                    times.no_op.extend(self.timed(command) for _ in range(3))
        return results


@dataclass(frozen=True)
class Times:
    """Seconds of each round."""

    deploy: list[float]
    no_op: list[float]


@contextmanager
def scratch_server(binaries: Path, commit_delay: float = 0) -> Iterator[tuple[Server, Path]]:
    """Run a server with PostgreSQL's own durability settings for the length of a `with` block.

    Arguments:
        binaries: folder of the server's programs.
        commit_delay: milliseconds that each commit waits before it is flushed to the disk.
    """
    settings = {"commit_delay": f"{commit_delay * 1000:.0f}", "commit_siblings": "0"}
    with tempfile.TemporaryDirectory(prefix="carecli-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Server(binaries, folder / "data", folder / "s", settings=settings)
        server.initialise()
        server.start()
        try:
            yield server, folder
        finally:
            server.stop()


def report(title: str, carecli: float, peers: dict[str, float], limits: dict[str, float]) -> bool:
    """Print a table and return whether every ratio is within its limit."""
    print(f"\n{title}\n\n| tool | median s | carecli / tool | limit |\n|---|---|---|---|")
    print(f"| carecli | {carecli:.2f} | | |")
    good = True
    for tool, seconds in peers.items():
        ratio, limit = carecli / seconds, limits.get(tool)
        good &= limit is None or ratio <= limit
        print(f"| {tool} | {seconds:.2f} | {ratio:.2f} | {limit or ''} |")
    return good


def compare_deployments(bench: Bench, folder: Path, arguments: argparse.Namespace) -> bool:
    """Compare the deployments of each size and the runs that find nothing to do."""
    good = True
    cost: dict[int, float] = {}
    for changes in arguments.changes:
        workload = Workload(folder / f"work{changes}", changes).write()
        tools = ["carecli", "sqitch", "yoyo", "dbmate", "psql"]
        if changes > 100:
            tools = ["carecli", "psql"]
        rounds = max(2, arguments.rounds // 2) if changes > 100 else arguments.rounds
        results = bench.deployments(workload, tools, rounds)
        medians = {tool: statistics.median(times.deploy) for tool, times in results.items()}
        own = medians.pop("carecli")
        limits = {tool: limit for (size, tool), limit in DEPLOY_LIMITS.items() if size == changes}
        good &= report(f"Deploy {changes} changes", own, medians, limits)
        no_ops = {
            tool: statistics.median(times.no_op) for tool, times in results.items() if times.no_op
        }
        idle = no_ops.pop("carecli")
        cost[changes] = (own - idle) / changes
        if no_ops:
            good &= report("Nothing to do", idle, no_ops, NO_OP_LIMITS)
    if {100, 1000} <= set(cost):
        ratio = cost[1000] / cost[100]
        good &= ratio <= COST_LIMIT
        print(f"\nCost of a change, 1,000 against 100 changes: {ratio:.2f} (limit {COST_LIMIT})")
    return good


def compare_start(bench: Bench, rounds: int) -> bool:
    """Compare `carecli --help` with importing click alone."""
    own, click = [], []
    for _ in range(rounds * 3):
        own.append(bench.timed([str(BIN / "carecli"), "--help"]))
        click.append(bench.timed([sys.executable, "-c", "import click"]))
    return report(
        "Start-up: carecli --help",
        statistics.median(own),
        {'python -c "import click"': statistics.median(click)},
        {'python -c "import click"': HELP_LIMIT},
    )


def main() -> None:
    """Run the comparison that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each tool")
    parser.add_argument("--changes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--server", type=Path, metavar="DIR", help="programs of another server")
    parser.add_argument(
        "--commit-delay",
        type=float,
        default=0,
        metavar="MS",
        help="wait so long in each commit, before it is flushed",
    )
    parser.add_argument("--check", action="store_true", help="exit 1 where a limit is passed")
    arguments = parser.parse_args()
    # pip compiles what it installs; a checkout that is installed in place is not compiled yet.
    compileall.compile_dir(Path(carecli.__file__).parent, quiet=1)
    binaries = arguments.server or wheel_binaries()
    with scratch_server(binaries, arguments.commit_delay) as (server, folder):
        bench = Bench(server, folder)
        good = compare_start(bench, arguments.rounds)
        good &= compare_deployments(bench, folder, arguments)
    if bench.missing:
        print(f"\nNot installed, left out: {', '.join(bench.missing)}")
    if arguments.check and (bench.missing or not good):
        sys.exit("A ratio is over its limit, or a peer is missing.")


if __name__ == "__main__":
    main()
