"""Every constraint has a name: that of its table, then that of its rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carecli.linting.reading import Fault, Text
from carecli.script.effects import Effect
from carecli.script.lexical import Token
from carecli.script.signatures import arguments_end, split_arguments

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"
_RULES = frozenset(("primary", "unique", "check", "foreign", "references", "exclude"))


def faults(text: Text) -> Iterator[Fault]:
    """Yield constraints without a name, and with one that does not begin with the table's."""
    if text.purpose == "verify":
        return
    for effect in text.effects:
        if effect.kind != "table" or effect.temporary:
            continue
        for part in _parts(effect):
            yield from _constraints(effect, part)


def _parts(effect: Effect) -> Iterator[list[Token]]:
    """Yield what declares columns and constraints."""
    rest = effect.rest
    if effect.verb == "create" and rest and rest[0].text == "(":
        yield from split_arguments(rest[1 : arguments_end(rest, 0) - 1])
    elif effect.verb == "alter":
        for part in split_arguments(rest):
            if part and part[0].text == "add":
                yield part[1:]


def _constraints(effect: Effect, part: Sequence[Token]) -> Iterator[Fault]:
    table = effect.name.rpartition(".")[2]
    depth, named = 0, False
    for at, token in enumerate(part):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth or token.kind != "word":
            continue
        if token.text == "constraint" and at + 1 < len(part):
            named = True
            name = part[at + 1].text.strip('"')
            if not name.startswith(f"{table}_"):
                yield Fault(
                    token.offset,
                    f"constraint {name} on {effect.name}",
                    "the name does not begin with that of the table",
                    f"call it {table}_..., by its rule",
                )
        elif token.text in _RULES and not _is_column_name(part, at):
            # A foreign key has both words.
            if not named and not (token.text == "references" and part[0].text == "foreign"):
                yield Fault(
                    token.offset,
                    f"table {effect.name}",
                    f"the constraint ({token.text}) has no name, so the server makes one up",
                    f"write: constraint {table}_... {token.text} ...",
                )
            named = token.text == "foreign"


def _is_column_name(part: Sequence[Token], at: int) -> bool:
    return at > 0 and part[at - 1].text in ("constraint", ".")
