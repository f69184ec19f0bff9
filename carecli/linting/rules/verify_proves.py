"""A verify script fails where the change is missing; a select of constants never does."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Sentence, Text

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"


def faults(text: Text) -> Iterator[Fault]:
    """Yield a verify script in which nothing is looked at."""
    if text.purpose == "verify" and all(map(_proves_nothing, text.sentences)):
        yield Fault(
            0,
            text.name,
            "the script proves nothing: it looks at no object",
            "let it fail where the change is missing or not as it should be",
        )


def _proves_nothing(sentence: Sentence) -> bool:
    words = [token.text for token in sentence.tokens]
    if words[0] in ("set", "reset"):
        return True
    return words[0] == "select" and "from" not in words and "(" not in words
