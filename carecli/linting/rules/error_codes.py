"""An exception has an SQLSTATE, so that who calls can tell it from others."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Text, find

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"


def faults(text: Text) -> Iterator[Fault]:
    """Yield each RAISE EXCEPTION without one."""
    for sentence in text.sentences:
        body = sentence.body
        for at in find(body, "raise", "exception"):
            end = next((p for p in range(at, len(body)) if body[p].text == ";"), len(body))
            words = {token.text for token in body[at:end]}
            if "errcode" not in words and "sqlstate" not in words:
                yield Fault(
                    body[at].offset,
                    sentence.subject,
                    "an exception without an SQLSTATE",
                    "raise exception using errcode = '...', message = '...', hint = '...'",
                )
