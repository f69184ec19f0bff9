"""What there is to attack: the functions and relations of a database, and what each one reaches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypedDict

import psycopg
from psycopg.rows import class_row

from carecli.resources import read_sql

__all__ = ["ROLES", "Catalogue", "Column", "Function", "Reach", "Relation", "read_catalogue"]

ROLES = ("anon", "authenticated", "service_role")

Kept = Literal["no", "sequence", "session"]
GRAVITY: tuple[Kept, ...] = ("no", "sequence", "session")

# Conversations and what belongs to them, of both systems: what the probes defend.
DEFENDED = frozenset(
    {
        "conversations_v2",
        "messages_v2",
        "conversation_reads_v2",
        "conversations",
        "conversation_participants",
        "messages",
    }
)

# What a rollback does not undo. A number that a sequence gave is one of them, but not in a
# transaction that is read-only; these work there too.
LASTING = re.compile(
    r"(pg_(try_)?advisory_lock(_shared)?|pg_advisory_unlock\w*|dblink\w*|"
    r"http(_(get|post|put|patch|delete|head|collect_response))?|"
    r"pg_logical_emit_message|pg_(cancel|terminate)_backend|pg_file_\w+|lo_\w+|pg_reload_conf|"
    r"pg_switch_wal)$"
)
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
NAME = re.compile(r'(?:("[^"]+"|[a-z_][\w$]*)\s*\.\s*)?("[^"]+"|[a-z_][\w$]*)(\s*\()?', re.I)
WRITE = re.compile(
    r"\b(?:insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?|copy)\s+"
    r'(?:only\s+)?(?:("[^"]+"|[a-z_][\w$]*)\s*\.\s*)?("[^"]+"|[a-z_][\w$]*)',
    re.I,
)
DYNAMIC = re.compile(r"\bexecute\b(?!\s+function)", re.I)


class Column(TypedDict):
    """A column: whether it needs a value or counts, its enum label, its readers and writers."""

    name: str
    type: str
    required: bool
    counted: bool
    label: str | None
    readers: list[str] | None
    writers: list[str] | None


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view, as `sql/probes/relations.sql` gives it."""

    oid: int
    schema: str
    name: str
    kind: str
    triggers: list[int]
    counts: bool
    stands_on: list[int]
    columns: list[Column]
    privileges: list[str]
    size: float
    part: bool

    @property
    def title(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"

    @property
    def defended(self) -> bool:
        """Whether it holds conversations."""
        return self.schema == "public" and self.name in DEFENDED


@dataclass(frozen=True, slots=True)
class Function:
    """A function, as `sql/probes/functions.sql` gives it."""

    oid: int
    schema: str
    name: str
    signature: str
    kind: str
    definer: bool
    language: str
    body: str
    names: list[str]
    modes: list[str]
    types: list[str]
    type_kinds: list[str]
    defaults: int
    callers: list[str]
    steps: list[int | None]
    ordered: bool

    @property
    def title(self) -> str:
        """How a finding names it."""
        kind = {"p": "procedure", "a": "aggregate"}.get(self.kind, "function")
        return f"{kind} {self.signature}"


@dataclass(frozen=True, slots=True)
class Reach:
    """What may happen when something runs.

    Arguments:
        tables: oids of the relations that it may read or write.
        kept: what of it a rollback would not undo: `no`thing, a `sequence`'s next number, or a
            thing of the `session` or the outside.
        cause: by what, where that is not nothing.
        dynamic: whether it makes statements that cannot be read beforehand.
    """

    tables: frozenset[int]
    kept: Kept
    cause: str
    dynamic: bool


@dataclass(frozen=True, slots=True)
class Body:
    """What the text of one function says."""

    names: set[int]
    writes: set[int]
    kept: Kept
    cause: str
    dynamic: bool


@dataclass(frozen=True)
class Catalogue:
    """The functions and relations of a database by their oids."""

    functions: Mapping[int, Function]
    relations: Mapping[int, Relation]

    @cached_property
    def _by_name(self) -> dict[tuple[str | None, str], list[int]]:
        found: dict[tuple[str | None, str], list[int]] = {}
        named = [(item.oid, item.schema, item.name) for item in self.functions.values()]
        named += [(item.oid, item.schema, item.name) for item in self.relations.values()]
        for oid, schema, name in named:
            found.setdefault((schema, name), []).append(oid)
            found.setdefault((None, name), []).append(oid)
        return found

    @cached_property
    def _reaches(self) -> dict[int, Reach]:
        return {}

    @cached_property
    def _bodies(self) -> dict[int, Body]:
        return {}

    def named(self, title: str) -> Relation | None:
        """Return the relation with that schema and name."""
        schema, _, name = title.partition(".")
        found = self._by_name.get((schema, name), [])
        return next((self.relations[oid] for oid in found if oid in self.relations), None)

    def reach(self, start: Iterable[int]) -> Reach:
        """Return what running these functions, or reading these relations, may come to.

        It is read from the bodies by name, so it may be more than what really happens.
        """
        tables: set[int] = set()
        seen: set[int] = set()
        waiting = list(start)
        kept: Kept = "no"
        cause, dynamic = "", False
        while waiting:
            oid = waiting.pop()
            if oid in seen:
                continue
            seen.add(oid)
            if (relation := self.relations.get(oid)) is not None:
                tables.add(oid)
                waiting += relation.stands_on
            if (function := self.functions.get(oid)) is not None:
                body = self._body(function)
                waiting += [*body.names, *(step for step in function.steps if step)]
                for table in body.writes:
                    waiting += self.relations[table].triggers
                if GRAVITY.index(body.kept) > GRAVITY.index(kept):
                    kept, cause = body.kept, body.cause
                dynamic = dynamic or body.dynamic
        return Reach(frozenset(tables), kept, cause, dynamic)

    def reach_of(self, function: Function) -> Reach:
        """Return what a call of this function may come to."""
        if function.oid not in self._reaches:
            self._reaches[function.oid] = self.reach([function.oid])
        return self._reaches[function.oid]

    def _body(self, function: Function) -> Body:
        """Return what a function's text says, read once."""
        if function.oid not in self._bodies:
            text = COMMENT.sub(" ", function.body)
            mentions = set(NAME.findall(text))
            # What is called may be a table too: insert into x (...).
            names = {
                oid
                for schema, name, call in mentions
                for oid in self._find(schema, name)
                if call or oid in self.relations
            }
            writes = {
                oid
                for schema, name in WRITE.findall(text)
                for oid in self._find(schema, name)
                if oid in self.relations
            }
            calls = {unquoted(name) for _, name, call in mentions if call}
            kept, cause = self._keeps(function, calls, writes)
            dynamic = unreadable(function, text)
            self._bodies[function.oid] = Body(names | writes, writes, kept, cause, dynamic)
        return self._bodies[function.oid]

    def _find(self, schema: str, name: str) -> list[int]:
        return self._by_name.get((unquoted(schema) or None, unquoted(name)), [])

    def _keeps(self, function: Function, calls: set[str], writes: set[int]) -> tuple[Kept, str]:
        outside = next((name for name in sorted(calls) if LASTING.match(name)), None)
        if outside is not None:
            return "session", f"{function.signature} calls {outside}"
        if calls & {"nextval", "setval"}:
            return "sequence", f"{function.signature} advances a sequence"
        counting = next((oid for oid in writes if self.relations[oid].counts), None)
        if counting is not None:
            return "sequence", f"{self.relations[counting].title} numbers its rows by a sequence"
        return "no", ""


def unquoted(name: str) -> str:
    """Return an identifier as the catalogue has it."""
    return name[1:-1] if name.startswith('"') else name.lower()


def unreadable(function: Function, text: str) -> bool:
    """Tell whether a function does what its body does not show."""
    if function.language not in ("sql", "plpgsql", "internal"):
        return function.kind != "a"
    return function.language == "plpgsql" and bool(DYNAMIC.search(text))


def read_catalogue(connection: psycopg.Connection, roles: list[str]) -> Catalogue:
    """Read what there is to attack.

    Arguments:
        connection: in a transaction with an empty search path, so that types are qualified.
        roles: the roles whose privileges are wanted.
    """
    with connection.cursor(row_factory=class_row(Function)) as cursor:
        functions = cursor.execute(read_sql("probes/functions"), {"roles": roles}).fetchall()
    with connection.cursor(row_factory=class_row(Relation)) as relations_cursor:
        relations = relations_cursor.execute(
            read_sql("probes/relations"), {"roles": roles}
        ).fetchall()
    return Catalogue(
        {function.oid: function for function in functions},
        {relation.oid: relation for relation in relations},
    )
