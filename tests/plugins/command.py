"""The real `carecli` command, run as users run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Run"]

# What the developer's own shell says about databases must not reach a test.
UNWANTED = ("CARECLI_", "PG", "SQITCH_", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR")
UNWANTED_NAMES = {"CI", "DATABASE_URL", "GITHUB_ACTIONS"}


@dataclass(frozen=True, slots=True)
class Run:
    """Calls the command with a home of its own.

    Arguments:
        home: folder for CARECLI_HOME and HOME.
        program: the command; by default the one that was installed beside this Python.
    """

    home: Path
    program: Path = Path(sys.executable).parent / "carecli"

    def environment(self, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return the environment of a call.

        Arguments:
            env: variables to add or replace; None takes one away.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(UNWANTED) and name not in UNWANTED_NAMES
        }
        ours = {"HOME": str(self.home), "CARECLI_HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        merged: dict[str, str | None] = {**kept, **ours, "TZ": "UTC", **(env or {})}
        return {name: value for name, value in merged.items() if value is not None}

    def __call__(
        self,
        *arguments: str | Path,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        check: int | bool | None = None,
        input: str | None = None,  # noqa: A002 - named as in subprocess.run
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run `carecli` with these arguments and wait for it.

        Arguments:
            arguments: the command line without the program.
            env: variables to add or replace; None takes one away.
            cwd: folder to run in; default: the home, where no project is.
            check: exit code that the test counts on; True is 0.
            input: text for standard input; default: nothing to read.
            timeout: seconds until the run counts as hanging.
        """
        done = subprocess.run(
            [self.program, *map(str, arguments)],
            env=self.environment(env),
            cwd=cwd or self.home,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
            **({"input": input} if input is not None else {"stdin": subprocess.DEVNULL}),
        )
        wanted = 0 if check is True else check
        if wanted is not None and wanted is not False and done.returncode != wanted:
            pytest.fail(
                f"carecli {' '.join(map(str, arguments))}: exit code {done.returncode}, "
                f"not {wanted}\n{done.stdout}{done.stderr}",
                pytrace=False,
            )
        return done


def temporary_home() -> Iterator[Path]:
    """Give a short folder that a server's own account can enter; clear it at the end."""
    home = Path(tempfile.mkdtemp(prefix="carecli-home-", dir="/tmp"))
    home.chmod(0o755)
    try:
        yield home
    finally:
        if any(home.rglob("postmaster.pid")):
            Run(home)("db", "stop", timeout=60)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def carecli_home() -> Iterator[Path]:
    """Give the CARECLI_HOME of this test; an embedded server left there is stopped."""
    yield from temporary_home()


@pytest.fixture
def carecli_run(carecli_home: Path) -> Run:
    """Give the command, with a home that only this test has."""
    return Run(carecli_home)


@pytest.fixture(scope="session")
def carecli_session_run() -> Iterator[Run]:
    """Give the command to fixtures that live as long as the run."""
    for home in temporary_home():
        yield Run(home)
