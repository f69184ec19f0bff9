"""Every function has a search path of its own, and one that runs as its owner the empty one."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Text, find

__all__ = ["LEVEL", "faults"]

LEVEL = "error"


def faults(text: Text) -> Iterator[Fault]:
    """Yield the routines whose names the caller's search path could send elsewhere."""
    for sentence in text.sentences:
        made = [effect for effect in sentence.effects if effect.verb in ("create", "replace")]
        words = [token.text for token in sentence.tokens]
        if not made or made[0].kind != "routine" or "aggregate" in words[:4]:
            continue
        definer = any(True for _ in find(sentence.tokens, "security", "definer"))
        pinned = list(find(sentence.tokens, "set", "search_path"))
        if not pinned:
            detail = "the function has no search path of its own"
        elif definer and words[pinned[0] + 3 : pinned[0] + 4] not in (["''"], ['""']):
            detail = "the function runs as its owner with a search path that is not empty"
        else:
            continue
        yield Fault(
            sentence.tokens[pinned[0] if pinned else 0].offset,
            sentence.subject,
            detail,
            "set search_path = '', and qualify every name in the body",
        )
