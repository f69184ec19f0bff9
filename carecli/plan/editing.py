"""Adding to a plan: a change, a tag, a reworked change, each as sqitch would write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from carecli.errors import InvalidUsage
from carecli.plan.dependencies import parse_dependency
from carecli.plan.faults import NAME_RULE
from carecli.plan.lines import (
    BlankLine,
    ChangeLine,
    Line,
    Specification,
    TagLine,
    decode_note,
)
from carecli.plan.model import Plan
from carecli.plan.names import name_fault
from carecli.plan.parser import parse_plan
from carecli.plan.references import UnknownReference

__all__ = ["Entry", "add_change", "rework_change", "rework_tag", "tag_change"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be added to a plan, by whom and when.

    Arguments:
        name: name of the change or tag, a tag with or without `@`.
        note: what it is for.
        planner_name: full name of the planner.
        planner_email: address of the planner.
        requires: dependencies as sqitch writes them; what must be deployed before.
        conflicts: likewise; what must not be deployed.
        planned_at: when, aware; None for now.
    """

    name: str
    note: str
    planner_name: str
    planner_email: str
    requires: Sequence[str] = ()
    conflicts: Sequence[str] = ()
    planned_at: datetime | None = None

    @property
    def timestamp(self) -> str:
        """The time as plans have it: UTC, in whole seconds."""
        planned_at = self.planned_at or datetime.now(UTC)
        return planned_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def add_change(plan: Plan, entry: Entry) -> Plan:
    """Return the plan with a new change at its end.

    Raises:
        InvalidUsage: the name is not valid or taken, or a requirement is unknown.
    """
    _check_planner(entry)
    _check_name(entry.name, tag=False)
    if _latest(plan, entry.name) is not None:
        raise InvalidUsage(
            f'change "{entry.name}" already exists in {plan.path}',
            hint=f"`carecli rework {entry.name}` copies its scripts and plans it anew",
        )
    dependencies = _dependencies(plan, entry, "add")
    blank: list[Line] = [BlankLine()] if plan.changes and plan.changes[-1].tags else []
    return _edited(plan, [*plan.lines, *blank, _change_line(entry, dependencies)])


def rework_change(plan: Plan, entry: Entry) -> Plan:
    """Return the plan with a change of the same name as an earlier one at its end.

    Raises:
        InvalidUsage: there is no such change, no tag since, or a requirement is unknown.
    """
    _check_planner(entry)
    place = _latest(plan, entry.name)
    if place is None:
        raise InvalidUsage(
            f'change "{entry.name}" does not exist in {plan.path}',
            hint=f"`carecli add {entry.name}` adds it",
        )
    tag = rework_tag(plan)
    if tag is None or plan.index_of(tag) < place:
        raise InvalidUsage(
            f'cannot rework "{entry.name}": there is no tag since it was planned',
            hint="tag the plan first with `carecli tag NAME -n NOTE`, then rework",
        )
    previous = Specification(conflicts=False, change=entry.name, tag=tag.removeprefix("@"))
    dependencies = [previous]
    dependencies += [dep for dep in _dependencies(plan, entry, "rework") if dep != previous]
    return _edited(plan, [*plan.lines, _change_line(entry, dependencies)])


def tag_change(plan: Plan, entry: Entry, reference: str | None = None) -> Plan:
    """Return the plan with a tag on a change.

    Arguments:
        plan: the plan.
        entry: name and note of the tag.
        reference: the change; None for the last one.

    Raises:
        InvalidUsage: the name is not valid or taken, or there is no such change.
    """
    _check_planner(entry)
    name = entry.name.removeprefix("@")
    _check_name(name, tag=True)
    if any(tag.name == name for tag in plan.tags):
        raise InvalidUsage(f'tag "@{name}" already exists in {plan.path}')
    if not plan.changes:
        raise InvalidUsage(
            f'cannot apply tag "@{name}" to a plan without changes',
            hint="add a change first with `carecli add NAME -n NOTE`",
        )
    change = plan.changes[-1] if reference is None else plan.get(reference)
    numbers = [line.number for line in plan.lines]
    after = numbers.index(change.line) + len(change.tags) + 1
    note = decode_note(entry.note)
    line = TagLine(name, entry.timestamp, entry.planner_name, entry.planner_email, note)
    return _edited(plan, [*plan.lines[:after], line, *plan.lines[after:]])


def rework_tag(plan: Plan) -> str | None:
    """Return the tag, with its `@`, after which the scripts of a change reworked now are named."""
    tagged = [change for change in plan.changes if change.tags]
    return tagged[-1].tags[0].format_name if tagged else None


def _latest(plan: Plan, name: str) -> int | None:
    places = [place for place, change in enumerate(plan.changes) if change.name == name]
    return places[-1] if places else None


def _check_name(name: str, *, tag: bool) -> None:
    fault = name_fault(name, tag=tag)
    if fault is None and _CONTROL.search(name):
        # sqitch would write it, and could not read the plan again where it is a line break.
        fault = f"{name!r} has a control character in it"
    if fault is not None:
        raise InvalidUsage(fault, hint=NAME_RULE)


def _check_planner(entry: Entry) -> None:
    for text in (entry.planner_name, entry.planner_email):
        if "#" in text or _CONTROL.search(text):
            raise InvalidUsage(
                f"the planner {text!r} does not fit into a plan",
                hint="a # would begin the note, a line break the next line; "
                "set SQITCH_FULLNAME and SQITCH_EMAIL",
            )


def _change_line(entry: Entry, dependencies: Iterable[Specification]) -> ChangeLine:
    return ChangeLine(
        name=entry.name,
        timestamp=entry.timestamp,
        planner_name=entry.planner_name,
        planner_email=entry.planner_email,
        dependencies=tuple(dependencies),
        note=decode_note(entry.note),
    )


def _dependencies(plan: Plan, entry: Entry, verb: str) -> list[Specification]:
    required = [_specification(text, "") for text in dict.fromkeys(entry.requires)]
    conflicting = [_specification(text, "!") for text in dict.fromkeys(entry.conflicts)]
    for specification in required:
        _check_requirement(plan, entry.name, specification, verb)
    return required + conflicting


def _specification(text: str, sign: str) -> Specification:
    specification = None if text.startswith("!") else parse_dependency(sign + text)
    if specification is None:
        raise InvalidUsage(
            f'"{text}" is not a valid dependency',
            hint="write change, change@tag, @tag, project:change or an id",
        )
    return specification


def _check_requirement(plan: Plan, name: str, required: Specification, verb: str) -> None:
    if required.project not in (None, plan.project):
        return
    if required.project is None and required.id is not None:
        return
    try:
        plan.index_of(required.key if "@" in required.key else f"{required.key}@HEAD")
    except UnknownReference as error:
        raise UnknownReference(
            f'cannot {verb} change "{name}": it requires unknown change "{required.key}"',
            hint=error.hint,
        ) from None


def _edited(plan: Plan, lines: Iterable[Line]) -> Plan:
    """Return the plan that the lines make, so that nothing is written that cannot be read."""
    text = "".join(f"{line.text(plan.project)}\n" for line in lines)
    return parse_plan(text, plan.path)
