"""Small sqitch projects, and the real command started so that it can be killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from carecli.cli import main
from tests.plugins.command import Run

__all__ = ["Background", "Here", "ProjectMaker", "Step", "Start", "wait_for"]


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a small project; None where it has no such script.

    Arguments:
        name: of the change.
        deploy: text or bytes of the script.
        revert: the same.
        verify: the same.
        requires: names of the changes that it requires.
    """

    name: str
    deploy: str | bytes | None
    revert: str | bytes | None = "select 1;\n"
    verify: str | bytes | None = None
    requires: Sequence[str] = ()


class ProjectMaker:
    """Writes sqitch projects.

    Arguments:
        base: folder that they are made in.
    """

    def __init__(self, base: Path) -> None:
        self._base = base

    def __call__(self, *steps: Step, name: str = "small") -> Path:
        """Write a project of these changes and return its folder.

        Arguments:
            steps: the changes, in plan order.
            name: of the project and of its folder.
        """
        folder = self._base / name
        for kind in ("deploy", "revert", "verify"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        lines = ["%syntax-version=1.0.0", f"%project={name}", ""]
        for number, step in enumerate(steps):
            needs = f" [{' '.join(step.requires)}]" if step.requires else ""
            when = f"2026-01-01T{number // 60:02d}:{number % 60:02d}:00Z"
            lines.append(f"{step.name}{needs} {when} A <a@example.org> # {step.name}")
            scripts = {"deploy": step.deploy, "revert": step.revert, "verify": step.verify}
            for kind, text in scripts.items():
                if text is not None:
                    content = text if isinstance(text, bytes) else text.encode()
                    (folder / kind / f"{step.name}.sql").write_bytes(content)
        (folder / "sqitch.plan").write_text("\n".join(lines) + "\n")
        (folder / "sqitch.conf").write_text("[core]\n\tengine = pg\n")
        return folder


@pytest.fixture
def make_project(tmp_path: Path) -> ProjectMaker:
    """Give a function that writes a small sqitch project and returns its folder."""
    return ProjectMaker(tmp_path)


@dataclass(slots=True)
class Background:
    """The command, running.

    Arguments:
        process: its process.
    """

    process: subprocess.Popen[str]

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def finish(self, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Wait for its end and return what it said."""
        out, err = self.process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, err)


Start = Callable[..., Background]


@pytest.fixture
def carecli_start(carecli_run: Run) -> Iterator[Start]:
    """Give a function that starts the command and does not wait; what is left is killed."""
    started: list[Background] = []

    def start(*arguments: str | Path, env: dict[str, str | None] | None = None) -> Background:
        process = subprocess.Popen(
            [carecli_run.program, *map(str, arguments)],
            env=carecli_run.environment(env),
            cwd=carecli_run.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        background = Background(process)
        started.append(background)
        return background

    try:
        yield start
    finally:
        for background in started:
            if background.process.poll() is None:
                background.process.send_signal(signal.SIGKILL)
            background.process.communicate()


def wait_for(what: str, condition: Callable[[], object], *, timeout: float = 60) -> None:
    """Wait until a condition holds; fail, with what was waited for, where it does not in time."""
    limit = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > limit:
            pytest.fail(f"waited {timeout} s in vain for {what}")
        time.sleep(0.01)


Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_here(
    carecli_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """Give a function that runs the command in this process, which saves its start."""
    for name in set(os.environ) - set(carecli_run.environment()):
        monkeypatch.delenv(name)
    for name, value in carecli_run.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(carecli_run.home)

    def run(*arguments: str | Path, check: int | None = None) -> subprocess.CompletedProcess[str]:
        line = [str(argument) for argument in arguments]
        capsys.readouterr()
        code = main(line)
        said = capsys.readouterr()
        if check is not None and code != check:
            pytest.fail(f"{' '.join(line)}: exit code {code}, not {check}\n{said.out}{said.err}")
        return subprocess.CompletedProcess(line, code, said.out, said.err)

    return run


@pytest.fixture
def remains() -> Callable[[psycopg.Connection], list[tuple[object, ...]]]:
    """Give a function that returns the sessions of carecli that a database still has."""

    def sessions(connection: psycopg.Connection) -> list[tuple[object, ...]]:
        return connection.execute(
            "select pid, application_name, state from pg_stat_activity"
            " where datname = current_database() and application_name like 'carecli%'"
        ).fetchall()

    return sessions
