"""No `if not exists` in a transactional script: it takes what is there, as it is, for ours."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Text, find

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"


def faults(text: Text) -> Iterator[Fault]:
    """Yield each; a condition of PL/pgSQL, which has a parenthesis behind it, is none."""
    if not text.script.transactional:
        return
    for sentence in text.sentences:
        for tokens in sentence.code:
            for at in find(tokens, "if", "not", "exists"):
                if tokens[at + 3 : at + 4] and tokens[at + 3].text != "(":
                    yield Fault(
                        tokens[at].offset,
                        sentence.subject,
                        "if not exists hides that something else of that name is there",
                        "leave it out; carecli adopt records what a database has already",
                    )
