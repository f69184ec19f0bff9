"""Attacks on tables and views: reading, writing and deleting past the functions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from psycopg.sql import SQL, Composable, Identifier
from psycopg.sql import Literal as Value

from carecli.resources import data_directory
from carecli.verification.findings import Finding
from carecli.verification.probing.attempts import Attempt
from carecli.verification.probing.cast import Cast
from carecli.verification.probing.catalogue import Catalogue, Relation
from carecli.verification.probing.personas import Persona

__all__ = ["open_relations", "table_attempts", "title_of"]

HEADER = re.compile(r"^-- (\w+): (.*)$", re.M)
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
OBJECTS = (
    "conversation",
    "blocked_conversation",
    "barred_conversation",
    "conversation_v1",
    "message",
    "message_v1",
)
SECOND = ("conversations_v2", "messages_v2", "conversation_reads_v2")
KINDS = {"v": "view", "m": "materialized view", "f": "foreign table"}


def title_of(relation: Relation) -> str:
    """Return how a finding names a relation."""
    return f"{KINDS.get(relation.kind, 'table')} {relation.title}"


def table_attempts(catalogue: Catalogue, cast: Cast, everybody: list[Persona]) -> Iterator[Attempt]:
    """Give the attacks on everything in which the rows of the cast are to be found.

    Arguments:
        catalogue: what there is.
        cast: whose rows these are.
        everybody: who comes.
    """
    for relation in catalogue.relations.values():
        if relation.defended:
            for persona in everybody:
                yield from _reads(relation, cast, persona)
                yield from _changes(relation, cast, persona)
        elif relation.kind == "v" and shows(catalogue, relation):
            for persona in everybody:
                if persona.part in ("nobody", "stranger") and persona.role != "service_role":
                    yield from _views(relation, cast, persona)
    yield from _written(catalogue, cast, everybody)


def shows(catalogue: Catalogue, relation: Relation) -> bool:
    """Tell whether a view stands on a table with conversations."""
    reach = catalogue.reach(relation.stands_on)
    return reach.kept == "no" and any(catalogue.relations[oid].defended for oid in reach.tables)


def open_relations(catalogue: Catalogue) -> Iterator[Finding]:
    """Give what can be said without trying: that would keep the application out of its tables."""
    for relation in catalogue.relations.values():
        ours = relation.schema == "public" and relation.name in SECOND
        for granted in relation.privileges:
            role, privilege = granted.split()
            inside = relation.schema == "messaging" and role != "service_role"
            untried = " (not tried, as it locks the table)" if privilege == "truncate" else ""
            if (ours and privilege == "truncate") or inside:
                yield Finding(
                    "direct_write",
                    "error",
                    title_of(relation),
                    f"as {role}: may {privilege}{untried}",
                    f"revoke {privilege} on table {relation.title} from {role};",
                )
        for role in ("anon", "authenticated"):
            readable = any(role in (column["readers"] or []) for column in relation.columns)
            copied = relation.kind == "m" and any(
                catalogue.relations[oid].defended
                for oid in catalogue.reach(relation.stands_on).tables
            )
            if readable and (relation.schema == "messaging" or copied):
                what = "a copy of conversations" if copied else "internals of messaging"
                yield Finding(
                    "direct_read",
                    "error",
                    title_of(relation),
                    f"as {role}: may read {what}",
                    f"revoke all on table {relation.title} from {role};",
                )


def _reads(relation: Relation, cast: Cast, persona: Persona) -> Iterator[Attempt]:
    if persona.role == "service_role" or persona.part in ("blocked", "banned"):
        return
    if persona.part in ("fellow", "oneself") and relation.name not in SECOND:
        return
    where = _rows_of_the_cast(relation, cast)
    if persona.part == "fellow":
        if relation.name != "conversation_reads_v2":
            return
        where = SQL("{} and row.user_id = {}").format(where, Value(cast.helper))
    columns = [
        Identifier("row", column["name"])
        for column in relation.columns
        if persona.role in (column["readers"] or [])
    ]
    if columns:
        statement = SQL(
            "select nullif(count(*), 0)::text from (select {} from {} as row where {}) as seen"
        ).format(SQL(", ").join(columns), _name(relation), where)
        yield Attempt(
            title_of(relation),
            persona,
            statement.as_string(None),
            reads=True,
            deed="read rows of a conversation of others",
            kind="read",
        )


def _changes(relation: Relation, cast: Cast, persona: Persona) -> Iterator[Attempt]:
    if persona.role == "service_role" or persona.part in ("blocked", "banned", "oneself"):
        return
    # In V1 the two people may write more than here.
    if persona.part == "fellow" and relation.name not in SECOND:
        return
    where = _rows_of_the_cast(relation, cast)
    yield from _update(relation, persona, where)
    if f"{persona.role} delete" in relation.privileges:
        statement = SQL("delete from {} as row where {}").format(_name(relation), where)
        yield _write(relation, persona, statement, "deleted rows of a conversation")


def _update(relation: Relation, persona: Persona, where: Composable) -> Iterator[Attempt]:
    columns = [
        column["name"]
        for column in relation.columns
        if persona.role in (column["writers"] or [])
        and persona.role in (column["readers"] or [])
        and not column["counted"]
        and not (
            persona.part == "fellow"
            and (relation.name, column["name"]) == ("conversations_v2", "status")
        )
    ]
    if columns:
        # To itself: what counts is whether the row can be reached.
        changes = [SQL("{0} = row.{0}").format(Identifier(column)) for column in columns]
        statement = SQL("update {} as row set {} where {}").format(
            _name(relation), SQL(", ").join(changes), where
        )
        what = f"updated {', '.join(columns)} of a conversation's rows"
        yield _write(relation, persona, statement, what)


def _views(relation: Relation, cast: Cast, persona: Persona) -> Iterator[Attempt]:
    readable = [column for column in relation.columns if persona.role in (column["readers"] or [])]
    objects = Value([cast.value(name) for name in OBJECTS])
    secret = Value(f"%{cast.secret}%")
    conditions: list[Composable] = [
        SQL("row.{} = any ({})").format(Identifier(column["name"]), objects)
        for column in readable
        if column["type"] == "uuid"
    ]
    # Where there is an id, an index finds the rows; a text is searched for in all of them.
    conditions = conditions or [
        SQL("row.{}::text like {}").format(Identifier(column["name"]), secret)
        for column in readable
        if column["type"] in ("text", "character varying", "json", "jsonb", "text[]")
    ]
    if not conditions:
        return
    where = SQL(" or ").join(conditions)
    columns = SQL(", ").join(Identifier("row", column["name"]) for column in readable)
    rows = SQL("select {} from {} as row where {} limit 20").format(columns, _name(relation), where)
    statement = SQL("select string_agg(seen::text, ' ') from ({}) as seen").format(rows)
    yield Attempt(
        title_of(relation),
        persona,
        statement.as_string(None),
        reads=True,
        deed="read a conversation of others",
        kind="view",
    )
    if any(column["type"] == "uuid" for column in readable):
        yield from _update(relation, persona, where)
        if f"{persona.role} delete" in relation.privileges:
            deletion = SQL("delete from {} as row where {}").format(_name(relation), where)
            yield _write(relation, persona, deletion, "deleted rows of a conversation")


def _written(catalogue: Catalogue, cast: Cast, everybody: list[Persona]) -> Iterator[Attempt]:
    """Give the attacks of the folder `sql/probes/writes`, for whom each is meant."""
    for path in sorted((data_directory("sql") / "probes" / "writes").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        header = dict(HEADER.findall(text))
        relation = catalogue.named(header["Table"])
        if relation is None:
            continue
        columns = {column["name"] for column in relation.columns}
        names = set(PLACEHOLDER.findall(text))
        if header.get("Column", "id") not in columns | {"id"} or names & cast.missing:
            continue
        for persona in everybody:
            if persona.part not in header["As"].split(", ") or persona.role == "service_role":
                continue
            values = {
                name: Value(
                    cast.value(persona.me or "no_user") if name == "me" else cast.value(name)
                )
                for name in names
            }
            statement = PLACEHOLDER.sub(
                lambda match, values=values: values[match[1]].as_string(None),  # type: ignore[misc]
                HEADER.sub("", text).strip(),
            )
            yield _write(relation, persona, SQL(statement), header["What"])


def _write(relation: Relation, persona: Persona, statement: Composable, deed: str) -> Attempt:
    return Attempt(
        title_of(relation), persona, statement.as_string(None), reads=False, deed=deed, kind="write"
    )


def _rows_of_the_cast(relation: Relation, cast: Cast) -> Composable:
    objects = Value([cast.conversation, cast.conversation_v1])
    key = "id" if relation.name.startswith("conversations") else "conversation_id"
    return SQL("row.{} = any ({})").format(Identifier(key), objects)


def _name(relation: Relation) -> Composable:
    return Identifier(relation.schema, relation.name)
