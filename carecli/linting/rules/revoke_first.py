"""What everybody would be given by default is revoked before anything is granted."""

from __future__ import annotations

from collections.abc import Iterator

from carecli.linting.reading import Fault, Text
from carecli.script.effects import Effect

__all__ = ["LEVEL", "faults"]

LEVEL = "error"
_EVERYBODY = "public, anon, authenticated, service_role"
_KINDS = ("routine", "table", "view", "materialized view")


def faults(text: Text) -> Iterator[Fault]:
    """Yield objects that stay open to PUBLIC, and grants with no revoke before them."""
    if text.purpose == "verify":
        return
    # What a revert script replaces was there, and keeps the privileges that it has.
    makes = ("create",) if text.purpose == "revert" else ("create", "replace")
    made: dict[tuple[str, str], Effect] = {}
    revoked: set[tuple[str, str]] = set()
    for effect in text.effects:
        key = (_kind(effect), effect.name)
        if effect.verb in makes and effect.kind in _KINDS:
            if not effect.temporary:
                made[key] = effect
                revoked.discard(key)
        elif effect.verb == "drop":
            made.pop(key, None)
        elif effect.verb == "revoke" and _from_everybody(effect):
            revoked.add(key)
            made.pop(key, None)
        elif effect.verb == "grant" and effect.kind in _KINDS and key not in revoked:
            yield _fault(effect, "is granted before everything was revoked")
            made.pop(key, None)
    for effect in made.values():
        yield _fault(effect, "is left with the privileges that everybody gets by default")


def _kind(effect: Effect) -> str:
    # GRANT and REVOKE say TABLE of a view as well.
    return "table" if "view" in effect.kind else effect.kind


def _from_everybody(effect: Effect) -> bool:
    words = [token.text for token in effect.rest]
    return words[1:2] == ["all"] and "public" in words[words.index("from") :]


def _fault(effect: Effect, detail: str) -> Fault:
    kind = "function" if effect.kind == "routine" else _kind(effect)
    types = f"({', '.join(effect.arguments)})" if effect.arguments is not None else ""
    return Fault(
        effect.offset,
        f"{kind} {effect.name}",
        f"the {kind} {detail}",
        f"revoke all on {kind} {effect.name}{types} from {_EVERYBODY};",
    )
