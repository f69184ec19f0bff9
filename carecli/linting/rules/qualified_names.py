"""Every object is named with its schema, so that no search path decides where it is."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Text

__all__ = ["LEVEL", "faults"]

LEVEL = "warning"
_KINDS = frozenset(
    ("table", "view", "materialized view", "routine", "type", "domain", "sequence", "index")
)


def faults(text: Text) -> Iterator[Fault]:
    """Yield the objects that a statement creates, alters, drops or grants without their schema."""
    temporary = {effect.name for effect in text.effects if effect.temporary}
    for effect in text.effects:
        name = effect.name if effect.kind in _KINDS else ""
        if effect.kind == "index" and effect.verb == "create":
            name = ""  # an index is where its table is
        for bare in dict.fromkeys((name, effect.table or "")):
            if bare and "." not in bare and bare not in temporary and not effect.temporary:
                kind = "function" if effect.kind == "routine" else effect.kind
                yield Fault(
                    effect.offset,
                    f"{kind} {effect.name}",
                    f"{bare} is named without its schema",
                    f"write public.{bare}, or whichever schema it is in",
                )
