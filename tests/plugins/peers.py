"""Programs of others that some tests need, and what becomes of a test where one is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["PEERS", "Peer"]


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that is not ours and not a Python package.

    Arguments:
        install: the command that brings it.
        places: further folders to look in, beside PATH.
        file: name of the program, where it is not the peer's own.
    """

    install: str
    places: tuple[str, ...] = ()
    file: str | None = None

    def find(self, name: str) -> Path | None:
        """Return the program's path, or None where it is not installed.

        Arguments:
            name: the peer's name.
        """
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", *self.places])
        found = shutil.which(self.file or name, path=path)
        return Path(found) if found else None


PEERS = {
    "sqitch": Peer("apt install sqitch libdbd-pg-perl postgresql-client"),
    "pgbouncer": Peer("apt install pgbouncer"),
    "promtool": Peer("apt install prometheus"),
    "prometheus": Peer("apt install prometheus"),
    "chromium": Peer("apt install chromium"),
    "chromedriver": Peer("apt install chromium-driver"),
    "node": Peer("apt install nodejs"),
    "psql": Peer("apt install postgresql-client"),
    "postgresql-15": Peer("apt install postgresql-15", ("/usr/lib/postgresql/15/bin",), "initdb"),
    "supabase": Peer("npm install --prefix DIR @supabase/cli-linux-x64, and its bin on PATH"),
}


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    known = ", ".join(PEERS)
    config.addinivalue_line("markers", f"peer(name): needs a program of others: {known}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests whose peer is missing; in CI they stay, and fail."""
    missing = [item for item in items if any(map(absent, wanted(item)))]
    if not missing or "CI" in os.environ:
        return
    items[:] = [item for item in items if item not in missing]
    config.hook.pytest_deselected(items=missing)
    config.stash[LEFT_OUT] = missing


LEFT_OUT = pytest.StashKey[Sequence[pytest.Item]]()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which tests were left out for want of what, and how to get it."""
    items = config.stash.get(LEFT_OUT, ())
    for name in sorted({name for item in items for name in wanted(item) if absent(name)}):
        count = sum(name in wanted(item) for item in items)
        terminalreporter.write_line(
            f"left out: {count} tests that need {name} ({PEERS[name].install})",
            yellow=True,
        )


def wanted(item: pytest.Item) -> list[str]:
    """Return the peers that a test's markers name."""
    return [name for marker in item.iter_markers("peer") for name in marker.args]


def absent(name: str) -> bool:
    """Tell whether a peer is not installed."""
    return PEERS[name].find(name) is None


@pytest.fixture(scope="session")
def peer() -> Callable[[str], Path]:
    """Give a function from a peer's name to the program's path; it fails where there is none."""

    def find(name: str) -> Path:
        found = PEERS[name].find(name)
        if found is None:
            pytest.fail(f"{name} is missing: {PEERS[name].install}", pytrace=False)
        return found

    return find
