"""A policy asks who calls once a statement, with `(select auth.uid())`, and not once a row."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Text, find

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"


def faults(text: Text) -> Iterator[Fault]:
    """Yield the calls of auth's functions in policies that are not in a select of their own."""
    for sentence in text.sentences:
        made = [item for item in sentence.effects if item.verb in ("create", "alter")]
        if not made or made[0].kind != "policy":
            continue
        tokens = sentence.tokens
        for at in find(tokens, "auth", "."):
            name = tokens[at + 2].text if at + 2 < len(tokens) else ""
            if name in ("uid", "jwt", "role", "email") and tokens[at - 1].text != "select":
                yield Fault(
                    tokens[at].offset,
                    sentence.subject,
                    f"auth.{name}() is called for every row",
                    f"write (select auth.{name}())",
                )
