"""References to changes: `users@v1`, `@HEAD^2`, `@ROOT~`, ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from carecli.errors import InvalidUsage
from carecli.plan.names import PUNCTUATION

__all__ = ["ReferenceIndex", "UnknownReference"]

_ENDS = ("HEAD", "@HEAD", "ROOT", "@ROOT")
_OFFSET = re.compile(rf"(?<![{PUNCTUATION}])([~^])(?:(\1)|([0-9]+))?\Z")


class UnknownReference(InvalidUsage):
    """No change of the plan, or more than one, answers to a reference."""


class _Tagged(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def format_name(self) -> str: ...


class _Indexed(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def tags(self) -> Sequence[_Tagged]: ...
    @property
    def qualified_name(self) -> str: ...


class ReferenceIndex:
    """Finds changes as sqitch does (App::Sqitch::Plan::ChangeList).

    Arguments:
        changes: every change, in plan order.
    """

    __slots__ = ("_changes", "_places")

    def __init__(self, changes: Sequence[_Indexed]) -> None:
        self._changes = changes
        self._places: dict[str, list[int]] = {}
        for place, change in enumerate(changes):
            self._places.setdefault(change.name, []).append(place)
            self._places[change.id] = [place]
            for tag in change.tags:
                self._places[tag.id] = [place]
                self._places[tag.format_name] = [place]
        if changes:
            last = len(changes) - 1
            self._places.update({"HEAD": [last], "@HEAD": [last], "ROOT": [0], "@ROOT": [0]})

    def index_of(self, reference: str) -> int:
        """Return the place that a reference means, from 0; see `Plan.index_of`."""
        key, offset = _split_offset(reference)
        places = self._places_of(key)
        if len(places) > 1:
            options = [self._changes[place].qualified_name for place in reversed(places)]
            raise UnknownReference(
                f'"{reference}" could be any of {len(places)} changes of that name',
                hint=f"say which one: {', '.join(options)}",
            )
        return self._at(places, offset, reference)

    def find(self, reference: str) -> int | None:
        """Return the place of the first change that answers to a reference, or None."""
        key, offset = _split_offset(reference)
        try:
            return self._at(self._places_of(key), offset, reference)
        except UnknownReference:
            return None

    def _at(self, places: Sequence[int], offset: int, reference: str) -> int:
        if not places:
            raise self._unknown(reference)
        place = places[0] + offset
        if not 0 <= place < len(self._changes):
            ends = "before the first" if place < 0 else "after the last"
            raise UnknownReference(
                f'"{reference}" is {ends} change of the plan',
                hint=f"the plan has {len(self._changes)} changes, "
                f"from {self._changes[0].qualified_name} to {self._changes[-1].qualified_name}",
            )
        return place

    def _places_of(self, key: str) -> Sequence[int]:
        name, separator, tag = key.partition("@")
        if not name:
            return self._places.get(key, [])
        places = self._places.get(name, [])
        if not separator or not places:
            return places
        tagged = self._places.get(f"@{tag}")
        if tagged is None:
            raise self._unknown(f"@{tag}")
        return [place for place in reversed(places) if place <= tagged[0]][:1]

    def _unknown(self, reference: str) -> UnknownReference:
        from difflib import get_close_matches

        key = _split_offset(reference)[0]
        names = [
            name
            for name in self._places
            if name not in _ENDS and not re.fullmatch("[0-9a-f]{40}", name)
        ]
        near = get_close_matches(key, names, n=3, cutoff=0.5)
        what = "tag" if key.startswith("@") else "change"
        if not self._changes:
            hint = "the plan has no changes yet"
        elif near:
            hint = f"did you mean {' or '.join(near)}?"
        else:
            hint = (
                f"the plan goes from {self._changes[0].qualified_name} "
                f"to {self._changes[-1].qualified_name}; `carecli plan` lists it"
            )
        return UnknownReference(f'no {what} "{reference}" in the plan', hint=hint)


def _split_offset(reference: str) -> tuple[str, int]:
    match = _OFFSET.search(reference)
    if match is None:
        return reference, 0
    sign, doubled, count = match.groups()
    offset = int(count) if count is not None else 2 if doubled else 1
    return reference[: match.start()], -offset if sign == "^" else offset
