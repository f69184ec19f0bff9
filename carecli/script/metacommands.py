r"""psql's meta-commands: the few that carecli runs, each one function, and a refusal for the rest.

A new one joins as a function in `COMMANDS` under its name. Source of the argument syntax:
psql's scanner for backslash commands (src/bin/psql/psqlscanslash.l of PostgreSQL).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from carecli.errors import SourceError
from carecli.script import lexical
from carecli.script.source import Source
from carecli.script.variables import expand_quoted, is_variable_name

__all__ = ["COMMANDS", "Refusal", "refuse", "run"]

_NAME = re.compile(r"\\([^\s\\]*)")
_TRUE = frozenset(("on", "true", "yes", "1", ""))
_FALSE = frozenset(("off", "false", "no", "0"))
_FIXED = {
    "AUTOCOMMIT": _TRUE,
    "ON_ERROR_STOP": _TRUE,
    "ON_ERROR_ROLLBACK": _FALSE | {"interactive"},
    "SINGLELINE": _FALSE,
    "SINGLESTEP": _FALSE,
}
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", "r": "\r", "f": "\f"}
_NUMBER = re.compile(r"[0-7]{1,3}|x[0-9A-Fa-f]{1,2}")
_PLAIN = re.compile(r"[^\s\\'\"`:]+|:")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A meta-command that is not run.

    Arguments:
        name: its name with the backslash.
        offset: place of the backslash, from 0.
        reason: why not, where the command as such would be; else empty.
    """

    name: str
    offset: int
    reason: str = ""

    @property
    def sends_query(self) -> bool:
        """Whether psql sends the statement before it, as `;` would."""
        return self.name.startswith(("\\g", "\\crosstabview", "\\watch"))


class _NotRunError(Exception):
    """A meta-command that carecli has a function for, but not for these arguments."""


def _set(arguments: Sequence[str], variables: dict[str, str]) -> None:
    r"""Run `\set name [value ...]`; psql joins the values."""
    if not arguments:
        raise _NotRunError("without a name it only lists the variables")
    _assign(arguments[0], "".join(arguments[1:]), variables)


def _unset(arguments: Sequence[str], variables: dict[str, str]) -> None:
    r"""Run `\unset name`."""
    if not arguments:
        raise _NotRunError("the name is missing")
    if arguments[0] in _FIXED:
        raise _NotRunError(f"{arguments[0]} cannot be unset here")
    variables.pop(arguments[0], None)


def _assign(name: str, value: str, variables: dict[str, str]) -> None:
    if not is_variable_name(name):
        raise _NotRunError(f"{name} is no name of a variable")
    if name in _FIXED and value.lower() not in _FIXED[name]:
        raise _NotRunError(f"{name} cannot be {value} here")
    variables[name] = value


def _restrict(arguments: Sequence[str], _variables: dict[str, str]) -> None:
    r"""Run `\restrict key` or `\unrestrict key`, which pg_dump writes around its output.

    They keep psql from running meta-commands that crept into a dump; those are refused anyway.
    """
    if not arguments:
        raise _NotRunError("the key is missing")


COMMANDS: dict[str, Callable[[Sequence[str], dict[str, str]], None]] = {
    "set": _set,
    "unset": _unset,
    "restrict": _restrict,
    "unrestrict": _restrict,
}


def run(text: str, position: int, variables: dict[str, str]) -> tuple[int, Refusal | None]:
    """Run the meta-command at a position, or say that it is not run.

    Arguments:
        text: the script.
        position: place of the backslash, from 0.
        variables: psql variables, changed in place.

    Returns:
        The position where SQL goes on, and the refusal, if it is one.
    """
    newline = text.find("\n", position)
    end = len(text) if newline < 0 else newline
    match = _NAME.match(text, position, end)
    assert match is not None, "a meta-command begins with a backslash"
    name = match.group(1)
    command = COMMANDS.get(name)
    if command is None:
        return end, Refusal(f"\\{name}", position)
    try:
        arguments, stop = _arguments(text, match.end(), end, variables)
        command(arguments, variables)
    except _NotRunError as error:
        return end, Refusal(f"\\{name}", position, str(error))
    return stop, None


def refuse(source: Source, refusals: Sequence[Refusal]) -> SourceError:
    """Return one fault that names every meta-command that is not run."""

    def describe(refusal: Refusal) -> str:
        return f"{refusal.name} ({refusal.reason})" if refusal.reason else refusal.name

    first = refusals[0]
    hint = "write it as SQL, or pass values with --set; \\set and \\unset are run"
    if len(refusals) == 1:
        message = f"psql meta-command {describe(first)} is not supported"
        return source.error(message, first.offset, hint)
    places = [source.locate(refusal.offset) for refusal in refusals]
    listed = ", ".join(
        f"{describe(refusal)} in line {place.line}, column {place.column}"
        for refusal, place in zip(refusals, places, strict=True)
    )
    message = f"{len(refusals)} psql meta-commands are not supported: {listed}"
    return source.error(message, first.offset, hint)


def _arguments(
    text: str, position: int, end: int, variables: dict[str, str]
) -> tuple[list[str], int]:
    """Return the arguments of a meta-command and the position behind them."""
    arguments: list[str] = []
    while True:
        while position < end and text[position].isspace():
            position += 1
        if position >= end:
            return arguments, end
        if text[position] == "\\":
            # `\\` ends a meta-command; a single backslash begins the next one.
            return arguments, position + 2 if text.startswith("\\\\", position) else position
        argument, position = _argument(text, position, end, variables)
        arguments.append(argument)


def _argument(text: str, position: int, end: int, variables: dict[str, str]) -> tuple[str, int]:
    """Return one argument, its parts put together, and the position behind it."""
    parts: list[str] = []
    while position < end:
        char = text[position]
        if char == "\\" or char.isspace():
            break
        if char == "'":
            part, position = _single_quoted(text, position + 1, end)
        elif char == '"':
            closing = text.find('"', position + 1, end)
            if closing < 0:
                raise _NotRunError('a " is never closed')
            part, position = text[position : closing + 1], closing + 1
        elif char == "`":
            raise _NotRunError("a shell command in backticks")
        elif reference := lexical.VARIABLE.match(text, position, end):
            name = reference.group("plain")
            value = variables.get(name) if name else expand_quoted(reference.group(), variables)
            part, position = reference.group() if value is None else value, reference.end()
        else:
            match = _PLAIN.match(text, position, end)
            assert match is not None, "every other character is a plain one"
            part, position = match.group(), match.end()
        parts.append(part)
    return "".join(parts), position


def _single_quoted(text: str, position: int, end: int) -> tuple[str, int]:
    """Return the value of a single-quoted part and the position behind its closing quote."""
    parts: list[str] = []
    while position < end:
        char = text[position]
        if char == "'":
            if not text.startswith("''", position):
                return "".join(parts), position + 1
            parts.append("'")
            position += 2
        elif char == "\\":
            if number := _NUMBER.match(text, position + 1, end):
                digits = number.group()
                code = int(digits[1:], 16) if digits[0] == "x" else int(digits, 8)
                if not 0 < code < 128:
                    raise _NotRunError("an escape that is not a character of ASCII")
                parts.append(chr(code))
                position = number.end()
            else:
                escaped = text[position + 1 : position + 2]
                parts.append(_ESCAPES.get(escaped, escaped))
                position += 2
        else:
            parts.append(char)
            position += 1
    raise _NotRunError("a ' is never closed")
