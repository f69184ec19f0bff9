"""Whether two statements are about the same object, and whether one object goes with another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carecli.script.effects import Effect, read_name
from carecli.script.lexical import Token
from carecli.script.signatures import split_arguments

__all__ = [
    "Known",
    "any_same",
    "goes_with",
    "is_same",
    "label",
    "mentions",
    "same_name",
    "statement_for",
]

_WITH_TABLE = ("index", "trigger", "policy", "rule", "statistics", "sequence")


def same_name(one: str, other: str) -> bool:
    """Tell whether two names can be of one object: where a schema is not said, it may be any."""
    if "." in one and "." in other:
        return one == other
    return one.rpartition(".")[2] == other.rpartition(".")[2]


def is_same(one: Effect, other: Effect) -> bool:
    """Tell whether two effects are on the same object."""
    # GRANT says TABLE of views and sequences too.
    loose = {"grant", "revoke"} & {one.verb, other.verb} and "routine" not in (one.kind, other.kind)
    if one.kind != other.kind and not loose:
        return False
    if not same_name(one.name, other.name):
        return False
    if one.table and other.table and not same_name(one.table, other.table):
        return False
    return None in (one.arguments, other.arguments) or one.arguments == other.arguments


def goes_with(effect: Effect, drop: Effect) -> bool:
    """Tell whether an object is gone when another one has been dropped.

    Arguments:
        effect: what made the object.
        drop: a DROP.
    """
    if drop.verb == "alter" and drop.kind == "table" and effect.table:
        return same_name(effect.table, drop.name) and _is_on_dropped_column(effect, drop)
    if drop.verb != "drop":
        return False
    if is_same(effect, drop):
        return True
    if drop.kind == "schema":
        return drop.name in (_schema(effect.name), _schema(effect.table or ""))
    if drop.kind in ("table", "materialized view", "view") and effect.table:
        return same_name(effect.table, drop.name)
    partition = any(token.text in ("partition", "inherits") for token in effect.rest[:1])
    if drop.kind == "table" and (effect.kind in _WITH_TABLE or partition):
        return mentions(effect.rest, drop.name)
    if drop.kind == "extension" and drop.cascades:
        return True
    return drop.cascades and mentions(effect.rest, drop.name)


def _is_on_dropped_column(effect: Effect, alter: Effect) -> bool:
    """Tell whether an index goes with a column that is dropped."""
    names = {token.text for token in effect.rest}
    for part in split_arguments(alter.rest):
        words = [token.text for token in part if token.text not in ("if", "exists", "column")]
        if effect.kind == "index" and words[:1] == ["drop"] and not names.isdisjoint(words[1:2]):
            return True
    return False


def mentions(tokens: Sequence[Token], name: str, is_schema: bool = False) -> bool:
    """Tell whether a name with its schema is among the tokens; strings do not count.

    A name without a schema could be that of a column, so it counts behind REFERENCES and the like.

    Arguments:
        tokens: where to look.
        name: the name.
        is_schema: whether it is that of a schema, in which anything may be.
    """
    at = 0
    while at < len(tokens):
        if tokens[at].kind not in ("word", "name"):
            at += 1
            continue
        found, end = read_name(tokens, at)
        before = tokens[at - 1].text if at else ""
        sure = before in ("references", "from", "join", "on", "setof", "function", "of", "by", "(")
        parts = found.split(".")
        if is_schema and len(parts) > 1 and parts[0] == name:
            return True
        # Of `schema.table.column` the first two are a name as well.
        names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
        if any(item == name if "." in name else item == name and sure for item in names):
            return True
        at = max(end, at + 1)
    return False


def _schema(name: str) -> str:
    return name.rpartition(".")[0]


class Known:
    """What earlier changes have made, to be found by its name."""

    def __init__(self) -> None:
        self._made: dict[str, list[Effect]] = {}

    def add(self, done: Iterable[Effect]) -> None:
        """Remember what statements make."""
        for effect in done:
            if effect.verb in ("create", "replace"):
                self._made.setdefault(effect.name.rpartition(".")[2], []).append(effect)

    def __contains__(self, effect: Effect) -> bool:
        return any_same(effect, self._made.get(effect.name.rpartition(".")[2], ()))


def label(effect: Effect) -> str:
    """Return an object as findings name it."""
    kind = "function" if effect.kind == "routine" else effect.kind
    types = f"({', '.join(effect.arguments)})" if effect.arguments is not None else ""
    on = f" on {effect.table}" if effect.table and effect.kind != "index" else ""
    return f"{kind} {effect.name}{types}{on}".strip()


def statement_for(effect: Effect) -> str:
    """Return the statement that drops an object."""
    return f"drop {label(effect)};"


def any_same(effect: Effect, others: Iterable[Effect]) -> bool:
    """Tell whether any of the others is on the same object."""
    return any(is_same(effect, other) for other in others)
