"""An index is called by its table and its columns, and ends with `_idx`."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Text, find

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"


def faults(text: Text) -> Iterator[Fault]:
    """Yield indexes without a name, and with one that does not tell where they are."""
    for sentence in text.sentences:
        for effect in sentence.effects:
            if effect.kind != "index" or effect.verb != "create" or effect.table is None:
                continue
            name, table = (part.rpartition(".")[2] for part in (effect.name, effect.table))
            if not (name.startswith(f"{table}_") and name.endswith("_idx")):
                yield Fault(
                    effect.offset,
                    f"index {effect.name}",
                    f"the name does not say what the index is on ({effect.table})",
                    f"call it {table}_COLUMNS_idx",
                )
        if not sentence.effects and sentence.tokens[0].text == "create":
            for at in find(sentence.tokens[:5], "index", "on"):
                yield Fault(
                    sentence.tokens[at].offset,
                    sentence.subject,
                    "the index has no name, so the server makes one up",
                    "call it TABLE_COLUMNS_idx",
                )
