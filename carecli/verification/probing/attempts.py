"""Tries attacks in a transaction that is rolled back, many in one round trip."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.sql import SQL, Composable, Identifier
from psycopg.sql import Literal as Value
from psycopg.types.json import Jsonb

from carecli.resources import read_sql
from carecli.verification.probing.cast import Cast
from carecli.verification.probing.catalogue import Catalogue, Relation
from carecli.verification.probing.personas import Persona

__all__ = ["Attempt", "Image", "Outcome", "Stage", "scratch_transaction"]

Image = frozenset[tuple[str, str]]

# How long one statement with many attacks may take, and how many attacks that is.
PATIENCE = 3_000  # milliseconds
BATCH = 150

# What PostgREST sets; whoever speaks SQL can set any other.
PATH = '"$user", public'

# Who acts in a row, among the columns that name people; who is acted upon is not to blame.
ACTORS = ("helper_id", "sender_id", "user_id", "created_by", "author_id")
PLACES = ("conversation_id",)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attack.

    Arguments:
        object: what is attacked, as a finding names it.
        persona: who comes.
        statement: what he says.
        reads: whether it answers a text; else it reaches rows.
        deed: what it comes to where it works, as a finding says it.
        kind: which rules judge it.
        foreign: whether it names somebody else than who comes.
        given: the things of the cast among the arguments.
        twin: place of the attempt with which its answer must agree; None: there is no such.
        dry: whether nothing may be written, as that would leave a trace.
        path: the caller's search path.
    """

    object: str
    persona: Persona
    statement: str
    reads: bool
    deed: str
    kind: Literal["call", "read", "write", "view"]
    foreign: bool = False
    given: tuple[str, ...] = ()
    twin: int | None = None
    dry: bool = False
    path: str = PATH


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to.

    Arguments:
        answer: text of its answer, or None.
        rows: how many rows it reached.
        state: SQLSTATE of its error, or None.
        message: text of the error.
        context: where in the functions it happened.
        came: rows of the cast that were not there before, each with its table.
        went: rows of the cast as they were before and no longer are.
    """

    answer: str | None = None
    rows: int = 0
    state: str | None = None
    message: str = ""
    context: str = ""
    came: Image = frozenset()
    went: Image = frozenset()

    @property
    def text(self) -> str:
        """All that the caller saw."""
        return self.answer or "" if self.state is None else f"{self.state} {self.message}"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the attempts are made.

    Arguments:
        connection: of the migrating role, in autocommit mode.
        cast: the victims.
        watched: the tables that an attack must not write.
    """

    connection: psycopg.Connection
    cast: Cast
    watched: tuple[Relation, ...]

    def perform(self, attempts: list[Attempt]) -> list[Outcome | None]:
        """Try each; return the outcomes, None where time ran out.

        Arguments:
            attempts: any number; each begins with the same rows.
        """
        outcomes: list[Outcome | None] = []
        hanging: set[str] = set()
        while len(outcomes) < len(attempts):
            place = len(outcomes)
            if attempts[place].object in hanging:
                outcomes.append(None)
                continue
            batch = attempts[place : place + BATCH]
            done = self._try(batch)
            if done and done[-1].state == "57014":
                late = done.pop()
                # Whoever was late in good company gets a statement of his own.
                if not done and late is not None:
                    hanging.add(batch[0].object)
                    outcomes.append(None)
            outcomes += done
        return outcomes

    def _try(self, batch: list[Attempt]) -> list[Outcome]:
        query = image_query(self.watched, self.cast).as_string(self.connection)
        settings = {
            "carecli.attempts": json.dumps([_told(attempt) for attempt in batch]),
            "carecli.watched": json.dumps([table.oid for table in self.watched]),
            "carecli.image": query,
        }
        with scratch_transaction(self.connection):
            self.connection.execute(self.cast.script)
            self.connection.execute("set local search_path = ''")
            for name, value in settings.items():
                self.connection.execute("select set_config(%s, %s, true)", [name, value])
            before = _image(self.connection.execute(query.encode()).fetchone())
            self.connection.execute(read_sql("probes/attempt").encode())
            row = self.connection.execute("select current_setting('carecli.outcomes')").fetchone()
        assert row is not None
        return [_outcome(told, before) for told in json.loads(row[0])]


@contextmanager
def scratch_transaction(connection: psycopg.Connection) -> Iterator[None]:
    """Open a transaction that waits for nobody and is rolled back, whatever happens in it."""
    connection.execute("begin isolation level read committed read write")
    try:
        connection.execute(
            "select set_config(key, value, true) from jsonb_each_text(%s)",
            [
                Jsonb(
                    {
                        "lock_timeout": "1s",
                        "statement_timeout": f"{PATIENCE}ms",
                        "search_path": PATH,
                        "row_security": "on",
                    }
                )
            ],
        )
        yield
    finally:
        if not connection.closed:
            connection.execute("rollback")


def watched_tables(catalogue: Catalogue) -> tuple[Relation, ...]:
    """Return the tables that attacks must not write: conversations, and what runs messaging."""
    return tuple(
        relation
        for relation in catalogue.relations.values()
        if relation.kind in ("r", "p")
        and not relation.part
        and (relation.defended or relation.schema == "messaging")
        # Every call of a function leaves a row there, also one that is refused.
        and relation.name != "rpc_events"
        # Tables of settings are looked at as a whole, so they must be small.
        and (_people(relation) or relation.size < 10_000)
    )


def image_query(watched: Iterable[Relation], cast: Cast) -> Composable:
    """Return the query for the rows of the cast: one jsonb array of table and row."""
    people = Value([cast.requester, cast.helper, cast.banned])
    places = Value(
        [
            cast.conversation,
            cast.blocked_conversation,
            cast.barred_conversation,
            cast.conversation_v1,
        ]
    )
    parts: list[Composable] = []
    for table in watched:
        conditions = [
            SQL("seen.{} = any ({})").format(Identifier(name), people) for name in _people(table)
        ]
        conditions += [
            SQL("seen.{} = any ({})").format(Identifier(name), places) for name in _places(table)
        ]
        where = SQL(" or ").join(conditions) if conditions else SQL("true")
        parts.append(
            SQL(
                "select jsonb_build_array({}::text, to_jsonb(seen)) from {} as seen where {}"
            ).format(Value(table.title), Identifier(table.schema, table.name), where)
        )
    return SQL("select jsonb_agg(part.image) from ({}) as part (image)").format(
        SQL(" union all ").join(parts)
    )


def _people(table: Relation) -> list[str]:
    return [
        column["name"]
        for column in table.columns
        if column["name"] in ACTORS and column["type"] == "uuid"
    ]


def _places(table: Relation) -> list[str]:
    key = ("id",) if table.name.startswith("conversations") else PLACES
    return [column["name"] for column in table.columns if column["name"] in key]


def _told(attempt: Attempt) -> dict[str, Any]:
    persona = attempt.persona
    return {
        "role": persona.role,
        "claims": persona.claims,
        "subject": persona.subject,
        "path": attempt.path,
        "statement": attempt.statement,
        "reads": attempt.reads,
        "dry": attempt.dry,
    }


def _outcome(told: dict[str, Any], before: Image) -> Outcome:
    # Without an image no table of ours was written.
    after = _image((told["image"],)) if "image" in told else before
    return Outcome(
        told.get("answer"),
        told.get("rows") or 0,
        told.get("state"),
        told.get("message") or "",
        told.get("context") or "",
        after - before,
        before - after,
    )


def _image(row: tuple[Any, ...] | None) -> Image:
    rows = (row[0] if row else None) or []
    return frozenset((table, json.dumps(content, sort_keys=True)) for table, content in rows)
