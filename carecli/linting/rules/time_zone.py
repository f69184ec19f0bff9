"""A moment has the type `timestamptz`: a `timestamp` is another moment in each time zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carecli.linting.reading import Fault, Text
from carecli.script.lexical import Token

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"


def faults(text: Text) -> Iterator[Fault]:
    """Yield columns, parameters and variables of type timestamp; casts and literals are none."""
    for sentence in text.sentences:
        for tokens in sentence.code:
            for at, token in enumerate(tokens):
                if token == ("timestamp", token.offset, "word") and _is_type(tokens, at):
                    yield Fault(
                        token.offset,
                        sentence.subject,
                        "a timestamp without time zone",
                        "use timestamptz",
                    )


def _is_type(tokens: Sequence[Token], at: int) -> bool:
    following = [token.text for token in tokens[at + 1 : at + 5]]
    if following[:1] == ["("]:  # the precision
        following = following[3:]
    if following[:1] == ["with"] or (tokens[at + 1 : at + 2] and tokens[at + 1].kind == "string"):
        return False
    before = at - 1
    while before > 0 and tokens[before].text in (".", "pg_catalog"):
        before -= 1
    previous = tokens[before] if before >= 0 else tokens[at]
    # `name timestamp` declares something; `::timestamp`, `as timestamp` and `x.timestamp` do not.
    return previous.kind in ("word", "name") and previous.text not in ("as", "select", "by")
