"""Every fault that carecli expects, each with its exit code."""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "CarecliError",
    "SourceError",
    "MigrationFailed",
    "InvalidUsage",
    "CannotConnect",
    "LockNotAvailable",
    "Refused",
    "excerpt",
]


class CarecliError(Exception):
    """The root of all expected faults; rendered once, by `carecli.cli`.

    Arguments:
        message: what is wrong, in one sentence.
        detail: what was found, where; may have several lines.
        hint: what would be right, or what to do next.
    """

    exit_code = 1

    def __init__(self, message: str, *, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint


class SourceError(CarecliError):
    """A fault at a place in a file: a plan, a script or a configuration.

    Arguments:
        message: what is wrong.
        path: the file.
        line: line number, from 1.
        column: column number in characters, from 1, where it is known.
        source_line: the text of that line, shown with a caret under the column.
        hint: what was expected there, or what to do.
    """

    def __init__(
        self,
        message: str,
        *,
        path: Path,
        line: int,
        column: int | None = None,
        source_line: str | None = None,
        hint: str | None = None,
    ) -> None:
        place = f"{path}:{line}" if column is None else f"{path}:{line}:{column}"
        super().__init__(
            f"{place}: {message}", detail=excerpt(line, column, source_line), hint=hint
        )
        self.path = path
        self.line = line
        self.column = column


class MigrationFailed(CarecliError):
    """A script failed in the database; the message says which state it is in now."""


class InvalidUsage(CarecliError):
    """The command line or the configuration does not say something that can be done."""

    exit_code = 2


class CannotConnect(CarecliError):
    """No connection to the database could be had, or it was lost."""

    exit_code = 3


class LockNotAvailable(CarecliError):
    """A lock was not had in time: the migration lock, or one on a table."""

    exit_code = 4


class Refused(CarecliError):
    """Nothing was done because it would not have been safe."""

    exit_code = 5


def excerpt(line: int, column: int | None, source_line: str | None) -> str | None:
    """Return the source line with its number and a caret under the column.

    Arguments:
        line: line number, from 1.
        column: column in characters, from 1, or None for no caret.
        source_line: the text of the line, or None where it is not at hand.
    """
    if source_line is None:
        return None
    gutter = f"{line} | "
    shown = f"{gutter}{source_line.rstrip()}"
    if column is None:
        return shown
    # Tabs stay tabs, so that the caret stands under its character in any terminal.
    lead = "".join("\t" if char == "\t" else " " for char in source_line[: column - 1])
    return f"{shown}\n{' ' * (len(gutter) - 2)}| {lead}^"
