"""One line of a plan, from text to a `Line`, with an error that says where it went wrong."""

from __future__ import annotations

import re
from datetime import datetime

from carecli.plan.faults import NAME_RULE, Place
from carecli.plan.lines import (
    BlankLine,
    ChangeLine,
    PragmaLine,
    Specification,
    TagLine,
    decode_note,
)
from carecli.plan.names import (
    BLANK,
    HEAD,
    NAME,
    PLANNER,
    PUNCTUATION,
    TIMESTAMP,
    name_fault,
    shadow,
)

__all__ = ["scan_blank", "scan_entry", "scan_pragma"]

_BLANK_LINE = re.compile(rf"\A(?P<lspace>{BLANK}*)(?:#{BLANK}*(?P<note>.+)|$)")
_NOTE = re.compile(rf"(?P<rspace>{BLANK}*)(?:#{BLANK}*(?P<note>.*))?$")
_PRAGMA = re.compile(
    rf"\A(?P<lspace>{BLANK}*)%(?P<hspace>{BLANK}*)"
    rf"(?P<name>[^{PUNCTUATION}](?:[^ \t=]*?[^{PUNCTUATION} \t])?)"
    rf"(?:(?P<lopspace>{BLANK}*)(?P<operator>=)(?P<ropspace>{BLANK}*)(?P<value>.+))?\Z"
)
_ENTRY = re.compile(
    rf"\A{HEAD}(?P<name>{NAME})(?P<pspace>{BLANK}+)?"
    rf"(?:\[(?P<dependencies>[^\]]+)\]{BLANK}*)?"
    rf"(?:(?P<timestamp>{TIMESTAMP}){BLANK}*)?"
    rf"(?:{PLANNER})?$",
    re.ASCII,
)


def scan_blank(place: Place) -> BlankLine | None:
    """Return the line if it holds nothing but blanks and a comment, else None."""
    match = _BLANK_LINE.match(shadow(place.source))
    if match is None:
        return None
    note = place.source[slice(*match.span("note"))] if match["note"] is not None else ""
    return BlankLine(decode_note(note), _cut(place.source, match, "lspace"), place.number)


def scan_pragma(place: Place) -> PragmaLine:
    """Return the pragma on a line.

    Raises:
        PlanError: the line holds something else.
    """
    content, rspace, note = _split_note(place.source)
    match = _PRAGMA.match(shadow(content))
    if match is None:
        raise place.error(
            "invalid pragma, and no empty line ends the pragmas before it",
            column=_first_visible(content),
            hint="a pragma looks like `%project=name`; leave one line empty after the last one",
        )
    cut = {name: _cut(content, match, name) for name in ("lspace", "hspace", "name")}
    spaces = {name: _cut(content, match, name) for name in ("lopspace", "operator", "ropspace")}
    value = _cut(content, match, "value") if match["value"] is not None else None
    return PragmaLine(**cut, **spaces, value=value, note=note, rspace=rspace, number=place.number)


def scan_entry(place: Place) -> ChangeLine | TagLine:
    """Return the change or tag on a line.

    Raises:
        PlanError: the line is neither, or lacks a part, with the column where it goes wrong.
    """
    content, rspace, note = _split_note(place.source)
    shape = shadow(content)
    is_tag = re.match(rf"{BLANK}*@", shape) is not None
    match = _ENTRY.match(shape)
    if match is None or match["timestamp"] is None or match["planner_name"] is None:
        # Only a faulty plan pays for the patterns that find the fault.
        from carecli.plan.diagnosis import diagnose

        raise diagnose(place, shape)
    name = _cut(content, match, "name")
    column = match.start("name") + 1
    fault = name_fault(name, tag=is_tag)
    if fault is not None:
        raise place.error(fault, column=column, hint=f"choose another name: {NAME_RULE}")
    _check_time(place, content, match)
    common = {
        "name": name,
        "timestamp": _cut(content, match, "timestamp"),
        "planner_name": _cut(content, match, "planner_name"),
        "planner_email": _cut(content, match, "planner_email"),
        "lspace": _cut(content, match, "lspace"),
        "rspace": rspace,
        "note": decode_note(note),
    }
    if is_tag:
        if match["dependencies"] is not None:
            raise place.error(
                "tags may not specify dependencies",
                column=match.start("dependencies"),
                hint="remove the brackets, or put them on the change",
            )
        return TagLine(**common, number=place.number)
    return ChangeLine(
        **common,
        number=place.number,
        dependencies=_dependencies(place, content, match),
        operator=_cut(content, match, "operator"),
        lopspace=_cut(content, match, "lopspace"),
        ropspace=_cut(content, match, "ropspace"),
        pspace=_cut(content, match, "pspace") or " ",
    )


def _check_time(place: Place, content: str, match: re.Match[str]) -> None:
    timestamp = _cut(content, match, "timestamp")
    try:
        datetime.fromisoformat(timestamp)
    except ValueError:
        raise place.error(
            f"there is no such time as {timestamp}",
            column=match.start("timestamp") + 1,
            hint="write it in UTC, like 2026-01-31T12:00:00Z",
        ) from None


def _dependencies(place: Place, content: str, match: re.Match[str]) -> tuple[Specification, ...]:
    if match["dependencies"] is None:
        return ()
    from carecli.plan.dependencies import scan_dependencies

    return scan_dependencies(place, content, match.start("dependencies"), match["dependencies"])


def _split_note(source: str) -> tuple[str, str, str]:
    """Return a line's content, the blanks after it, and the text of its note."""
    match = _NOTE.search(shadow(source))
    if match is None:  # pragma: no cover - the pattern matches the empty string
        return source, "", ""
    note = source[slice(*match.span("note"))] if match["note"] is not None else ""
    return source[: match.start()], source[slice(*match.span("rspace"))], note


def _cut(text: str, match: re.Match[str], name: str) -> str:
    """Return what a group of a match on the shadow stands for in the text itself."""
    return "" if match[name] is None else text[slice(*match.span(name))]


def _first_visible(text: str) -> int:
    return len(text) - len(text.lstrip(" \t")) + 1
