"""No `select *` where others count on the columns: in a view, an answer, or an INSERT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carecli.linting.reading import Fault, Sentence, Text, find
from carecli.script.lexical import Token

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"


def faults(text: Text) -> Iterator[Fault]:
    """Yield each; what stays inside of a statement, or goes into a row variable, is none."""
    for sentence in text.sentences:
        for tokens in sentence.code:
            for at in find(tokens, "select", "*"):
                if _is_contract(sentence, tokens, at):
                    yield Fault(
                        tokens[at].offset,
                        sentence.subject,
                        "select * gives another answer as soon as a table has another column",
                        "name the columns",
                    )


def _is_contract(sentence: Sentence, tokens: Sequence[Token], at: int) -> bool:
    before = [token.text for token in tokens[max(0, at - 2) : at]]
    if before[-1:] == ["query"] or (before[-1:] == ["return"] and tokens is sentence.tokens):
        return True
    made = [item for item in sentence.effects if item.verb in ("create", "replace")]
    if tokens is sentence.tokens:
        stands_alone = before[-1:] == ["as"] and bool(made)
        return stands_alone or _follows_insert(tokens, at)
    is_sql = any(True for _ in find(sentence.tokens, "language", "sql"))
    return _follows_insert(tokens, at) or (is_sql and (at == 0 or before[-1:] == [";"]))


def _follows_insert(tokens: Sequence[Token], at: int) -> bool:
    """Tell whether the rows go into a table: INSERT INTO name [(columns)] before the SELECT."""
    place = at - 1
    if place >= 0 and tokens[place].text == ")":
        while place >= 0 and tokens[place].text != "(":
            place -= 1
        place -= 1
    while place >= 0 and (tokens[place].kind in ("word", "name") or tokens[place].text == "."):
        if tokens[place].text == "into":
            return place > 0 and tokens[place - 1].text == "insert"
        place -= 1
    return False
