"""Everything is read and checked before anything is executed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugins.chaos import ProjectMaker, Step
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase

Refuse = Callable[..., str]
GOOD = Step("good", "create table good ();")


@pytest.fixture
def refused(carecli_run: Run, empty_database: TestDatabase) -> Refuse:
    """Give a function that deploys a project, which must be refused with nothing done."""

    def call(project: Path, code: int, *options: str) -> str:
        where = ("-C", project, "-d", empty_database.url)
        done = carecli_run("migrate", *where, "--yes", *options, check=code)
        assert empty_database.execute("select to_regnamespace('sqitch'), to_regclass('good')") == [
            (None, None)
        ]
        return done.stderr

    return call


def test_missing_deploy_script(refused: Refuse, make_project: ProjectMaker) -> None:
    """The change and the file that was looked for are named."""
    said = refused(make_project(GOOD, Step("bad", None)), 1)
    assert "bad has no deploy script" in said
    assert "deploy/bad.sql" in said


@pytest.mark.parametrize("kind", ["deploy", "verify"])
def test_script_that_cannot_be_run(refused: Refuse, make_project: ProjectMaker, kind: str) -> None:
    """A meta-command is refused by name and line, also in a later script."""
    text = "select 1;\n\\! rm -rf x\n"
    step = Step("bad", text) if kind == "deploy" else Step("bad", "select 1;", verify=text)
    assert f"{kind}/bad.sql:2:1: " in refused(make_project(GOOD, step), 1)


def test_equal_scripts(refused: Refuse, make_project: ProjectMaker) -> None:
    """The registry wants deploy scripts to differ, which is said before it does."""
    said = refused(make_project(GOOD, Step("bad", GOOD.deploy)), 5)
    assert "the deploy scripts of good and bad are the same" in said


def test_autocommit_in_one_transaction(refused: Refuse, make_project: ProjectMaker) -> None:
    """`--atomic` is refused where a change cannot run in a transaction."""
    step = Step("bad", "create index concurrently i on good ((1));")
    assert "bad cannot run in a transaction" in refused(make_project(GOOD, step), 5, "--atomic")


def test_revert_without_script(
    carecli_run: Run, make_project: ProjectMaker, empty_database: TestDatabase
) -> None:
    """Nothing is reverted where a later step of the rollback has no script."""
    project = make_project(Step("one", "create table one ();", revert=None), GOOD)
    where = ("-C", project, "-d", empty_database.url, "--yes")
    carecli_run("migrate", *where, check=0)
    done = carecli_run("rollback", *where, check=1)
    assert "one has no revert script" in done.stderr
    assert empty_database.execute("select count(*) from sqitch.changes") == [(2,)]
