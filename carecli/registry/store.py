"""The rows of sqitch's registry: what is deployed, by whom, when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg.rows import class_row, dict_row

from carecli.config import Identity
from carecli.errors import CarecliError, Refused
from carecli.plan import Change, Dependency, Plan
from carecli.registry.session import LiveSession, Session, statement, statement_text

__all__ = ["DeployedChange", "Event", "Registry", "REGISTRY_VERSION"]

REGISTRY_VERSION = "1.1"


class DeployedChange(NamedTuple):
    """A row of `changes` with its tags (`@name`)."""

    change_id: str
    change: str
    script_hash: str | None
    note: str
    planned_at: datetime
    planner_name: str
    planner_email: str
    committed_at: datetime
    committer_name: str
    committer_email: str
    tags: list[str]


class Event(NamedTuple):
    """A row of `events`: a deployment, a reversal or a failure."""

    event: str
    project: str
    change_id: str
    change: str
    note: str
    requires: list[str]
    conflicts: list[str]
    tags: list[str]
    committed_at: datetime
    committer_name: str
    committer_email: str
    planned_at: datetime
    planner_name: str
    planner_email: str


Row = TypeVar("Row", DeployedChange, Event)


class Registry:
    """The registry of one project in one database.

    Arguments:
        connection: to read with, in autocommit mode.
        plan: the project's plan.
        schema: schema of the registry.
        committer: whom the rows name.
        session: what writes; default: the connection itself.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        plan: Plan,
        *,
        schema: str,
        committer: Identity,
        session: Session | None = None,
    ) -> None:
        self.plan = plan
        self.schema = schema
        self._connection = connection
        self._session = session or LiveSession(connection)
        self._committer = {"committer_name": committer.name, "committer_email": committer.email}

    def exists(self) -> bool:
        """Return whether the registry is there, in a version that carecli knows.

        Raises:
            Refused: it has another version.
        """
        present = self._connection.execute(
            "select to_regclass(format('%%I.changes', %s::text)) is not null", (self.schema,)
        ).fetchone()
        if present is None or not present[0]:
            return False
        row = self._connection.execute(self._statement("registry_version"), {}).fetchone()
        version = row[0] if row else None
        if version != REGISTRY_VERSION:
            raise Refused(
                f"the registry in schema {self.schema!r} has version {version}, "
                f"carecli needs {REGISTRY_VERSION}",
                hint="Run `sqitch upgrade` with a current sqitch, which upgrades it in place.",
            )
        return True

    def create(self) -> None:
        """Create the registry tables; the caller has begun a transaction."""
        self._session.run(statement_text("registry_create", registry=self.schema))
        self._session.write(self._statement("registry_release"), self._committer)

    def register_project(self) -> None:
        """Register the project where it is not yet, with sqitch's checks of its URI.

        Raises:
            Refused: the name or the URI belongs to another project.
        """
        project, uri = self.plan.project, self.plan.uri
        parameters = {"project": project, "uri": uri, **self._committer}
        for known_project, known_uri in self._known_projects(parameters):
            if known_project == project and known_uri == uri:
                return
            if known_project == project:
                raise Refused(
                    f"the project {project!r} is registered with "
                    f"{f'the URI {known_uri}' if known_uri else 'no URI'}, "
                    f"the plan has {uri or 'none'}",
                    hint="Set %uri in the plan to the registered one, or rename the project.",
                )
            raise Refused(
                f"the URI {uri} is registered for the project {known_project!r}",
                hint=f"Give {project!r} a %uri of its own.",
            )
        self._session.write(self._statement("project_register"), parameters)

    def _known_projects(self, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        if not self.exists():
            return []
        return self._connection.execute(self._statement("project_lookup"), parameters).fetchall()

    def deployed(self) -> list[DeployedChange]:
        """Return the project's deployed changes in the order of their deployment."""
        with self._cursor(DeployedChange) as cursor:
            cursor.execute(self._statement("deployed_changes"), {"project": self.plan.project})
            return cursor.fetchall()

    def dependencies(self) -> list[tuple[str, str, str]]:
        """Return what deployed changes require and conflict with: change id, kind, dependency."""
        parameters = {"project": self.plan.project}
        cursor = self._connection.execute(self._statement("recorded_dependencies"), parameters)
        return cursor.fetchall()

    def events(
        self,
        *,
        project: str | None = None,
        event: str | None = None,
        change: str | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """Return the history, newest first.

        Arguments:
            project: only this project's; None: every project's.
            event: only `deploy`, `revert` or `fail`.
            change: only this change's, by name.
            limit: at most so many rows.
        """
        parameters = {"project": project, "event": event, "change": change, "limit": limit}
        with self._cursor(Event) as cursor:
            return cursor.execute(self._statement("events"), parameters).fetchall()

    def _cursor(self, row: type[Row]) -> psycopg.Cursor[Row]:
        # Binary, because a time as text is written in whatever datestyle the database has.
        return self._connection.cursor(binary=True, row_factory=class_row(row))

    def resolve_external(self, dependency: Dependency) -> str | None:
        """Return the id of the deployed change that a dependency outside the plan means.

        Arguments:
            dependency: on another project, or by an id that the plan does not know.
        """
        parameters = {
            "project": dependency.project,
            "change": dependency.change,
            "tag": dependency.tag,
            "change_id": dependency.id if dependency.change is None else None,
        }
        row = self._connection.execute(self._statement("external_change"), parameters).fetchone()
        return row[0] if row else None

    def requiring(self, change_ids: Sequence[str]) -> list[dict[str, str]]:
        """Return which deployed changes outside of these require them.

        Arguments:
            change_ids: the changes that are to be reverted.
        """
        parameters = {"project": self.plan.project, "change_ids": list(change_ids)}
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(self._statement("requiring_changes"), parameters).fetchall()

    def compose_deploy(
        self,
        change: Change,
        *,
        script_hash: str | None,
        dependency_ids: dict[str, str],
        after: str | None = None,
    ) -> list[str]:
        """Return the statements that write the rows of a deployed change.

        Arguments:
            change: from the plan.
            script_hash: SHA-1 of its deploy script, None where there is none.
            dependency_ids: resolved change id of each required dependency, by its text.
            after: id of the change that is deployed before it; None: of whichever was last.
        """
        parameters = {
            **self._change_parameters(change),
            "tags": _tag_names(change),
            "script_hash": script_hash,
            "latest_id": after,
        }
        statements = [self._compose("record_deploy", parameters)]
        if change.dependencies:
            described = _dependency_parameters(change, dependency_ids)
            statements.append(self._compose("record_dependencies", described))
        if change.tags:
            statements.append(self._compose_tags(change))
        return statements

    def record_revert(self, change_id: str) -> None:
        """Remove the rows of a change and write its event; the caller has begun a transaction.

        Raises:
            CarecliError: the change is not deployed, so somebody else has reverted it.
        """
        parameters = {"change_id": change_id, **self._committer}
        rows = self._session.write(self._statement("record_revert"), parameters)
        if isinstance(self._session, LiveSession) and not rows:
            raise CarecliError(f"change {change_id} is no longer deployed")

    def record_fail(self, change: Change) -> None:
        """Write the event of a failed deployment."""
        parameters = {**self._change_parameters(change), "tags": _tag_names(change)}
        self._session.write(self._statement("record_fail"), parameters)

    def record_tags(self, change: Change) -> None:
        """Write the tags of a deployed change that the registry does not have yet."""
        if change.tags:
            self._session.defer_write(self._compose_tags(change))

    def _compose_tags(self, change: Change) -> str:
        parameters = {**self._change_parameters(change), **_tag_parameters(change)}
        return self._compose("record_tags", parameters)

    def _change_parameters(self, change: Change) -> dict[str, Any]:
        return {
            **self._committer,
            "change_id": change.id,
            "change": change.name,
            "project": self.plan.project,
            "note": change.note,
            "planned_at": change.planned_at,
            "planner_name": change.planner_name,
            "planner_email": change.planner_email,
            "requires": [dependency.text for dependency in change.requires],
            "conflicts": [dependency.text for dependency in change.conflicts],
        }

    def _compose(self, name: str, parameters: dict[str, Any]) -> str:
        return self._session.compose(self._statement(name), parameters)

    def _statement(self, name: str) -> bytes:
        return statement(name, registry=self.schema)


def _tag_names(change: Change) -> list[str]:
    return [tag.format_name for tag in change.tags]


def _tag_parameters(change: Change) -> dict[str, Any]:
    return {
        "tags": _tag_names(change),
        "tag_ids": [tag.id for tag in change.tags],
        "tag_notes": [tag.note for tag in change.tags],
        "tag_planned_at": [tag.planned_at for tag in change.tags],
        "tag_planner_names": [tag.planner_name for tag in change.tags],
        "tag_planner_emails": [tag.planner_email for tag in change.tags],
    }


def _dependency_parameters(change: Change, dependency_ids: dict[str, str]) -> dict[str, Any]:
    return {
        "change_id": change.id,
        "dependency_types": [dependency.kind for dependency in change.dependencies],
        "dependencies": [dependency.text for dependency in change.dependencies],
        "dependency_ids": [
            dependency_ids[dependency.text] if dependency.kind == "require" else None
            for dependency in change.dependencies
        ],
    }
