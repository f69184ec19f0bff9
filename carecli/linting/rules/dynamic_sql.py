"""Dynamic SQL is made with format() and %I or %L, never by joining what could be anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carecli.linting.reading import Fault, Text
from carecli.script.lexical import Token

__all__ = ["LEVEL", "faults"]

LEVEL = "error"
_BEFORE = frozenset((";", "then", "else", "loop", "begin", "query", "in"))
_END = frozenset((";", "using", "into", "loop"))
_SAFE = frozenset(("quote_ident", "quote_literal", "quote_nullable", "format"))


def faults(text: Text) -> Iterator[Fault]:
    """Yield EXECUTE of a text, or of a variable with a text, that is joined from unquoted parts."""
    for sentence in text.sentences:
        body = sentence.body
        joined = _joined_variables(body)
        for at, token in enumerate(body):
            if token.text != "execute" or (at > 0 and body[at - 1].text not in _BEFORE):
                continue
            expression = list(_until(body, at + 1, _END))
            named = expression[0].text if len(expression) == 1 else ""
            if named in joined or _is_joined(expression):
                yield Fault(
                    token.offset,
                    sentence.subject,
                    "a statement joined from parts that are not quoted is executed",
                    "execute format('... %I ... %L', name, value), or pass values with using",
                )


def _until(tokens: Sequence[Token], at: int, ends: frozenset[str]) -> Iterator[Token]:
    depth = 0
    for token in tokens[at:]:
        if depth == 0 and token.text in ends:
            return
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        yield token


def _joined_variables(body: Sequence[Token]) -> set[str]:
    return {
        body[at - 1].text
        for at in range(1, len(body) - 1)
        if body[at].text == ":"
        and body[at + 1].text == "="
        and _is_joined(list(_until(body, at + 2, frozenset(";"))))
    }


def _is_joined(expression: Sequence[Token]) -> bool:
    """Tell whether `||` joins anything but literals and quoted values."""
    operands: list[list[Token]] = [[]]
    depth = 0
    bar = -2
    for token in expression:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "|" and depth == 0:
            if token.offset == bar + 1:
                operands.append([])
            bar = token.offset
        else:
            operands[-1].append(token)
    return len(operands) > 1 and not all(map(_is_safe, operands))


def _is_safe(operand: Sequence[Token]) -> bool:
    if all(token.kind in ("string", "dollar") for token in operand):
        return True
    words = [token.text for token in operand[:3]]
    called = words[2:3] if words[:2] == ["pg_catalog", "."] else words[:1]
    return not _SAFE.isdisjoint(called)
