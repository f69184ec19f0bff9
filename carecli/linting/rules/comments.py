"""Every table, column, function, type and policy says what it is for, with COMMENT ON."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Text
from carecli.script.effects import Effect
from carecli.script.signatures import arguments_end, split_arguments

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"
_KINDS = ("table", "view", "materialized view", "routine", "type", "domain", "policy")
_NO_COLUMN = frozenset(("constraint", "primary", "unique", "check", "foreign", "exclude", "like"))


def faults(text: Text) -> Iterator[Fault]:
    """Yield what a deploy script creates without a comment on it."""
    if text.purpose != "deploy":
        return
    said = {(effect.kind, effect.name, effect.table) for effect in text.effects
            if effect.verb == "comment"}  # fmt: skip
    dropped = {(effect.kind, effect.name) for effect in text.effects if effect.verb == "drop"}
    for effect in text.effects:
        wanted = effect.verb == "create" and effect.kind in _KINDS and not effect.temporary
        if (effect.kind, effect.name) in dropped:
            continue
        if wanted and (effect.kind, effect.name, effect.table) not in said:
            kind = "function" if effect.kind == "routine" else effect.kind
            on = f" on {effect.table}" if effect.table else ""
            yield _fault(effect, f"{kind} {effect.name}{on}")
        for column in _columns(effect):
            if ("column", f"{effect.name}.{column}", None) not in said:
                yield _fault(effect, f"column {effect.name}.{column}")


def _columns(effect: Effect) -> Iterator[str]:
    rest = effect.rest
    if effect.kind != "table" or effect.temporary:
        return
    if effect.verb == "create" and rest and rest[0].text == "(":
        for part in split_arguments(rest[1 : arguments_end(rest, 0) - 1]):
            if part[0].text not in _NO_COLUMN:
                yield part[0].text.strip('"')
    elif effect.verb == "alter":
        for part in split_arguments(rest):
            words = [token.text for token in part if token.text not in ("if", "not", "exists")]
            if words[:2] == ["add", "column"] and words[2:3]:
                yield words[2].strip('"')


def _fault(effect: Effect, name: str) -> Fault:
    return Fault(effect.offset, name, "nothing says what it is for", f"comment on {name} is '...';")
