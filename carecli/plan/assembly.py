"""From checked lines to changes and tags: parents, ids, rework tags, resolved dependencies."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from carecli.plan.lines import ChangeLine, Line, Specification, TagLine
from carecli.plan.model import Change, Dependency, Plan, Tag
from carecli.plan.references import ReferenceIndex
from carecli.plan.uri import canonical_uri, normal_uri

__all__ = ["assemble"]


class _Draft:
    """A change whose tags are still being read."""

    def __init__(self, line: ChangeLine, change_id: str, parent_id: str | None) -> None:
        self.line = line
        self.id = change_id
        self.parent_id = parent_id
        self.tags: list[Tag] = []
        self.rework_tags: list[Tag] = []


def assemble(lines: tuple[Line, ...], *, project: str, uri: str | None, path: Path) -> Plan:
    """Return the plan that checked lines make up.

    Arguments:
        lines: every line of the plan.
        project: name of its project.
        uri: the project's URI as it is written, or None.
        path: the file.
    """
    heading = [f"project {project}"]
    if uri is not None:
        heading.append(f"uri {canonical_uri(uri)}")
    drafts: list[_Draft] = []
    latest: dict[str, int] = {}
    for line in lines:
        if isinstance(line, TagLine):
            drafts[-1].tags.append(_tag(line, heading, drafts[-1].id))
        elif isinstance(line, ChangeLine):
            parent_id = drafts[-1].id if drafts else None
            change_id = _change_id(line, heading, project, parent_id)
            if line.name in latest:
                _rework(drafts, latest[line.name])
            latest[line.name] = len(drafts)
            drafts.append(_Draft(line, change_id, parent_id))
    changes = [_change(draft) for draft in drafts]
    index = ReferenceIndex(changes)
    resolved = tuple(
        _with_dependencies(change, draft.line, index, changes, project)
        for change, draft in zip(changes, drafts, strict=True)
    )
    stored_uri = None if uri is None else normal_uri(uri)
    return Plan(project=project, uri=stored_uri, changes=resolved, path=path, lines=lines)


def _rework(drafts: Sequence[_Draft], place: int) -> None:
    """Give a change that is being replaced the tags after it, the latest change's first."""
    for later in reversed(drafts[place + 1 :]):
        drafts[place].rework_tags += later.tags
    drafts[place].rework_tags += drafts[place].tags


def _change_id(
    line: ChangeLine, heading: Sequence[str], project: str, parent_id: str | None
) -> str:
    """Return a change's id: the SHA-1 of all that it says (App::Sqitch::Plan::Change, `info`)."""
    information = [*heading, f"change {line.name}"]
    if parent_id is not None:
        information.append(f"parent {parent_id}")
    information += _origin(line)
    for title, sign, listed in (
        ("requires", "+", line.requires),
        ("conflicts", "-", line.conflicts),
    ):
        names = [dependency.text(project) for dependency in listed]
        # A conflict with "0" alone is lost on sqitch as well: Perl takes it for false.
        if names and names != ["0"]:
            information += [title, *(f"  {sign} {name}" for name in names)]
    return _digest("change", information, line.note)


def _tag(line: TagLine, heading: Sequence[str], change_id: str) -> Tag:
    information = [*heading, f"tag @{line.name}", f"change {change_id}", *_origin(line)]
    return Tag(
        name=line.name,
        id=_digest("tag", information, line.note),
        change_id=change_id,
        note=line.note,
        planned_at=_time(line.timestamp),
        planner_name=line.planner_name,
        planner_email=line.planner_email,
        line=line.number,
    )


def _origin(line: ChangeLine | TagLine) -> list[str]:
    return [f"planner {line.planner_name} <{line.planner_email}>", f"date {line.timestamp}"]


def _digest(kind: str, information: Sequence[str], note: str) -> str:
    # sqitch leaves out a note that Perl takes for false.
    noted = ["", note] if note not in ("", "0") else []
    content = "\n".join([*information, *noted]).encode("utf-8")
    # An id is an identity here, not a protection: sqitch and git chose SHA-1.
    digest = hashlib.sha1(usedforsecurity=False)
    digest.update(f"{kind} {len(content)}\0".encode())
    digest.update(content)
    return digest.hexdigest()


def _time(timestamp: str) -> datetime:
    return datetime.fromisoformat(timestamp)


def _change(draft: _Draft) -> Change:
    line = draft.line
    return Change(
        name=line.name,
        id=draft.id,
        parent_id=draft.parent_id,
        note=line.note,
        planned_at=_time(line.timestamp),
        planner_name=line.planner_name,
        planner_email=line.planner_email,
        tags=tuple(draft.tags),
        rework_tags=tuple(draft.rework_tags),
        line=line.number,
    )


def _with_dependencies(
    change: Change,
    line: ChangeLine,
    index: ReferenceIndex,
    changes: Sequence[Change],
    project: str,
) -> Change:
    if not line.dependencies:
        return change
    requires = tuple(_resolve(found, index, changes, project) for found in line.requires)
    conflicts = tuple(_resolve(found, index, changes, project) for found in line.conflicts)
    return change._replace(requires=requires, conflicts=conflicts)


def _resolve(
    written: Specification, index: ReferenceIndex, changes: Sequence[Change], project: str
) -> Dependency:
    """Return a dependency with the change it means, as far as this plan knows it."""
    is_here = written.project in (None, project)
    place = index.find(written.key) if is_here else None
    owner: str | None = written.project or project
    if written.project is None and written.id is not None and place is None:
        owner = None
    return Dependency(
        kind="conflict" if written.conflicts else "require",
        project=owner,
        change=written.change,
        tag=written.tag,
        id=written.id if place is None else changes[place].id,
        text=written.text(project),
        is_external=owner != project,
    )
