"""The `-- transactional: false` line at the head of a script, as yoyo reads it."""

from __future__ import annotations

import re

from carecli.script.source import Source

__all__ = ["read_transactional"]

_TEXT_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_LINE = re.compile(r"[ \t\f\v]*--\s*transactional\s*:[ \t]*(?P<value>.*?)\s*\Z")
_VALUES = {"true": True, "false": False}


def read_transactional(source: Source) -> bool | None:
    """Return what the script says about itself, or None where it says nothing.

    The directive stands in the block of comment lines and empty lines that a script begins
    with; source of the format: yoyo's migrations in SQL.

    Raises:
        SourceError: for a value other than true and false, or a second directive.
    """
    found: bool | None = None
    for text_line in _TEXT_LINE.finditer(source.text):
        line = text_line.group()
        stripped = line.strip()
        if stripped and not stripped.startswith("--"):
            break
        match = _LINE.match(line)
        if match is not None:
            at = text_line.start() + match.start("value")
            value = match.group("value").lower()
            if value not in _VALUES:
                raise source.error(
                    f"transactional is {match.group('value') or 'empty'}",
                    at,
                    "write -- transactional: false or -- transactional: true",
                )
            if found is not None:
                raise source.error("transactional is said twice", at, "keep one of the two lines")
            found = _VALUES[value]
    return found
