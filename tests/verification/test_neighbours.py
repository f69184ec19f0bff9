"""A sound database has no findings, whatever else is in it: the cases are in `neighbours/`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from carecli.database import Choice, connect
from carecli.migrator.target import Target
from carecli.project import Project
from carecli.resources import data_directory
from carecli.settings import Settings
from carecli.verification.running import PARTS, run_verification
from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase, create, drop
from tests.plugins.postgres import TestServer

CASES = sorted(path for path in (Path(__file__).parent / "neighbours").iterdir() if path.is_dir())


def run_folder(database: TestDatabase, folder: Path) -> None:
    """Run the scripts of a folder, in name order, as the owner or the superuser they name."""
    for script in sorted(folder.glob("*.sql")):
        superuser = script.name.endswith(".superuser.sql")
        url = database.superuser_url if superuser else database.url
        with psycopg.connect(url) as connection:
            connection.execute(script.read_bytes())


@pytest.fixture(scope="module", params=CASES, ids=lambda path: path.name)
def neighbourhood(
    request: pytest.FixtureRequest,
    server: TestServer,
    new_name: Callable[[], str],
    platform_template: str,
    carecli_session_run: Run,
) -> Iterator[TestDatabase]:
    """Give a database in which others were before our plan, and came after it."""
    name = new_name()
    create(server, name, platform_template)
    database = TestDatabase(server, name)
    try:
        run_folder(database, request.param / "before")
        carecli_session_run("migrate", "--yes", "-d", database.url, check=0)
        run_folder(database, request.param / "after")
        yield database
    finally:
        database.close()
        drop(server, name)
        with server.administration() as connection:
            connection.execute(f'drop role if exists "{name}_analyst"')


@pytest.mark.parametrize("part", PARTS)
def test_neighbours_are_no_finding(
    neighbourhood: TestDatabase, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No part of a verification finds fault with what is not ours, nor with ours beside it."""
    if neighbourhood.server.bin is not None:
        monkeypatch.setenv("PATH", str(neighbourhood.server.bin), prepend=os.pathsep)
    project = Project.load(data_directory("migrations"))
    with connect(neighbourhood.url) as connection:
        choice = Choice(neighbourhood.url, "test")
        report = run_verification(Target(project, choice, connection, Settings()), parts=[part])
    (done,) = report.parts
    assert [finding for finding in done.findings if finding.level != "info"] == []
    assert done.checked > 0
    assert done.skipped is None
