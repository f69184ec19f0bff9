"""A project and a database that it is deployed to, with a connection to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg

from carecli.config import identity
from carecli.database import Choice, announce, choose, connect
from carecli.migrator.state import State
from carecli.preflight import check_session
from carecli.project import Action, Project
from carecli.registry.lock import WORKER
from carecli.registry.session import Session
from carecli.registry.store import Registry
from carecli.resources import read_sql
from carecli.settings import Settings

__all__ = ["Target", "open_target"]


class Target(NamedTuple):
    """Where a plan meets a database.

    Arguments:
        project: the sqitch project.
        choice: the database.
        connection: to that database, in autocommit mode.
        settings: what the command line said.
    """

    project: Project
    choice: Choice
    connection: psycopg.Connection
    settings: Settings

    def registry(self, session: Session | None = None) -> Registry:
        """Return the project's registry in the database.

        Arguments:
            session: what writes to it; default: the connection.
        """
        return Registry(
            self.connection,
            self.project.plan,
            schema=self.settings.registry or self.project.registry,
            committer=identity(self.project.config),
            session=session,
        )

    def state(self) -> State:
        """Read how the database stands to the plan."""
        registry = self.registry()
        return State(self.project.plan, registry.deployed() if registry.exists() else [])

    def populated_tables(self) -> list[str]:
        """Return some of the application's tables that hold rows."""
        parameters = {"registry": self.settings.registry or self.project.registry}
        rows = self.connection.execute(read_sql("queries/populated_tables"), parameters)
        return [name for (name,) in rows]

    def script_variables(self, action: Action) -> dict[str, str]:
        """Return psql's variables: its built-in ones, the project's, then `--set`.

        Arguments:
            action: the kind of script that they are for.
        """
        info = self.connection.info
        version = info.parameter_status("server_version") or ""
        built_in = {
            "DBNAME": info.dbname,
            "ENCODING": "UTF8",
            "HOST": info.host,
            "PORT": str(info.port),
            "USER": info.user,
            "SERVER_VERSION_NAME": version,
            "SERVER_VERSION_NUM": str(info.server_version),
            "registry": self.settings.registry or self.project.registry,
        }
        return {**built_in, **self.project.variables_for(action), **self.settings.variables}


@contextmanager
def open_target(settings: Settings, *, read_only: bool = False) -> Iterator[Target]:
    """Open the project and its database for the length of a `with` block.

    Arguments:
        settings: what the command line said.
        read_only: whether nothing will be changed, so that a standby will do.

    Raises:
        CannotConnect: no connection.
        Refused: the server is not one to migrate.
        CarecliError: the project or the plan cannot be read.
    """
    project = Project.load(settings.directory, plan_file=settings.plan_file, target=settings.target)
    # The plan is read before a server is started or asked: a fault in it ends here.
    assert project.plan is not None
    choice = choose(settings, project)
    announce(settings, choice)
    application = "carecli" if read_only else WORKER
    connection = connect(choice.conninfo, application_name=application)
    try:
        if not read_only:
            check_session(connection, choice.conninfo)
        yield Target(project, choice, connection, settings)
    finally:
        connection.close()
