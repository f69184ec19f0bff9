"""What the catalogue of a migrated database says of the functions that the application calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

__all__ = ["Argument", "Failure", "Function", "error_codes", "read_functions"]

HERE = Path(__file__).resolve().parent
COMMENT = re.compile(r"('(?:[^']|'')*')|--[^\n]*")
CALL = re.compile(r"\bmessaging\.(?P<name>\w+)\s*\(")

# How failures are made; their own definitions say nothing of a single call.
BUILDERS = {"failure", "unexpected"}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a function.

    Arguments:
        name: its name.
        type: its type, as SQL writes it.
        default: the expression that stands in for it; None where it has to be given.
    """

    name: str
    type: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which a call is refused.

    Arguments:
        code: stands in `error`.
        reason: stands in `details.reason`.
        message: stands in `message`; what is put in only then is shown as an ellipsis.
        extra: names of what the answer carries beyond that.
    """

    code: str
    reason: str
    message: str
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """One function of schema public.

    Arguments:
        name: its name.
        comment: its COMMENT.
        arguments: in order.
        returns: type of its answer.
        roles: who may call it, of the three roles of Supabase.
        failures: what it, and what it calls in schema messaging, answers instead of a success.
    """

    name: str
    comment: str
    arguments: tuple[Argument, ...]
    returns: str
    roles: tuple[str, ...]
    failures: tuple[Failure, ...]


def read_functions(connection: psycopg.Connection) -> tuple[Function, ...]:
    """Return the functions in schema public that signed-in users may call, by name.

    Arguments:
        connection: of the role that migrated the database.
    """
    rows = connection.execute((HERE / "definitions.sql").read_bytes())
    definitions: dict[str, str] = dict(rows.fetchall())
    rows = connection.execute((HERE / "functions.sql").read_bytes())
    found = []
    for name, comment, described, returns, roles in rows:
        failures = merged(failures_of(definitions, f"public.{name}"))
        found.append(
            Function(
                name,
                comment,
                tuple(argument(**facts) for facts in described),
                returns,
                tuple(roles),
                failures,
            )
        )
    return tuple(found)


def argument(name: str, type: str, default: str | None) -> Argument:  # noqa: A002
    """Return one argument; what the server adds to a default, a cast to the type, is left out."""
    return Argument(name, type, default and re.sub(r"::[\w ]+$", "", default))


def error_codes(connection: psycopg.Connection) -> dict[str, dict[str, Any]]:
    """Return the rows of messaging.error_codes, by code."""
    cursor = connection.execute((HERE / "error_codes.sql").read_bytes())
    names = [column.name for column in cursor.description or ()]
    return {row[0]: dict(zip(names, row, strict=True)) for row in cursor}


def merged(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Return the failures in order, each once with all that any of its places lets it carry."""
    extras: dict[tuple[str, str, str], set[str]] = {}
    for one in failures:
        extras.setdefault((one.code, one.reason, one.message), set()).update(one.extra)
    return tuple(Failure(*key, tuple(sorted(extra))) for key, extra in sorted(extras.items()))


def failures_of(definitions: dict[str, str], name: str) -> Iterator[Failure]:
    """Give the failures that a function makes, and those of what it calls, wherever they stand.

    Arguments:
        definitions: text of every function of the two schemas, by schema and name.
        name: the function.
    """
    waiting, seen = [name], {name}
    while waiting:
        definition = COMMENT.sub(lambda found: found[1] or "", definitions[waiting.pop()])
        for call in CALL.finditer(definition):
            if call["name"] in BUILDERS:
                yield failure(call["name"], split_arguments(definition, call.end()), definitions)
                continue
            called = f"messaging.{call['name']}"
            if called in definitions and called not in seen:
                seen.add(called)
                waiting.append(called)


def failure(builder: str, arguments: list[str], definitions: dict[str, str]) -> Failure:
    """Return what a call of messaging.failure() or messaging.unexpected() answers.

    Arguments:
        builder: which of the two.
        arguments: of the call, as they are written.
        definitions: text of every function, for one that makes what is carried.
    """
    if builder == "unexpected":
        return Failure("server_error", "unexpected", text(arguments[1]))
    code, reason, message, *extra = arguments[1:]
    return Failure(
        text(code), text(reason), text(message), keys(extra[0], definitions) if extra else ()
    )


def keys(expression: str, definitions: dict[str, str]) -> tuple[str, ...]:
    """Return the keys of the object that an expression makes, itself or by another function."""
    if made := re.match(r"messaging\.\w+", expression):
        _, _, expression = definitions.get(made[0], "").partition("jsonb_build_object")
        expression = f"jsonb_build_object{expression}"
    if expression.startswith("'{"):
        return tuple(json.loads(text(expression)))
    return tuple(re.findall(r"(?:jsonb_build_object\(|,)\s*'(\w+)'\s*(?:::text)?,", expression))


def split_arguments(definition: str, start: int) -> list[str]:
    """Return the arguments of a call, as they are written.

    Arguments:
        definition: SQL.
        start: place behind the opening parenthesis.
    """
    arguments, depth, quoted, begun = [], 0, False, start
    for place in range(start, len(definition)):
        char = definition[place]
        if char == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif char in "([":
            depth += 1
        elif char in ")]" and depth:
            depth -= 1
        elif char in "),":
            if not depth:
                arguments.append(definition[begun:place].strip())
                begun = place + 1
            if char == ")" and not depth:
                return arguments
    raise ValueError(f"a call without an end: {definition[start : start + 80]!r}")


def text(expression: str) -> str:
    """Return the value of a string literal, or those of a `case`; else an ellipsis."""
    if re.match(r"case\b", expression):
        choices = re.findall(r"\b(?:then|else)\s+('(?:[^']|'')*')", expression, re.IGNORECASE)
        return " / ".join(map(text, choices)) or "…"
    parts = re.findall(r"'((?:[^']|'')*)'", expression)
    rest = re.sub(r"'(?:[^']|'')*'|::[\w.]+|\s", "", expression)
    if not parts or rest:
        return "…"
    return "".join(parts).replace("''", "'")
