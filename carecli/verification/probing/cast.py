"""Who takes part in the attacks: victims, strangers, and what belongs to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from carecli.resources import read_sql
from carecli.verification.probing.catalogue import Catalogue, Column, Relation

__all__ = ["TEXT", "Cast", "CannotSeed", "rehearse"]

# What is said in the calls; the victims say it too, so that it can be searched for.
TEXT = "I can give you a lift on Friday."

# Values for columns that a live table may have beside those that we know, by their types.
PLAIN = {
    "boolean": "false",
    "json": "{}",
    "jsonb": "{}",
    "interval": "1 day",
    "bytea": "",
    "inet": "127.0.0.1",
    "date": "today",
}


class CannotSeed(Exception):
    """The victims cannot be made; the message says why."""


@dataclass(slots=True)
class Cast:
    """The people, by what they are in the play, and what the attacks are about.

    The requester has a conversation with the helper on `request`, in V2 and in V1, and asks for
    something else in `spare_request`. The blocked one takes part in two conversations that are
    blocked: one by the requester, one by nobody knows whom. The banned one has a conversation, and
    was banned by a moderator. The stranger has nothing to do with any of it, the idle one with
    nothing at all, and nobody has the ids that begin with `no_`.
    """

    requester: UUID = field(default_factory=uuid4)
    helper: UUID = field(default_factory=uuid4)
    stranger: UUID = field(default_factory=uuid4)
    blocked: UUID = field(default_factory=uuid4)
    banned: UUID = field(default_factory=uuid4)
    idle: UUID = field(default_factory=uuid4)
    request: UUID = field(default_factory=uuid4)
    spare_request: UUID = field(default_factory=uuid4)
    conversation: UUID = field(default_factory=uuid4)
    blocked_conversation: UUID = field(default_factory=uuid4)
    barred_conversation: UUID = field(default_factory=uuid4)
    banned_conversation: UUID = field(default_factory=uuid4)
    conversation_v1: UUID = field(default_factory=uuid4)
    message: UUID = field(default_factory=uuid4)
    message_v1: UUID = field(default_factory=uuid4)
    no_user: UUID = field(default_factory=uuid4)
    no_object: UUID = field(default_factory=uuid4)
    secret: str = field(default_factory=lambda: f"probe{uuid4().hex}")
    borrowed: bool = False
    script: bytes = b""
    missing: set[str] = field(default_factory=set)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no answer to a stranger may contain, as he never says it himself."""
        return (self.secret, str(self.message), str(self.message_v1))

    def value(self, name: str) -> UUID | str:
        """Return what a person or thing of the cast is called in the database."""
        if name in ("text", "nothing", "query"):
            query = SQL("select content from public.messages_v2 where id = {}")
            told = query.format(Literal(self.message)).as_string(None)
            return {"text": TEXT, "nothing": "", "query": told}[name]
        found: UUID | str = getattr(self, name)
        return found


class Row(NamedTuple):
    """A row to insert: its table in schema `public` or `auth`, and what is known of its columns."""

    table: str
    values: dict[str, object]


def rehearse(connection: psycopg.Connection, catalogue: Catalogue) -> Cast:
    """Find out how victims can be made here; what is tried is undone by the caller's rollback.

    Arguments:
        connection: of the migrating role, in a transaction.
        catalogue: what there is.

    Raises:
        CannotSeed: neither can people be made, nor are there people to borrow.
    """
    cast = Cast()
    statements: list[Composed] = []
    if (fault := _attempt(connection, catalogue, _people(cast), statements)) is not None:
        _borrow(connection, cast, fault)
    for rows in (_requests(cast), _conversations(cast)):
        if (fault := _attempt(connection, catalogue, rows, statements)) is not None:
            raise CannotSeed(fault)
    for name, rows in (
        ("blocked_conversation", _blocked(cast, "blocked_conversation", cast.requester)),
        ("barred_conversation", _blocked(cast, "barred_conversation", None)),
        ("banned_conversation", _banned(cast)),
        ("conversation_v1", _first_system(cast)),
    ):
        if _attempt(connection, catalogue, rows, statements) is not None:
            cast.missing.add(name)
    if not _heeds_bans(catalogue) or cast.borrowed:
        cast.missing.add("banned_conversation")
    cast.script = SQL(";\n").join(statements).as_bytes(connection)
    return cast


def _people(cast: Cast) -> list[Row]:
    everybody = (
        cast.requester,
        cast.helper,
        cast.stranger,
        cast.blocked,
        cast.banned,
        cast.idle,
    )
    profile = {"name": "Probe", "verification_status": "approved", "email_confirmed": True}
    return [
        *(Row("auth.users", {"id": person}) for person in everybody),
        *(Row("public.profiles", {"id": person, **profile}) for person in everybody),
    ]


def _requests(cast: Cast) -> list[Row]:
    known = {
        "user_id": cast.requester,
        "title": "Probe",
        "category": "other",
        "urgency": "normal",
        "status": "open",
    }
    return [
        Row("public.help_requests", {"id": request, **known})
        for request in (cast.request, cast.spare_request)
    ]


def _conversations(cast: Cast) -> list[Row]:
    return [
        Row(
            "public.conversations_v2",
            {
                "id": cast.conversation,
                "help_request_id": cast.request,
                "requester_id": cast.requester,
                "helper_id": cast.helper,
                "initial_message": f"{TEXT} {cast.secret}",
                "status": "active",
            },
        ),
        Row(
            "public.messages_v2",
            {
                "id": cast.message,
                "conversation_id": cast.conversation,
                "sender_id": cast.helper,
                "content": f"{TEXT} {cast.secret}",
            },
        ),
        *(
            Row(
                "public.conversation_reads_v2",
                {"conversation_id": cast.conversation, "user_id": person},
            )
            for person in (cast.requester, cast.helper)
        ),
    ]


def _blocked(cast: Cast, name: str, by: UUID | None) -> list[Row]:
    request = cast.request if by is not None else cast.spare_request
    return [
        Row(
            "public.conversations_v2",
            {
                "id": cast.value(name),
                "help_request_id": request,
                "requester_id": cast.requester,
                "helper_id": cast.blocked,
                "initial_message": f"{TEXT} {cast.secret}",
                "status": "blocked",
                "blocked_by": by,
            },
        )
    ]


def _banned(cast: Cast) -> list[Row]:
    measure = {"restriction_level": "banned", "reason": "Probe"}
    return [
        Row("public.user_restrictions", {"user_id": cast.banned, **measure}),
        Row(
            "public.conversations_v2",
            {
                "id": cast.banned_conversation,
                "help_request_id": cast.request,
                "requester_id": cast.requester,
                "helper_id": cast.banned,
                "initial_message": f"{TEXT} {cast.secret}",
                "status": "active",
            },
        ),
    ]


def _heeds_bans(catalogue: Catalogue) -> bool:
    """Tell whether the plan has got to where the functions look at restrictions."""
    table = catalogue.named("public.conversations_v2")
    columns = [column["name"] for column in table.columns] if table is not None else []
    return catalogue.named("messaging.limits") is not None and "blocked_by" in columns


def _first_system(cast: Cast) -> list[Row]:
    conversation = cast.conversation_v1
    return [
        Row(
            "public.conversations",
            {
                "id": conversation,
                "help_request_id": cast.request,
                "created_by": cast.helper,
                "title": cast.secret,
                "status": "active",
            },
        ),
        *(
            Row(
                "public.conversation_participants",
                {"conversation_id": conversation, "user_id": person},
            )
            for person in (cast.helper, cast.requester)
        ),
        Row(
            "public.messages",
            {
                "id": cast.message_v1,
                "conversation_id": conversation,
                "sender_id": cast.helper,
                "recipient_id": cast.requester,
                "content": f"{TEXT} {cast.secret}",
            },
        ),
    ]


def _attempt(
    connection: psycopg.Connection,
    catalogue: Catalogue,
    rows: list[Row],
    statements: list[Composed],
) -> str | None:
    """Insert the rows; note the statements, or undo them and return what is in the way."""
    done: list[Composed] = []
    connection.execute("savepoint carecli_probe")
    for row in rows:
        fault = None
        relation = catalogue.named(row.table)
        if relation is None:
            # The state of reading came later than conversations and messages did.
            if row.table == "public.conversation_reads_v2":
                continue
            fault = f"there is no table {row.table}"
        elif (reach := catalogue.reach(relation.triggers)).kept != "no":
            fault = f"a trigger of {row.table} would leave a trace: {reach.cause}"
        else:
            statement = _insert(relation, row.values)
            try:
                connection.execute(statement)
                done.append(statement)
            except psycopg.OperationalError:
                raise  # a lock, or no time: that says nothing about the table
            except psycopg.DatabaseError as error:
                reason = error.diag.message_primary or str(error)
                fault = f"no row can be put into {row.table}: {reason}"
        if fault is not None:
            connection.execute("rollback to savepoint carecli_probe")
            return fault
    statements += done
    return None


def _insert(relation: Relation, known: dict[str, object]) -> Composed:
    """Return the statement for a row, with values of their types for the columns it needs too."""
    columns = [
        column
        for column in relation.columns
        if column["name"] in known or column["required"] or column["counted"]
    ]
    statement = SQL("insert into {} ({}) overriding system value values ({})").format(
        Identifier(relation.schema, relation.name),
        SQL(", ").join(Identifier(column["name"]) for column in columns),
        SQL(", ").join(_value(column, known) for column in columns),
    )
    if relation.title != "public.profiles":
        return statement
    # Many applications make the profile with a trigger on auth.users.
    given = [column["name"] for column in columns if column["name"] in known]
    changes = (SQL("{0} = excluded.{0}").format(Identifier(name)) for name in given)
    return SQL("{} on conflict (id) do update set {}").format(statement, SQL(", ").join(changes))


def _value(column: Column, known: dict[str, object]) -> Composable:
    name, kind = column["name"], column["type"]
    if name in known:
        return Literal(known[name])
    if column["label"] is not None:
        return Literal(column["label"])
    if column["counted"]:
        # Its sequence is not asked. Below zero, no live row has the number.
        return Literal(-int(uuid4().hex[:7], 16) % 32_768 - 32_768)
    if kind == "uuid":
        return Literal(uuid4())
    if kind.endswith("[]"):
        return Literal("{}")
    if kind.startswith("timestamp"):
        return SQL("pg_catalog.now()")
    if kind in ("smallint", "integer", "bigint", "numeric", "real", "double precision"):
        return Literal(0)
    return Literal(PLAIN.get(kind, f"probe-{uuid4().hex[:8]}"))


def _borrow(connection: psycopg.Connection, cast: Cast, fault: str) -> None:
    """Take people who are there already; nothing of theirs is changed for good."""
    found = [person for (person,) in connection.execute(read_sql("probes/people"))]
    if len(found) < 4:
        raise CannotSeed(f"{fault}, and there are no four people to borrow")
    cast.requester, cast.helper, cast.stranger, cast.blocked = found
    cast.borrowed = True
    cast.missing.add("idle")
