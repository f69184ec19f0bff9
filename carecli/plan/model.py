"""What a plan says: its changes, tags and dependencies, with sqitch's ids."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from carecli.plan.lines import Line
from carecli.plan.references import ReferenceIndex

__all__ = ["Change", "Dependency", "Plan", "Tag"]


class Dependency(NamedTuple):
    """What a change requires or conflicts with.

    Arguments:
        kind: `require` or `conflict`.
        project: the project it is in; None where an id is given that the plan does not have.
        change: name of the change, or None.
        tag: name of the tag without `@`, or None.
        id: id of the change: resolved in this plan, or as it was given; None where only the
            registry can tell.
        text: the dependency as sqitch's registry stores it: `[project:]change[@tag]`.
        is_external: whether it is in another project.
    """

    kind: Literal["require", "conflict"]
    project: str | None
    change: str | None
    tag: str | None
    id: str | None
    text: str
    is_external: bool

    @property
    def plan_text(self) -> str:
        """The dependency as a plan writes it: a conflict has a `!` before it."""
        return f"!{self.text}" if self.kind == "conflict" else self.text


class Tag(NamedTuple):
    """A name for the state of the plan after a change.

    Arguments:
        name: name without `@`.
        id: sqitch's id, 40 hexadecimal digits.
        change_id: id of the change that it is on.
        note: what it is for; may have several lines.
        planned_at: when it was added to the plan, in UTC.
        planner_name: who added it.
        planner_email: address of who added it.
        line: number of its line in the plan, from 1.
    """

    name: str
    id: str
    change_id: str
    note: str
    planned_at: datetime
    planner_name: str
    planner_email: str
    line: int = 0

    @property
    def format_name(self) -> str:
        """The name with `@` before it."""
        return f"@{self.name}"


class Change(NamedTuple):
    """One step of the plan.

    Arguments:
        name: name; a `/` in it puts its scripts into folders.
        id: sqitch's id, 40 hexadecimal digits.
        parent_id: id of the change before it, None for the first.
        note: what it is for; may have several lines.
        planned_at: when it was added to the plan, in UTC.
        planner_name: who added it.
        planner_email: address of who added it.
        requires: what must be deployed before.
        conflicts: what must not be deployed.
        tags: the tags on it, in plan order.
        rework_tags: where a later change of this name replaces it, the tags from which its
            scripts take their names, the one to try first coming first.
        line: number of its line in the plan, from 1.
    """

    name: str
    id: str
    parent_id: str | None
    note: str
    planned_at: datetime
    planner_name: str
    planner_email: str
    requires: tuple[Dependency, ...] = ()
    conflicts: tuple[Dependency, ...] = ()
    tags: tuple[Tag, ...] = ()
    rework_tags: tuple[Tag, ...] = ()
    line: int = 0

    @property
    def is_reworked(self) -> bool:
        """Whether a later change of the same name replaces this one."""
        return bool(self.rework_tags)

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """Requirements, then conflicts."""
        return (*self.requires, *self.conflicts)

    @property
    def name_with_tags(self) -> str:
        """The name, then each tag on it: `users @v1 @v2`."""
        return " ".join([self.name, *(tag.format_name for tag in self.tags)])

    @property
    def qualified_name(self) -> str:
        """The name with a tag that tells it from its reworks: `users@v1`, `users@HEAD`."""
        tags = self.tags or self.rework_tags
        return f"{self.name}{tags[0].format_name}" if tags else f"{self.name}@HEAD"


class Plan:
    """A parsed sqitch.plan.

    Arguments:
        project: name of the project.
        uri: the project's URI as sqitch stores it, or None.
        changes: every change, in plan order.
        path: the file.
        lines: every line as it was read, for writing the plan again.
    """

    def __init__(
        self,
        project: str,
        uri: str | None,
        changes: tuple[Change, ...],
        path: Path,
        lines: tuple[Line, ...] = (),
    ) -> None:
        self.project = project
        self.uri = uri
        self.changes = changes
        self.path = path
        self.lines = lines
        self._index = ReferenceIndex(changes)

    @property
    def tags(self) -> tuple[Tag, ...]:
        """Every tag, in plan order."""
        return tuple(tag for change in self.changes for tag in change.tags)

    def __len__(self) -> int:
        """Return how many changes there are."""
        return len(self.changes)

    def __iter__(self) -> Iterator[Change]:
        """Return the changes in plan order."""
        return iter(self.changes)

    def index_of(self, reference: str) -> int:
        """Return the place of the change that a reference means, from 0.

        Arguments:
            reference: `name`, `name@tag`, `@tag`, `@HEAD`, `@ROOT` or an id, each followed by
                any of `^`, `^^`, `^3` (changes before) or `~`, `~~`, `~3` (after).

        Raises:
            UnknownReference: nothing, or more than one change, answers to it.
        """
        return self._index.index_of(reference)

    def find(self, reference: str) -> int | None:
        """Return the place of the first change that a reference can mean, or None.

        It is how sqitch resolves a dependency: a bare name means the first change of that name.
        """
        return self._index.find(reference)

    def get(self, reference: str) -> Change:
        """Return the change that a reference means; see `index_of`."""
        return self.changes[self.index_of(reference)]

    def text(self) -> str:
        """Return the whole plan as sqitch would write it."""
        return "".join(f"{line.text(self.project)}\n" for line in self.lines)
