"""The dependencies of a change: `[!][project:]change[@tag]`, `@tag` or an id."""

from __future__ import annotations

import re

from carecli.plan.faults import Place
from carecli.plan.lines import Specification
from carecli.plan.names import NAME, shadow

__all__ = ["parse_dependency", "scan_dependencies"]

_SPECIFICATION = re.compile(
    rf"\A(?P<conflicts>!?)(?:(?P<project>{NAME}):)?"
    rf"(?:(?P<id>[0-9a-f]{{40}})|(?P<change>{NAME})(?:@(?P<change_tag>{NAME}))?"
    rf"|(?:@(?P<tag>{NAME}))?)\Z",
    re.ASCII,
)


def parse_dependency(text: str, column: int = 0) -> Specification | None:
    """Return what `[!][project:]change[@tag]`, `@tag` or an id says, or None if it is none.

    Arguments:
        text: one dependency, without blanks.
        column: where it begins on its line, in characters from 1.
    """
    match = _SPECIFICATION.match(shadow(text))
    if match is None or (match["id"] or match["change"] or match["tag"]) is None:
        return None
    parts = {
        name: text[slice(*match.span(name))] or None
        for name in ("project", "id", "change", "change_tag", "tag")
    }
    tag = parts.pop("change_tag") or parts.pop("tag")
    parts.pop("tag", None)
    return Specification(bool(match["conflicts"]), **parts, tag=tag, column=column)


def scan_dependencies(
    place: Place, content: str, start: int, shape: str
) -> tuple[Specification, ...]:
    """Return what stands between the brackets of a change.

    Arguments:
        place: the line.
        content: what stands on it before its note.
        start: index of the first character after the bracket.
        shape: the shadow of what is between the brackets.

    Raises:
        PlanError: a word is no dependency, or is there twice.
    """
    found: dict[str, Specification] = {}
    for word in re.finditer(r"[^ \t]+", shape):
        column = start + word.start() + 1
        text = content[start + word.start() : start + word.end()]
        specification = parse_dependency(text, column)
        if specification is None:
            raise place.error(
                f'"{text}" is not a valid dependency',
                column=column,
                hint="write change, change@tag, @tag, project:change or an id, "
                "with a ! before it for a conflict",
            )
        if text in found:
            raise place.error(f'duplicate dependency "{text}"', column=column, hint="name it once")
        found[text] = specification
    if shape[0] in " \t" and found:
        raise place.error(
            "dependencies begin with a blank",
            column=start + 1,
            hint="sqitch wants the first dependency right after the bracket: [name ...]",
        )
    return tuple(found.values())
