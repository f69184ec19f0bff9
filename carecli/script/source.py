"""The text of a script, and places in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from carecli.errors import SourceError

__all__ = ["Location", "Source"]


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file.

    Arguments:
        path: the file.
        line: line number, from 1; lines end with a line feed, as psql counts them.
        column: column in characters, from 1.
        source_line: the text of the line, without its line end.
    """

    path: Path
    line: int
    column: int
    source_line: str


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one script and where it came from.

    Arguments:
        path: the file, named in errors.
        text: its text, without a byte order mark.
    """

    path: Path
    text: str

    def line(self, offset: int) -> int:
        """Return the line number, from 1, of a character offset counted from 0."""
        return self.text.count("\n", 0, offset) + 1

    def locate(self, offset: int) -> Location:
        """Return the place of a character offset counted from 0."""
        offset = max(0, min(offset, len(self.text)))
        start = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", offset)
        line = self.text[start : len(self.text) if end < 0 else end].rstrip("\r")
        return Location(self.path, self.line(offset), offset - start + 1, line)

    def error(self, message: str, offset: int, hint: str | None = None) -> SourceError:
        """Return a fault at a character offset counted from 0, ready to raise."""
        place = self.locate(offset)
        return SourceError(
            message,
            path=self.path,
            line=place.line,
            column=place.column,
            source_line=place.source_line,
            hint=hint,
        )
