"""`carecli log` shows the history, and what one asks of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.plugins.chaos import ProjectMaker, Step
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase

Log = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def text(
    carecli_run: Run, make_project: ProjectMaker, empty_database: TestDatabase
) -> Callable[..., str]:
    """Give the log of a deployment, a failure and a reversal, beside another project's."""
    project = make_project(Step("one", "select 1;"), Step("two", "select 1/0;"))
    other = make_project(Step("three", "select 3;"), name="other")
    where = ("-d", empty_database.url, "--yes")
    carecli_run("migrate", "-C", project, *where, check=1)
    carecli_run("rollback", "-C", project, *where, check=0)
    carecli_run("migrate", "-C", other, *where, check=0)

    def call(*options: str) -> str:
        return carecli_run("log", "-C", project, *where[:2], *options, check=0).stdout

    return call


@pytest.fixture
def log(text: Callable[..., str]) -> Log:
    """Give the log as JSON."""
    return lambda *options: json.loads(text("--format", "json", *options))


def events(found: list[dict[str, Any]]) -> list[str]:
    """Return event and change of each row."""
    return [f"{item['event']} {item['change']}" for item in found]


def test_filters(log: Log) -> None:
    """The newest comes first; every option leaves out what it should."""
    assert events(log()) == ["revert one", "fail two", "deploy one"]
    assert events(log("--event", "fail")) == ["fail two"]
    assert events(log("--change", "one")) == ["revert one", "deploy one"]
    assert events(log("-n", "1")) == ["revert one"]
    assert events(log("--all-projects"))[0] == "deploy three"
    assert events(log("--change", "nothing")) == []


def test_text(text: Callable[..., str]) -> None:
    """A line an event, with the project where several are shown."""
    lines = text("--all-projects").splitlines()
    assert [line[24:].split()[:2] for line in lines][:2] == [
        ["deploy", "other:three"],
        ["revert", "small:one"],
    ]


def test_no_registry(
    carecli_run: Run, make_project: ProjectMaker, empty_database: TestDatabase
) -> None:
    """Where nothing was ever deployed there is no event, and no fault."""
    project = make_project(Step("one", "select 1;"))
    done = carecli_run("log", "-C", project, "-d", empty_database.url, check=0)
    assert done.stdout == "No such event.\n"
