"""Who calls is compared with `is distinct from`: `<>` is null where nobody is signed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carecli.linting.reading import Fault, Text
from carecli.script.lexical import Token

__all__ = ["LEVEL", "faults"]

LEVEL = "error"
_CALLERS = (["auth", ".", "uid"], ["messaging", ".", "caller_id"])
_STARTS = frozenset((";", "declare", "begin", "then", "else", "loop"))


def faults(text: Text) -> Iterator[Fault]:
    """Yield the comparisons with `<>` and `!=`, of auth.uid() or a variable that holds it."""
    for sentence in text.sentences:
        for tokens in sentence.code:
            variables = set(_variables(tokens))
            for at in range(len(tokens) - 1):
                if tokens[at].text + tokens[at + 1].text not in ("<>", "!="):
                    continue
                if tokens[at + 1].offset != tokens[at].offset + 1:
                    continue
                left, right = tokens[max(0, at - 8) : at], tokens[at + 2 : at + 10]
                if _ends_with_caller(left, variables) or _begins_with_caller(right, variables):
                    yield Fault(
                        tokens[at].offset,
                        sentence.subject,
                        "a comparison with the caller that lets somebody without a name pass",
                        "compare with: is distinct from",
                    )


def _begins_with_caller(tokens: Sequence[Token], variables: set[str]) -> bool:
    words = [token.text for token in tokens if token.text not in ("(", "select")]
    return words[:3] in _CALLERS or not variables.isdisjoint(words[:1])


def _ends_with_caller(tokens: Sequence[Token], variables: set[str]) -> bool:
    words = [token.text for token in tokens if token.text not in ("(", ")", "select")]
    return words[-3:] in _CALLERS or not variables.isdisjoint(words[-1:])


def _variables(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the variables that who calls is assigned to."""
    for at in range(len(tokens)):
        if [token.text for token in tokens[at : at + 3]] not in _CALLERS:
            continue
        start = at
        while start > 0 and tokens[start - 1].text not in _STARTS:
            start -= 1
        words = [token.text for token in tokens[start:at]]
        if ": =" in " ".join(words) or words[1:2] == ["="]:
            yield words[0]
        following = [token.text for token in tokens[at + 3 : at + 7]]
        if following[:3] == ["(", ")", "into"]:
            yield from following[3:]
