"""Builds a plan in a scratch server, as far as a database has got with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import NamedTuple, NoReturn

from carecli.database import Choice, connect
from carecli.embedded import Server
from carecli.errors import CannotConnect, CarecliError
from carecli.migrator.deploying import deploy
from carecli.migrator.failure import Interrupted
from carecli.migrator.options import MigrationOptions
from carecli.migrator.target import Target
from carecli.plan import Change
from carecli.registry.lock import WORKER
from carecli.verification.drift.catalogue import Catalogue, read_catalogue
from carecli.verification.drift.comparison import Plan, planned
from carecli.verification.drift.environment import (
    SURROUNDINGS,
    Surroundings,
    make_database,
    make_roles,
)
from carecli.verification.drift.scratch import find_programs, scratch_server

__all__ = ["Scratch", "begin_scratch", "build_plan"]


class Scratch(NamedTuple):
    """A scratch server for plans of one database.

    Arguments:
        server: running.
        version: its major version.
    """

    server: Server
    version: int


class _Silence:
    """Whom a deployment tells about itself where nobody listens."""

    def begin(self, total: int, width: int) -> None:
        """Say nothing."""

    def started(self, change: Change) -> None:
        """Say nothing."""

    def finished(self, change: Change, seconds: float) -> None:
        """Say nothing."""

    def failed(self, change: Change) -> None:
        """Say nothing."""

    def say(self, message: str) -> None:
        """Say nothing."""


@contextmanager
def begin_scratch(target: Target) -> Iterator[Callable[[], Scratch]]:
    """Start a server of the version of the target's while the `with` block does something else.

    Yields a function that waits for the server and returns it with the target's roles. It raises
    CannotConnect where no server's programs are on this machine, or where it does not start. The
    server is stopped and removed at the end of the block, whatever happens.

    Arguments:
        target: project and database.
    """
    try:
        binaries, version = find_programs(target.connection.info.server_version // 10_000)
    except CannotConnect as error:
        yield partial(_refuse, error)
        return

    with scratch_server(binaries) as running:

        def ready() -> Scratch:
            server = running()
            make_roles(server, target.connection)
            return Scratch(server, version)

        yield ready


def _refuse(fault: CarecliError) -> NoReturn:
    raise fault


def build_plan(scratch: Scratch, target: Target, actual: Catalogue, owner: str) -> Plan:
    """Return what the plan makes, deployed in the scratch server as far as it is at the target.

    Arguments:
        scratch: the server.
        target: project and database.
        actual: all objects of the database.
        owner: name of the role that deploys.

    Raises:
        CarecliError: the plan cannot be deployed there.
    """
    last = _last_deployed(target)
    faults: list[CarecliError] = []
    # A plan that makes the application's tables itself, or all there is, must not find them made.
    for surroundings in SURROUNDINGS if "schema auth" in actual else ("none",):
        try:
            return _build(scratch, target, actual, owner, last, surroundings)
        except Interrupted:
            raise
        except CarecliError as error:
            faults.append(error)
    raise CarecliError(
        f"the plan cannot be built in a scratch server: {faults[0].message}",
        detail=faults[0].detail,
    )


def _last_deployed(target: Target) -> str | None:
    """Return the id of the deployed change that is the last one in the plan; None: the last.

    Raises:
        Refused: the plan does not have the change deployed last, so it is no measure.
    """
    state = target.state()
    if state.position < 0:
        return None
    places = (state.plan.find(identifier) for identifier in state.deployed_ids)
    return state.plan.changes[max(place for place in places if place is not None)].id


def _build(
    scratch: Scratch,
    target: Target,
    actual: Catalogue,
    owner: str,
    last: str | None,
    surroundings: Surroundings,
) -> Plan:
    name = target.connection.info.dbname
    make_database(scratch.server, name, owner, actual, target.connection, surroundings=surroundings)
    url = scratch.server.url(name, owner)
    with closing(connect(url, application_name=WORKER)) as connection:
        before = read_catalogue(connection)
        settings = target.settings._replace(verbosity=-1)
        there = Target(target.project, Choice(url, "scratch server"), connection, settings)
        deploy(there, to=last, options=MigrationOptions(verify=False), reporter=_Silence())
        after = read_catalogue(connection)
    registry = settings.registry or target.project.registry
    return planned(before, after, without=f"schema {registry}")
