"""Reading a script: its text to what is to run, and in which transaction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from carecli.errors import CarecliError
from carecli.script.directives import read_transactional
from carecli.script.scanner import scan
from carecli.script.source import Source
from carecli.script.statements import Script, Statement
from carecli.script.transactions import (
    Purpose,
    TransactionModes,
    find_bounds,
    refuse_controls,
)

__all__ = ["Purpose", "parse_script", "read_script"]

_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


def parse_script(
    text: str,
    *,
    path: Path,
    variables: Mapping[str, str] = _NO_VARIABLES,
    purpose: Purpose = "deploy",
) -> Script:
    """Read a script as psql would, so that it can run in a transaction of ours.

    Statements before the script's own BEGIN and behind its COMMIT belong to the same
    transaction. Without a BEGIN of its own, a script that holds a statement which the server
    refuses in a transaction block is not transactional.

    Arguments:
        text: the script; a byte order mark is dropped.
        path: its file, named in errors.
        variables: psql variables by name.
        purpose: what the script is for; a verify script may end with ROLLBACK.

    Raises:
        SourceError: for everything that will not be run, with its line and column.
    """
    source = Source(path, text.removeprefix("\ufeff"))
    if "\0" in source.text:
        raise source.error(
            "a character of code zero", source.text.index("\0"), "save the file as UTF-8 text"
        )
    directive = read_transactional(source)
    statements = scan(source, variables)
    if directive is False:
        refuse_controls(statements, source)
        return Script(path, source.text, statements, False, None, None, TransactionModes())
    bounds = find_bounds(statements, source, purpose)
    needing = [item for item in bounds.statements if item.needs_autocommit]
    alone = bool(needing) and directive is None and bounds.opening is None
    if needing and not alone:
        raise _cannot_share(needing[0], source, directive)
    return Script(
        path,
        source.text,
        bounds.statements,
        not alone,
        bounds.opening,
        bounds.closing,
        bounds.modes,
    )


def read_script(
    path: Path,
    *,
    variables: Mapping[str, str] = _NO_VARIABLES,
    purpose: Purpose = "deploy",
) -> Script:
    """Read a script from its file, which is UTF-8; arguments as for `parse_script`.

    Raises:
        CarecliError: for a file that cannot be read.
        SourceError: for a file that is not UTF-8, and as `parse_script` does.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CarecliError(f"cannot read {path}: {error.strerror}") from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        source = Source(path, before + content[error.start :].decode(errors="replace"))
        raise source.error(
            f"byte 0x{content[error.start]:02x} is not UTF-8",
            len(before),
            "save the file as UTF-8",
        ) from error
    return parse_script(text, path=path, variables=variables, purpose=purpose)


def _cannot_share(statement: Statement, source: Source, directive: bool | None) -> Exception:
    """Return the fault for a statement that cannot run in the script's transaction."""
    says = "-- transactional: true" if directive else "its own BEGIN and COMMIT"
    return source.error(
        f"{statement.autocommit_reason} cannot run in a transaction, and the script has {says}",
        statement.offset,
        "move it into a change of its own that says -- transactional: false in its first lines",
    )
