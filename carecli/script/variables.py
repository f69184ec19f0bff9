"""psql variables: the four ways to write one in SQL, and how their values are quoted."""

from __future__ import annotations

import re
from collections.abc import Mapping

from carecli.script.lexical import VARIABLE_CHARACTER

__all__ = ["expand_quoted", "is_variable_name", "quote_identifier", "quote_literal"]

_NAME = re.compile(f"{VARIABLE_CHARACTER}+")


def is_variable_name(name: str) -> bool:
    """Say whether psql accepts the name: ASCII letters, digits, `_`, and all beyond ASCII."""
    return _NAME.fullmatch(name) is not None


def quote_literal(value: str) -> str:
    r"""Return the value as libpq's PQescapeLiteral writes it.

    A value with a backslash becomes an `E''` literal with a space before it, which is right
    whatever `standard_conforming_strings` says and whatever the literal is put behind.
    """
    quoted = value.replace("'", "''")
    if "\\" in quoted:
        return " E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


def quote_identifier(value: str) -> str:
    """Return the value as libpq's PQescapeIdentifier writes it."""
    return '"' + value.replace('"', '""') + '"'


def expand_quoted(reference: str, variables: Mapping[str, str]) -> str | None:
    """Return what psql puts for `:'name'`, `:"name"` or `:{?name}`.

    Arguments:
        reference: the reference as written, colon included.
        variables: the values by name.

    Returns:
        The text to put in its place, or None where it stays as it is written.
    """
    if reference.startswith(":{?"):
        return "TRUE" if reference[3:-1] in variables else "FALSE"
    value = variables.get(reference[2:-1])
    if value is None:
        return None
    return quote_literal(value) if reference[1] == "'" else quote_identifier(value)
