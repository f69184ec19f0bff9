"""A text with a check takes the place of an enum, which can neither lose nor reorder a value."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Text

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"


def faults(text: Text) -> Iterator[Fault]:
    """Yield the enum types that a script creates."""
    if text.purpose == "verify":
        return
    for effect in text.effects:
        words = [token.text for token in effect.rest[:2]]
        if effect.verb == "create" and effect.kind == "type" and words == ["as", "enum"]:
            yield Fault(
                effect.offset,
                f"type {effect.name}",
                "an enum type",
                "use text with: constraint TABLE_COLUMN_known check (COLUMN in (...))",
            )
