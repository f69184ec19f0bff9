"""`carecli lint` finds unsafe DDL and what is not in the style of the house."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.plugins.chaos import ProjectMaker, Step
from tests.plugins.command import Run

UNSAFE = "alter table a DROP COLUMN b;\n"


@pytest.fixture
def project(make_project: ProjectMaker) -> Path:
    """Give a foreign project with an unsafe script that is not in our style either."""
    return make_project(Step("one", "select 1;\n"), Step("two", UNSAFE))


@pytest.fixture
def bare_run(carecli_home: Path) -> Run:
    """Give a Python beside which, and on whose PATH, there is no squawk."""
    folder = carecli_home / "bin"
    folder.mkdir()
    (folder / "python").symlink_to(Path(sys.executable).resolve())
    return Run(carecli_home, folder / "python")


def bare_environment(run: Run) -> dict[str, str]:
    """Return what that Python needs to find carecli."""
    return {"PATH": str(run.home / "bin"), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_own_migrations_are_sound(carecli_run: Run) -> None:
    """The migrations that come with carecli have no finding, in their own style."""
    done = carecli_run("lint", "--squawk", "--style", check=0)
    assert "No findings" in done.stdout


def test_foreign_project(carecli_run: Run, project: Path) -> None:
    """Without being asked, only squawk looks at a project of others."""
    done = carecli_run("-C", project, "lint", "--format", "json", check=1)
    parts = {part["part"]: part for part in json.loads(done.stdout)["parts"]}
    assert parts.keys() == {"squawk"}
    assert {"ban-drop-column", "require-lock-timeout"} <= {
        finding["check"] for finding in parts["squawk"]["findings"]
    }


def test_style_may_be_asked_for(carecli_run: Run, project: Path) -> None:
    """`--style` holds a foreign project to our style, `lint.style` does so for good."""
    (project / "deploy/one.sql").unlink()
    assert "qualified-names" in carecli_run(
        "-C", project, "lint", "--style", "--no-squawk", check=1
    ).stdout  # fmt: skip
    assert "Add --style" in carecli_run("-C", project, "lint", "--no-squawk", check=2).stderr
    (project / "sqitch.conf").write_text("[core]\n\tengine = pg\n[lint]\n\tstyle = true\n")
    assert "qualified-names" in carecli_run("-C", project, "lint", "--no-squawk", check=1).stdout


def test_files_are_chosen(carecli_run: Run, project: Path) -> None:
    """Named files and folders are looked at, and nothing else."""
    carecli_run("-C", project, "lint", project / "deploy/one.sql", check=0)
    done = carecli_run("-C", project, "lint", project / "deploy", "--format", "github", check=1)
    assert "two.sql,line=1" in done.stdout.replace("file=", "")


def test_squawk_that_is_missing(bare_run: Run, project: Path) -> None:
    """Without squawk the rest runs, and it is said how to get it; CI takes it for a finding."""
    environment = bare_environment(bare_run)
    line = ("-m", "carecli", "-C", project, "lint", project / "deploy/one.sql")
    done = bare_run(*line, env=environment, check=0)
    assert "squawk is not installed; get it with: pip install squawk-cli" in done.stdout
    bare_run(*line, "--style", env=environment, check=1)
    for options, extra in ((["--squawk"], {}), ([], {"CI": "true"})):
        done = bare_run(*line, *options, env={**environment, **extra}, check=1)
        assert "pip install squawk-cli" in done.stdout
    bare_run(*line, "--no-squawk", "--style", env={**environment, "CI": "true"}, check=1)


def test_program_that_is_no_squawk(bare_run: Run, project: Path) -> None:
    """A program that does not answer as squawk does is an error with its words, no traceback."""
    fake = bare_run.home / "bin/squawk"
    fake.write_text("#!/bin/sh\necho 'who are you?' >&2\nexit 9\n")
    fake.chmod(0o755)
    line = ("-m", "carecli", "-C", project, "lint")
    done = bare_run(*line, env=bare_environment(bare_run), check=1)
    assert "gave no answer (exit code 9)" in done.stderr
    assert "who are you?" in done.stderr
    assert "Traceback" not in done.stderr
