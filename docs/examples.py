"""Example calls of the functions, really made on the sample data, and what they answered."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from carecli.resources import data_directory

__all__ = ["Example", "argument_meanings", "run_example"]

FOLDER = Path(__file__).resolve().parent / "api"

# What differs from run to run, in an example that has to stay the same.
TIME = "2026-01-31T09:30:00.123456+00:00"
CURSOR = "MTc2OTg1MTgwMDEyMzQ1Nl8wMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDI"
FIXED = {"request_id": "v2_1769851800123_4f1c2a9b7e03", "cursor": CURSOR, "retry_after": 1740}


@dataclass(frozen=True, slots=True)
class Example:
    """One call and its answer.

    Arguments:
        arguments: by name, as JSON values.
        answer: what the function answered, ids and times made the same for all runs.
    """

    arguments: Mapping[str, Any]
    answer: Any


def argument_meanings(function: str) -> dict[str, str]:
    """Return what the arguments of a function mean, by name.

    Arguments:
        function: its name.
    """
    shared = tomllib.loads((FOLDER / "arguments.toml").read_text(encoding="utf-8"))
    return {**shared, **script(function).get("meanings", {})}


def script(function: str) -> dict[str, Any]:
    """Return the example of a function as it is written; empty where there is none."""
    path = FOLDER / f"{function}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def run_example(connection: psycopg.Connection, function: str) -> Example | None:
    """Make the example call of a function and leave nothing behind.

    Its file in `docs/api` says `as` whom it is made and with which `arguments`; each `before` is a
    call, or a statement of the owner, that goes ahead of it. `$name` stands for the id of a sample
    person, or for what an earlier call's answer said under the name that it was told to `keep`.

    Arguments:
        connection: in autocommit, of the role that migrated the database.
        function: its name.

    Raises:
        RuntimeError: the call, or one ahead of it, was refused.
    """
    wanted = script(function)
    if not wanted:
        return None
    with connection.transaction(force_rollback=True):
        for file in sorted((data_directory("sql") / "sample").glob("*.sql")):
            connection.execute(file.read_bytes())
        people = "select pg_catalog.lower(name), id::text from public.profiles"
        known: dict[str, str] = dict(connection.execute(people).fetchall())
        stable = Stable({*known.values()})
        for step in [*wanted.get("before", ()), {**wanted, "call": function}]:
            if "sql" in step:
                connection.execute(step["sql"].encode())
                continue
            arguments = {
                name: known.get(value[1:], value) if str(value).startswith("$") else value
                for name, value in step.get("arguments", {}).items()
            }
            answer = call(connection, step["call"], known[step["as"]], arguments)
            if "keep" in step:
                known[step["keep"]] = answer[step["keep"]]
        return Example(stable.of(arguments), stable.of(answer))


def call(
    connection: psycopg.Connection, function: str, user: str, arguments: Mapping[str, Any]
) -> Any:
    """Call a function as a signed-in user and return its answer."""
    named = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
        for name in arguments
    )
    statement = sql.SQL("select public.{}({})").format(sql.Identifier(function), named)
    claims = json.dumps({"sub": user, "role": "authenticated"})
    with connection.transaction():
        connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        connection.execute("set local role authenticated")
        row = connection.execute(statement, arguments).fetchone()
        connection.execute("reset role")
    assert row is not None
    if isinstance(row[0], dict) and not row[0].get("success", True):
        raise RuntimeError(f"{function}: {row[0]['error']}: {row[0]['message']}")
    return row[0]


class Stable:
    """Replaces what is new in every run by what is always the same.

    Arguments:
        kept: ids that stay as they are.
    """

    def __init__(self, kept: set[str]) -> None:
        self._kept = kept
        self._ids: dict[str, str] = {}

    def of(self, value: Any, name: str = "") -> Any:
        """Return the value with its times, cursors and new ids replaced.

        Arguments:
            value: JSON.
            name: key that it stands under.
        """
        if isinstance(value, dict):
            return {key: self.of(part, key) for key, part in value.items()}
        if isinstance(value, list):
            return [self.of(part) for part in value]
        if value is None:
            return None
        if name in FIXED:
            return FIXED[name]
        if name.endswith("_at"):
            return TIME
        return self._id(value) if isinstance(value, str) else value

    def _id(self, value: str) -> str:
        try:
            UUID(value)
        except ValueError:
            return value
        if value in self._kept or value.startswith(("a0000000-", "b0000000-")):
            return value
        number = len(self._ids) + 1
        return self._ids.setdefault(value, f"c0000000-0000-4000-8000-{number:012}")
