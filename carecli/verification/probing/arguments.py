"""What the arguments of a function mean, and what an attacker gives for them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from uuid import uuid4

from psycopg.sql import SQL, Composable, Identifier
from psycopg.sql import Literal as Value

from carecli.verification.probing.cast import TEXT, Cast
from carecli.verification.probing.catalogue import Function
from carecli.verification.probing.personas import Persona

__all__ = ["Argument", "Choice", "arguments_of", "statement_of", "value_of"]

MOST = 500  # rows of an answer

TEXTUAL = ("text", "character varying", "character", "name", "citext")
ARRAYS = {"uuid[]", "anyarray", "anycompatiblearray"}
ANYTHING = {"anyelement", "anynonarray", "anycompatible", "anycompatiblenonarray"}
PLAIN = {
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric", "real", "double precision"), "1"),
    "boolean": "true",
    "interval": "1 day",
    "date": "today",
}
UNTOLD = {
    "internal", "cstring", "trigger", "event_trigger", "language_handler", "fdw_handler",
    "index_am_handler", "tsm_handler", "table_am_handler", '"any"', "anyenum", "anyrange",
    "anymultirange", "anycompatiblerange", "anycompatiblemultirange", "pg_ddl_command",
}  # fmt: skip

# What an argument means, by its name; the first that fits.
MEANINGS = (
    ("token", re.compile(r"client.*(message|id)|idempot|dedup|nonce")),
    (
        "person",
        re.compile(
            r"user|helper|sender|requester|owner|recipient|profile|person|member|author|"
            r"participant|actor|creator|reader|account|(^|_)uid"
        ),
    ),
    ("conversation", re.compile(r"conversation|thread|chat|room")),
    ("message", re.compile(r"message|msg")),
    ("request", re.compile(r"request|offer|ticket")),
)
IDENTIFIER = re.compile(r"(^|_)(id|uuid|uid|key)s?$|^(p_|in_)?(user|helper|sender|conversation)$")

# Texts of which there are only a few.
CODE = re.compile(r"status|state|direction")

# A choice: the thing of the cast that an argument gets, None for null.
Choice = str | None


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a function that its caller gives.

    Arguments:
        name: its name, or an empty text.
        type: its type as SQL writes it.
        kind: `e` an enum, `c` a row type, `d` a domain, else a plain type.
        meaning: what it may be the id of; `words` for any text; empty for anything else.
        optional: whether it has a default.
        variadic: whether it takes all arguments that follow.
    """

    name: str
    type: str
    kind: str
    meaning: str
    optional: bool
    variadic: bool


def arguments_of(function: Function) -> list[Argument] | None:
    """Return the arguments that a caller gives, None where there is one he cannot give."""
    given = [
        place
        for place in range(len(function.types))
        if not function.modes
        or function.modes[place] in ("i", "b", "v")
        or (function.modes[place] == "o" and function.kind == "p")
    ]
    if any(function.types[place] in UNTOLD for place in given) or function.ordered:
        return None
    required = len(given) - function.defaults
    found = []
    for number, place in enumerate(given):
        name = function.names[place] if place < len(function.names) else ""
        kind, type_name = function.type_kinds[place], function.types[place]
        meaning = _meaning(name, type_name, optional=number >= required)
        variadic = bool(function.modes) and function.modes[place] == "v"
        found.append(Argument(name, type_name, kind, meaning, number >= required, variadic))
    return found


def _meaning(name: str, type_name: str, *, optional: bool) -> str:
    known = next((meaning for meaning, names in MEANINGS if names.search(name.lower())), "id")
    if type_name == "uuid" or type_name in ARRAYS or type_name in ANYTHING:
        return known
    if type_name in TEXTUAL and IDENTIFIER.search(name.lower()):
        return known
    if type_name in TEXTUAL and not optional and not CODE.search(name.lower()):
        return "words"
    return ""


def statement_of(
    function: Function, values: list[tuple[Argument, Composable | None]]
) -> Composable:
    """Return the statement that calls a function and gives its answer as one text.

    Arguments:
        function: what is called.
        values: each argument with its value; None where its default does.
    """
    given = [(argument, value) for argument, value in values if value is not None]
    names = [argument.name for argument, _ in values]
    if all(names) and len(set(names)) == len(names) and function.kind == "f":
        parts = [
            SQL("{}{} => {}").format(
                SQL("variadic " if argument.variadic else ""), Identifier(argument.name), value
            )
            for argument, value in given
        ]
    else:
        # By their places: what is left out can only be the last of them.
        parts = [
            SQL("{}{}").format(
                SQL("variadic " if argument.variadic else ""),
                SQL("null") if value is None else value,
            )
            for argument, value in values
        ]
    call = SQL("{}({})").format(Identifier(function.schema, function.name), SQL(", ").join(parts))
    if function.kind == "p":
        return SQL("call {}").format(call)
    answers = SQL("select {} as answer limit {}").format(call, Value(MOST))
    return SQL(
        "select pg_catalog.string_agg(answered.answer::text, E'\\n') from ({}) as answered"
    ).format(answers)


def value_of(argument: Argument, cast: Cast, persona: Persona, choice: Choice) -> Composable | None:
    """Return an argument as SQL; None where its default does."""
    if argument.meaning:
        if argument.optional and choice == "token":
            return None
        identity = uuid4() if choice == "token" else cast.value(choice) if choice else None
        if argument.type in ANYTHING:
            return SQL("{}::uuid").format(Value(None if identity is None else str(identity)))
        if argument.type in ARRAYS:
            members = [] if identity is None else [identity]
            return SQL("{}::uuid[]").format(Value(members))
        return _typed(None if identity is None else str(identity), argument.type)
    if argument.kind == "e":
        return SQL("pg_catalog.enum_first({})").format(_typed(None, argument.type))
    if argument.type in ("json", "jsonb"):
        return _typed(_payload(cast, persona), argument.type)
    if argument.kind == "c":
        return SQL("pg_catalog.jsonb_populate_record({}, {})").format(
            _typed(None, argument.type), _typed(_payload(cast, persona), "pg_catalog.jsonb")
        )
    if argument.optional and not argument.variadic:
        return None
    return _typed(_text(argument, persona), argument.type)


def _text(argument: Argument, persona: Persona) -> str | None:
    name = argument.name.lower()
    if argument.type in TEXTUAL:
        if "status" in name or "state" in name:
            return "active" if persona.part == "blocked" else "closed"
        return {"direction": "older"}.get(name.removeprefix("p_"), TEXT)
    if argument.type in ("text[]", "character varying[]"):
        return json.dumps([TEXT]).replace("[", "{").replace("]", "}")
    if argument.type.startswith("timestamp"):
        return "now"
    return PLAIN.get(argument.type)


def _payload(cast: Cast, persona: Persona) -> str:
    """Return an object that has everything a function may look for in one."""
    victim = str(cast.value("blocked" if persona.part == "blocked" else "helper"))
    conversation = "blocked_conversation" if persona.part == "blocked" else "conversation"
    place = str(cast.value(conversation))
    content = dict.fromkeys(("content", "message", "text", "body", "initial_message"), TEXT)
    people = dict.fromkeys(("user_id", "sender_id", "helper_id", "created_by"), victim)
    others = {
        "id": place,
        "conversation_id": place,
        "help_request_id": str(cast.spare_request),
        "request_id": str(cast.spare_request),
        "requester_id": str(cast.requester),
        "recipient_id": str(cast.requester),
        "message_id": str(cast.message),
        "status": "active" if persona.part == "blocked" else "closed",
    }
    plain = {**content, **people, **others}
    return json.dumps({**plain, **{f"p_{name}": value for name, value in plain.items()}})


def _typed(value: str | None, type_name: str) -> Composable:
    # The type comes from the catalogue, where it is qualified and quoted.
    return SQL("{}::{}").format(Value(value), SQL(type_name))
