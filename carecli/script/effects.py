"""What a statement does to which object, as far as its text tells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from carecli.script.lexical import Token
from carecli.script.signatures import arguments_end, identity

__all__ = ["Effect", "Verb", "effects", "read_name"]

Verb = Literal["create", "replace", "alter", "drop", "grant", "revoke", "comment"]

# Longer ones first. What these words are called here, where that is something else.
_KINDS: dict[tuple[str, ...], str] = {
    ("materialized", "view"): "materialized view",
    ("foreign", "data", "wrapper"): "foreign data wrapper",
    ("foreign", "table"): "table",
    ("event", "trigger"): "event trigger",
    ("text", "search", "configuration"): "text search configuration",
    ("default", "privileges"): "default privileges",
    ("procedural", "language"): "language",
    ("function",): "routine",
    ("procedure",): "routine",
    ("routine",): "routine",
    ("aggregate",): "routine",
    ("user",): "role",
    ("group",): "role",
    **{
        (word,): word
        for word in (
            "table", "view", "index", "type", "domain", "sequence", "schema", "trigger", "policy",
            "rule", "extension", "role", "publication", "subscription", "statistics", "server",
            "collation", "language", "database", "column", "constraint",
        )
    },
}  # fmt: skip
_LONGEST = max(len(words) for words in _KINDS)
_BEFORE_KIND = frozenset(
    ("or", "replace", "unique", "temp", "temporary", "unlogged", "global", "local", "recursive",
     "constraint", "trusted")
)  # fmt: skip
_ON_TABLE = frozenset(("trigger", "policy", "rule", "constraint"))
_PLAIN = re.compile(r'"([a-z_][a-z0-9_$]*)"')


@dataclass(frozen=True, slots=True)
class Effect:
    """What one statement does to one object.

    Arguments:
        verb: `replace` is CREATE OR REPLACE.
        kind: `table`, `routine` (function, procedure, aggregate), `index`, `policy`, ...; `all`
            for GRANT ... ON ALL TABLES IN SCHEMA, where the name is the schema's.
        name: as written, in lower case unless quoted; "" where the object has none.
        arguments: types that tell routines of one name apart; None where none are said.
        table: the table that an index, trigger, policy, rule or constraint belongs to.
        offset: place of the statement, from 0.
        rest: the tokens behind the name; of a grant or revoke all tokens.
        temporary: whether the object goes when the session ends.
        cascades: whether what depends on the object is dropped with it.
    """

    verb: Verb
    kind: str
    name: str
    arguments: tuple[str, ...] | None
    table: str | None
    offset: int
    rest: tuple[Token, ...]
    temporary: bool = False
    cascades: bool = False


def effects(tokens: Sequence[Token]) -> list[Effect]:
    """Return what a statement does; nothing where it is none of the verbs or cannot be told.

    Arguments:
        tokens: of one statement.
    """
    match tokens[0].text if tokens else "":
        case "create":
            return list(_create(tokens))
        case "drop":
            return list(_drop(tokens))
        case "alter":
            return list(_alter(tokens))
        case "comment":
            return list(_comment(tokens))
        case "grant" | "revoke":
            return list(_grant(tokens))
    return []


def read_name(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    """Return the qualified name at a place, and the place behind it; "" where there is none."""
    parts: list[str] = []
    while at < len(tokens) and tokens[at].kind in ("word", "name"):
        text = tokens[at].text
        plain = _PLAIN.fullmatch(text)
        parts.append(plain[1] if plain else text)
        at += 1
        if at + 1 < len(tokens) and tokens[at].text == ".":
            at += 1
        else:
            break
    return ".".join(parts), at


def _kind(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    for count in range(_LONGEST, 0, -1):
        words = tuple(token.text for token in tokens[at : at + count])
        if words in _KINDS:
            return _KINDS[words], at + count
    return "", at


def _skip(tokens: Sequence[Token], at: int, *words: str) -> int:
    while at < len(tokens) and tokens[at].text in words:
        at += 1
    return at


def _object(tokens: Sequence[Token], at: int, kind: str) -> tuple[str, tuple[str, ...] | None, int]:
    """Read a name and, of a routine, its argument types; return them and the place behind."""
    name, at = read_name(tokens, at)
    if kind == "routine" and at < len(tokens) and tokens[at].text == "(":
        end = arguments_end(tokens, at)
        inner = tokens[at + 1 : end - 1]
        # What `column%type` is, only the catalogue knows.
        known = all(token.text != "%" for token in inner)
        return name, identity(inner) if known else None, end
    return name, None, at


def _table(tokens: Sequence[Token], at: int, kind: str) -> str | None:
    """Return the table behind the next ON, for what belongs to one."""
    if kind not in _ON_TABLE and kind != "index":
        return None
    if kind == "rule" and tokens[at : at + 1] and tokens[at].text == "as":
        at = next((place for place in range(at, len(tokens)) if tokens[place].text == "to"), at)
        return read_name(tokens, at + 1)[0] or None
    for place in range(at, len(tokens)):
        if tokens[place].text == "on":
            return read_name(tokens, _skip(tokens, place + 1, "only"))[0] or None
    return None


def _create(tokens: Sequence[Token]) -> Iterator[Effect]:
    at = _skip(tokens, 1, *_BEFORE_KIND)
    before = [token.text for token in tokens[1:at]]
    kind, at = _kind(tokens, at)
    at = _skip(tokens, at, "concurrently", "if", "not", "exists")
    name, arguments, at = _object(tokens, at, kind)
    if kind == "index" and name == "on":  # the server makes up a name
        return
    if kind == "schema" and name == "authorization":
        name, at = read_name(tokens, at)
    if not kind or not name:
        return
    verb: Verb = "replace" if "replace" in before else "create"
    table = _table(tokens, at, kind)
    if kind == "index" and table and "." in table and "." not in name:
        name = f"{table.rpartition('.')[0]}.{name}"
    temporary = bool({"temp", "temporary"} & set(before))
    offset, rest = tokens[0].offset, tuple(tokens[at:])
    yield Effect(verb, kind, name, arguments, table, offset, rest, temporary)


def _drop(tokens: Sequence[Token]) -> Iterator[Effect]:
    kind, at = _kind(tokens, 1)
    at = _skip(tokens, at, "concurrently", "if", "exists")
    cascades = any(token.text == "cascade" for token in tokens[-2:])
    while kind:
        name, arguments, at = _object(tokens, at, kind)
        if not name:
            return
        table = _table(tokens, at, kind) if kind in _ON_TABLE else None
        yield Effect("drop", kind, name, arguments, table, tokens[0].offset, (), cascades=cascades)
        if at >= len(tokens) or tokens[at].text != ",":
            return
        at += 1


def _alter(tokens: Sequence[Token]) -> Iterator[Effect]:
    kind, at = _kind(tokens, 1)
    if not kind:
        return
    at = _skip(tokens, at, "if", "exists", "only")
    name, arguments, end = _object(tokens, at, kind)
    if kind == "default privileges":
        name, end = "", at
    table = _table(tokens, end, kind) if kind in _ON_TABLE else None
    rest = tuple(tokens[end:])
    yield Effect("alter", kind, name, arguments, table, tokens[0].offset, rest)


def _comment(tokens: Sequence[Token]) -> Iterator[Effect]:
    kind, at = _kind(tokens, 2)
    name, arguments, at = _object(tokens, at, kind)
    if kind and name:
        table = _table(tokens, at, kind) if kind in _ON_TABLE else None
        rest = tuple(tokens[at:])
        yield Effect("comment", kind, name, arguments, table, tokens[0].offset, rest)


def _grant(tokens: Sequence[Token]) -> Iterator[Effect]:
    verb: Verb = "grant" if tokens[0].text == "grant" else "revoke"
    at = next((place for place, token in enumerate(tokens) if token.text == "on"), None)
    if at is None:
        return  # membership in a role
    at += 1
    kind, begun = ("all", at) if tokens[at : at + 1] and tokens[at].text == "all" else ("", at)
    if kind:
        schema = next((p for p in range(at, len(tokens)) if tokens[p].text == "schema"), None)
        begun = len(tokens) if schema is None else schema + 1
    else:
        kind, begun = _kind(tokens, at)
        kind = kind or "table"
    at = begun
    while True:
        name, arguments, at = _object(tokens, at, kind)
        if not name:
            return
        yield Effect(verb, kind, name, arguments, None, tokens[0].offset, tuple(tokens))
        if at >= len(tokens) or tokens[at].text != ",":
            return
        at += 1
