"""The syntax of git-config files, as sqitch reads it (Perl's Config::GitLike)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from carecli.errors import SourceError

__all__ = ["Setting", "parse_settings"]

_SECTION = re.compile(r"\[([^\s\[\]\"]+)(?:[\t ]*\"([^\n]*?)\")?\]")
_NAME = re.compile(r"([^\[=\n][^=\n]*?)[\t ]*(?:=[\t ]*|(?=[#;\n])|\Z)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\[tbn"\\]|\\\n)*)"')
_ESCAPE = re.compile(r"\\(\r?\n|.)")
_VISIBLE = re.compile(r"\S")
_BLANKS = re.compile(r"[\t ]+")
_WORD = re.compile(r'[^\t \\\n"]+')
_MEANING = {"n": "\n", "t": "\t", "b": "\b", "\\": "\\", '"': '"', "'": "'"}


class Setting(NamedTuple):
    """One value.

    Arguments:
        section: section in lower case, then the subsection as it is: `target.production`.
        name: name of the setting, as it is written.
        value: its value; None where the line gives a name alone.
        path: the file.
        line: its line, from 1.
    """

    section: str
    name: str
    value: str | None
    path: Path
    line: int

    @property
    def key(self) -> str:
        """What identifies it: the section, and the name in lower case."""
        return f"{self.section}.{self.name.lower()}"


def parse_settings(text: str, path: Path) -> Iterator[Setting]:
    """Yield the settings of a file.

    Arguments:
        text: the file.
        path: where it is from.

    Raises:
        SourceError: a line is no section, setting or comment.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    section: str | None = None
    at = 0
    while True:
        at = _next_visible(text, at)
        if at >= len(text):
            return
        if text[at] in "#;":
            at = _end_of_line(text, at)
            continue
        if match := _SECTION.match(text, at):
            section = _section_name(text, path, match)
            at = match.end()
            continue
        match = _NAME.match(text, at)
        if match is None:
            raise _error(text, path, at, "this is neither a section nor a setting")
        if section is None:
            raise _error(text, path, at, "a setting before the first section")
        line = text.count("\n", 0, at) + 1
        if "=" in match[0]:
            value, at = _value(text, path, match.end())
            yield Setting(section, match[1], value, path, line)
        else:
            at = _end_of_line(text, match.end())
            yield Setting(section, match[1], None, path, line)


def _section_name(text: str, path: Path, match: re.Match[str]) -> str:
    name = match[1].lower()
    if not match[2]:
        return name
    if re.search(r'[\\"]', match[2].replace("\\\\", "").replace('\\"', "")):
        raise _error(
            text, path, match.start(2), "a \\ or \" in a section's name needs a \\ before it"
        )
    return f"{name}.{match[2].replace(chr(92) * 2, chr(92)).replace(chr(92) + chr(34), chr(34))}"


def _value(text: str, path: Path, at: int) -> tuple[str, int]:
    """Return the value that begins at a place, and the place after it."""
    parts: list[str] = []
    while at < len(text) and text[at] != "\n":
        if blanks := _BLANKS.match(text, at):
            at = blanks.end()
            if text[at : at + 1] not in ("", "\n", "#", ";"):
                parts.append(" ")
        elif text[at] in "#;":
            # Inside a word the two are taken with it, below.
            break
        elif escape := _ESCAPE.match(text, at):
            if escape[1] not in _MEANING and not escape[1].endswith("\n"):
                raise _error(text, path, at, f"{escape[0]} means nothing here")
            parts.append(_MEANING.get(escape[1], ""))
            at = escape.end()
        elif quoted := _QUOTED.match(text, at):
            parts.append(_ESCAPE.sub(_unquoted, quoted[1]))
            at = quoted.end()
        elif word := _WORD.match(text, at):
            parts.append(word[0])
            at = word.end()
        else:
            raise _error(text, path, at, "a quote that is not closed")
    return "".join(parts), _end_of_line(text, at)


def _unquoted(escape: re.Match[str]) -> str:
    """Return what an escape between quotes means: git would drop the \\ of \\", sqitch keeps it."""
    return escape[0] if escape[1] == '"' else _MEANING.get(escape[1], "")


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _next_visible(text: str, at: int) -> int:
    found = _VISIBLE.search(text, at)
    return found.start() if found else len(text)


def _error(text: str, path: Path, at: int, message: str) -> SourceError:
    start = text.rfind("\n", 0, at) + 1
    return SourceError(
        message,
        path=path,
        line=text.count("\n", 0, at) + 1,
        column=at - start + 1,
        source_line=text[start : _end_of_line(text, at)],
        hint="the file looks like git's: [section], then lines of name = value",
    )
