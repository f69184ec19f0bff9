"""A folder in which stock sqitch and carecli write the same project."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.plugins.command import Run

__all__ = ["SqitchProject"]

PLANNER = {"SQITCH_FULLNAME": "Ann Planner", "SQITCH_EMAIL": "ann@example.com"}
# A day on which no test runs, so that times of two runs can be told from the rest and levelled.
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class SqitchProject:
    """A project, and the two tools that edit it.

    Arguments:
        directory: its folder.
        program: stock sqitch.
        carecli: the real carecli.
    """

    directory: Path
    program: Path
    carecli: Run

    @property
    def environment(self) -> dict[str, str | None]:
        """What makes both tools plan in the same name, with no configuration but the folder's."""
        none = str(self.directory / "no.conf")
        return {**PLANNER, "SQITCH_USER_CONFIG": none, "SQITCH_SYSTEM_CONFIG": none}

    @property
    def plan_file(self) -> Path:
        """The plan."""
        return self.directory / "sqitch.plan"

    @property
    def plan(self) -> str:
        """The plan, with the times levelled."""
        return TIMESTAMP.sub("2026-01-01T00:00:00Z", self.plan_file.read_text(encoding="utf-8"))

    @property
    def files(self) -> dict[str, bytes]:
        """Every file but the plan, by its path in the folder."""
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file() and path != self.plan_file
        }

    def sqitch(self, *arguments: str) -> str:
        """Run stock sqitch in the folder and return what it prints; it must succeed."""
        done = subprocess.run(
            [self.program, *arguments],
            cwd=self.directory,
            env=self.carecli.environment(self.environment),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(
        self, *arguments: str | Path, check: int | bool | None = True
    ) -> subprocess.CompletedProcess[str]:
        """Run carecli in the folder; it must exit with `check`."""
        return self.carecli(*arguments, env=self.environment, cwd=self.directory, check=check)

    def write(self, name: str, content: str) -> Path:
        """Write a file of the project, making its folder."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path


@pytest.fixture
def new_project(
    tmp_path: Path, peer: Callable[[str], Path], carecli_run: Run
) -> Callable[[str], SqitchProject]:
    """Give a function that makes a folder with an empty plan, by `sqitch init`."""

    def make(name: str) -> SqitchProject:
        directory = tmp_path / name
        directory.mkdir()
        project = SqitchProject(directory, peer("sqitch"), carecli_run)
        project.sqitch("init", "shop", "--uri", "https://Example.com/%7eshop", "--engine", "pg")
        return project

    return make


@pytest.fixture
def sqitch_project(tmp_path: Path, peer: Callable[[str], Path], carecli_run: Run) -> SqitchProject:
    """Give a folder with an empty plan, written as `sqitch init` writes it."""
    project = SqitchProject(tmp_path, peer("sqitch"), carecli_run)
    project.write("sqitch.plan", "%syntax-version=1.0.0\n%project=shop\n\n")
    project.write("sqitch.conf", "[core]\n\tengine = pg\n")
    return project
