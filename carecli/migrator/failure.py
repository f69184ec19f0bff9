"""What a failed statement looks like to a person: place, line, caret, the server's words."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from carecli.errors import (
    CannotConnect,
    CarecliError,
    LockNotAvailable,
    MigrationFailed,
    Refused,
    excerpt,
)
from carecli.registry.session import ScriptError

__all__ = ["Interrupted", "explain", "is_lost", "is_retriable", "server_fault", "sqlstate_of"]

LOCK_NOT_AVAILABLE = "55P03"
DATA_LOSS_REFUSED = "55006"
"""object_in_use: what a revert script raises that would drop rows."""

_RETRIABLE = (LOCK_NOT_AVAILABLE, "40P01", "40001")
# Connection exceptions, operator intervention, and the timeouts that end a session.
_LOST = ("08", "57P", "25P03", "25P04")
_ONLY_OUTSIDE = ("25001", "2D000")


class Interrupted(CarecliError):
    """Ctrl-C or SIGTERM ended the run."""

    def __init__(self, message: str, *, detail: str, signal_number: int) -> None:
        super().__init__(message, detail=detail, hint="Run the command again to go on.")
        self.exit_code = 128 + signal_number


def sqlstate_of(error: psycopg.Error) -> str | None:
    """Return the SQLSTATE of a server's error, looking through a `ScriptError`."""
    cause = error.cause if isinstance(error, ScriptError) else error
    return cause.sqlstate


def is_retriable(error: psycopg.Error) -> bool:
    """Return whether the same transaction may succeed a moment later: a lock, a deadlock."""
    return sqlstate_of(error) in _RETRIABLE


def is_lost(error: psycopg.Error) -> bool:
    """Return whether the session has ended: the server said so, or said nothing any more."""
    cause = error.cause if isinstance(error, ScriptError) else error
    if cause.sqlstate is None:
        return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
    return cause.sqlstate.startswith(_LOST)


def explain(error: psycopg.Error, action: str, name: str, state: Callable[[], str]) -> CarecliError:
    """Return the fault to show for an error of the server.

    Arguments:
        error: of the server or the connection.
        action: what failed: `deploy`, `verify` or `revert`.
        name: of what: of a change.
        state: returns a sentence on what the database is like now.
    """
    location = error.location if isinstance(error, ScriptError) else None
    cause = error.cause if isinstance(error, ScriptError) else error
    diagnosis = cause.diag
    what = diagnosis.message_primary or str(cause).strip()
    place = f"{location.path}:{location.line}:{location.column}: " if location else ""
    lines = []
    if location is not None:
        lines.append(excerpt(location.line, location.column, location.source_line) or "")
    lines += _words(cause)
    lines.append(f"State: {state()}")
    kind, hint = _kind(cause, action)
    return kind(f"{place}{action} of {name} failed: {what}", detail="\n".join(lines), hint=hint)


def server_fault(error: psycopg.Error) -> CarecliError:
    """Return the fault to show for an error of the server outside of any change.

    Arguments:
        error: of the server or the connection.
    """
    cause = error.cause if isinstance(error, ScriptError) else error
    what = cause.diag.message_primary or str(cause).strip()
    if is_lost(cause):
        return CannotConnect("the connection to the database was lost", detail=what)
    return CarecliError(f"the server refused: {what}", detail="\n".join(_words(cause)) or None)


def _words(cause: psycopg.Error) -> list[str]:
    """Return what else the server said, a line each."""
    diagnosis = cause.diag
    said = (
        ("Detail", diagnosis.message_detail),
        ("Hint of the server", diagnosis.message_hint),
        ("Statement", diagnosis.internal_query),
        ("Context", diagnosis.context),
        ("SQLSTATE", cause.sqlstate),
    )
    return [f"{label}: {text}" for label, text in said if text]


def _kind(cause: psycopg.Error, action: str) -> tuple[type[CarecliError], str | None]:
    code = cause.sqlstate
    if is_lost(cause):
        return CannotConnect, "See the server's log; run the command again when it is back."
    if code == LOCK_NOT_AVAILABLE:
        return LockNotAvailable, "Try again at a quieter time, or with a longer --lock-timeout."
    if code == DATA_LOSS_REFUSED and action == "revert" and _raised_by_script(cause):
        return Refused, "To lose these rows on purpose, back them up and add --allow-data-loss."
    if code in _ONLY_OUTSIDE:
        return MigrationFailed, "Put `-- transactional: false` at the top of the script."
    return MigrationFailed, None


def _raised_by_script(cause: psycopg.Error) -> bool:
    """The server has uses of its own for the code; RAISE of plpgsql names itself as the source."""
    return cause.diag.source_function == "exec_stmt_raise"
