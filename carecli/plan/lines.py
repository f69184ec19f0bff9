"""The lines of a plan, each of which can be written as sqitch writes it."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from carecli.plan.names import SPACES

__all__ = [
    "BlankLine",
    "ChangeLine",
    "Line",
    "PragmaLine",
    "Specification",
    "TagLine",
    "decode_note",
    "encode_note",
]

_ESCAPES = {"\n": "\\n", "\r": "\\r", "\\": "\\\\"}
_UNESCAPES = {escaped: char for char, escaped in _ESCAPES.items()}
_ESCAPED = re.compile(r"\\[\\nr]")


def encode_note(note: str) -> str:
    """Return the note as it stands on its line: line breaks and backslashes escaped."""
    return "".join(_ESCAPES.get(char, char) for char in note)


def decode_note(text: str) -> str:
    """Return the note that a text after `#` stands for: trimmed, escapes resolved."""
    return _ESCAPED.sub(lambda match: _UNESCAPES[match[0]], text.strip(SPACES))


class Specification(NamedTuple):
    """A dependency as it is written: `[!][project:]change[@tag]`, `@tag` or an id.

    Arguments:
        conflicts: whether it says what must not be deployed.
        project: the project that it names, None for none.
        change: name of the change, or None.
        tag: name of the tag without `@`, or None.
        id: SHA-1 id in 40 hexadecimal digits, or None.
        column: where it begins on its line, in characters from 1; 0 where it comes from elsewhere.
    """

    conflicts: bool
    project: str | None = None
    change: str | None = None
    tag: str | None = None
    id: str | None = None
    column: int = 0

    @property
    def key(self) -> str:
        """The dependency without its project: `change`, `change@tag`, `@tag` or an id."""
        return f"{self.change or ''}{f'@{self.tag}' if self.tag else ''}" or self.id or ""

    def text(self, project: str) -> str:
        """Return how sqitch names the dependency in a plan of that project."""
        if self.project is None or self.project == project:
            return self.key
        return f"{self.project}:{self.key}"

    def plan_text(self, project: str) -> str:
        """Return how sqitch writes the dependency into a plan of that project."""
        return f"{'!' if self.conflicts else ''}{self.text(project)}"


class BlankLine(NamedTuple):
    """A line with nothing on it but blanks and perhaps a comment."""

    note: str = ""
    lspace: str = ""
    number: int = 0

    def text(self, project: str) -> str:
        """Return the line as sqitch writes it."""
        return self.lspace + _comment(encode_note(self.note))


class PragmaLine(NamedTuple):
    """A pragma: `%name` or `%name=value`; the note is kept as it stands, escapes and all."""

    name: str
    value: str | None = None
    operator: str = ""
    note: str = ""
    lspace: str = ""
    hspace: str = ""
    lopspace: str = ""
    ropspace: str = ""
    rspace: str = ""
    number: int = 0

    def text(self, project: str) -> str:
        """Return the line as sqitch writes it."""
        assigned = f"{self.lopspace}{self.operator}{self.ropspace}{self.value or ''}"
        return f"{self.lspace}%{self.hspace}{self.name}{assigned}{self.rspace}" + _comment(
            self.note
        )


class TagLine(NamedTuple):
    """A tag: `@name timestamp planner <email> # note`."""

    name: str
    timestamp: str
    planner_name: str
    planner_email: str
    note: str = ""
    lspace: str = ""
    rspace: str = " "
    number: int = 0

    def text(self, project: str) -> str:
        """Return the line as sqitch writes it."""
        planner = f"{self.planner_name} <{self.planner_email}>"
        return f"{self.lspace}@{self.name} {self.timestamp} {planner}{self.rspace}" + _comment(
            encode_note(self.note)
        )


class ChangeLine(NamedTuple):
    """A change: `[+-]name [dependencies] timestamp planner <email> # note`."""

    name: str
    timestamp: str
    planner_name: str
    planner_email: str
    dependencies: tuple[Specification, ...] = ()
    operator: str = ""
    note: str = ""
    lspace: str = ""
    lopspace: str = ""
    ropspace: str = ""
    pspace: str = " "
    rspace: str = " "
    number: int = 0

    @property
    def requires(self) -> tuple[Specification, ...]:
        """What must be deployed before, as written."""
        return tuple(dep for dep in self.dependencies if not dep.conflicts)

    @property
    def conflicts(self) -> tuple[Specification, ...]:
        """What must not be deployed, as written."""
        return tuple(dep for dep in self.dependencies if dep.conflicts)

    def text(self, project: str) -> str:
        """Return the line as sqitch writes it: requirements first, then conflicts."""
        ordered = (*self.requires, *self.conflicts)
        listed = " ".join(dep.plan_text(project) for dep in ordered)
        planner = f"{self.planner_name} <{self.planner_email}>"
        parts = [f"[{listed}]"] if listed else []
        content = " ".join([*parts, self.timestamp, planner])
        named = f"{self.lspace}{self.lopspace}{self.operator}{self.ropspace}{self.name}"
        return f"{named}{self.pspace}{content}{self.rspace}" + _comment(encode_note(self.note))


Line: TypeAlias = BlankLine | PragmaLine | TagLine | ChangeLine


def _comment(text: str) -> str:
    return f"# {text}" if text else ""
