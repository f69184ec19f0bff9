"""Parameters are called `p_...` and variables `v_...`: nobody takes a column for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carecli.linting.reading import Fault, Text, find
from carecli.script.lexical import Token
from carecli.script.signatures import arguments_end, split_arguments

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"


def faults(text: Text) -> Iterator[Fault]:
    """Yield parameters of routines and variables of PL/pgSQL that are called otherwise."""
    for sentence in text.sentences:
        made = [item for item in sentence.effects if item.verb in ("create", "replace")]
        found = list(_variables(sentence.body, "v_"))
        if made and made[0].kind == "routine":
            found += _parameters(sentence.tokens)
        for name, kind, offset, prefix in found:
            yield Fault(
                offset,
                sentence.subject,
                f"the {kind} {name} could be taken for a column",
                f"call it {prefix}{name}",
            )


def _parameters(tokens: Sequence[Token]) -> Iterator[tuple[str, str, int, str]]:
    opening = next((at for at, token in enumerate(tokens) if token.text == "("), None)
    if opening is None:
        return
    inner = tokens[opening + 1 : arguments_end(tokens, opening) - 1]
    for part in split_arguments(inner):
        named = [token for token in part if token.text not in ("in", "inout", "variadic")]
        if len(named) < 2 or named[0].text == "out" or named[0].text.startswith("p_"):
            continue
        if named[0].kind in ("word", "name"):
            yield named[0].text, "parameter", named[0].offset, "p_"


def _variables(body: Sequence[Token], prefix: str) -> Iterator[tuple[str, str, int, str]]:
    for at in find(body, "declare"):
        place = at + 1
        while place < len(body) and body[place].text != "begin":
            token = body[place]
            if token.kind in ("word", "name") and not token.text.startswith(prefix):
                yield token.text, "variable", token.offset, prefix
            depth = 0
            while place < len(body) and (depth or body[place].text != ";"):
                depth += {"(": 1, ")": -1}.get(body[place].text, 0)
                place += 1
            place += 1
