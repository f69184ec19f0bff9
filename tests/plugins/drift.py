"""What a comparison with the plan takes: a project with a database, and a scratch server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from carecli.migrator.target import Target, open_target
from carecli.script import parse_script
from carecli.settings import Settings
from carecli.verification import Finding
from carecli.verification.drift import Plan, Scratch, begin_scratch, build_plan, read_catalogue
from tests.plugins.databases import TestDatabase, cloned
from tests.plugins.postgres import TestServer

__all__ = ["mend", "target_of"]


@contextmanager
def target_of(url: str, project: Path | None = None) -> Iterator[Target]:
    """Give a project and a database, opened for a `with` block.

    Arguments:
        url: of the database.
        project: folder of the project; None: ours.
    """
    settings = Settings(database_url=url, directory=project, verbosity=-1)
    with open_target(settings, read_only=True) as target:
        yield target


@pytest.fixture(scope="session")
def scratch(server: TestServer) -> Iterator[Scratch]:
    """Give a scratch server of the version under test, for plans of the server's databases."""
    with pytest.MonkeyPatch.context() as patch:
        if server.bin is not None:
            patch.setenv("PATH", str(server.bin), prepend=os.pathsep)
        with target_of(server.url("postgres")) as target, begin_scratch(target) as ready:
            yield ready()


@pytest.fixture(scope="session")
def our_plan(
    server: TestServer, migrated_template: str, new_name: Callable[[], str], scratch: Scratch
) -> Plan:
    """Give what our plan makes in a database of the tests, to compare others with."""
    with (
        contextmanager(cloned)(server, new_name(), migrated_template) as database,
        target_of(database.url) as target,
    ):
        actual = read_catalogue(target.connection)
        return build_plan(scratch, target, actual, server.migrating_role)


def mend(database: TestDatabase, findings: Iterable[Finding]) -> None:
    """Run the remedies, one statement after the other as psql would.

    Arguments:
        database: what differs.
        findings: what was found there, in their order.
    """
    with database.connect() as connection:
        for finding in findings:
            for statement in parse_script(finding.remediation, path=Path("remedy")).statements:
                connection.execute(statement.sql.encode())
