"""The outer BEGIN and COMMIT of a script, and everything else that controls transactions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from carecli.script.classify import first_words
from carecli.script.lexical import tokens
from carecli.script.source import Source
from carecli.script.statements import Statement

__all__ = ["Purpose", "TransactionBounds", "TransactionModes", "find_bounds"]

Purpose = Literal["deploy", "revert", "verify"]
_Control = Literal["begin", "commit", "rollback", "other"]

_FIRST = frozenset(("begin", "start", "commit", "end", "rollback", "abort", "prepare"))
# A comment can come first only out of a variable's value.
_CANDIDATE = re.compile("|".join((*_FIRST, "/", "-")), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TransactionModes:
    """The transaction modes that an opening asks for; None where it does not say.

    Arguments:
        isolation: `serializable`, `repeatable read`, `read committed` or `read uncommitted`.
        read_only: READ ONLY or READ WRITE.
        deferrable: DEFERRABLE or NOT DEFERRABLE.
    """

    isolation: str | None = None
    read_only: bool | None = None
    deferrable: bool | None = None


@dataclass(frozen=True, slots=True)
class TransactionBounds:
    """The outer BEGIN and COMMIT of a script.

    Arguments:
        opening: the BEGIN or START TRANSACTION, or None.
        closing: the COMMIT or END (ROLLBACK in a verify script), or None.
        statements: all other statements.
        modes: the modes of the opening.
    """

    opening: Statement | None
    closing: Statement | None
    statements: tuple[Statement, ...]
    modes: TransactionModes


def find_bounds(
    statements: Sequence[Statement], source: Source, purpose: Purpose
) -> TransactionBounds:
    """Find the one BEGIN ... COMMIT of a script that is to run in our transaction.

    Arguments:
        statements: all of them, in order.
        source: the script, for errors.
        purpose: a verify script may end with ROLLBACK, or not end its transaction at all.

    Raises:
        SourceError: where the script would commit or roll back anywhere but at its end.
    """
    controls = [
        (index, statement, control)
        for index, statement in enumerate(statements)
        if (control := _control(statement.sql)) is not None
    ]
    opening: Statement | None = None
    closing: Statement | None = None
    for index, statement, control in controls:
        rest = statements[index + 1 :]
        if control == "begin" and opening is None and closing is None:
            opening = statement
        elif closing is None and _may_close(control, opening, rest, purpose):
            closing = statement
        else:
            raise _refusal(statement, control, opening, closing, source, purpose)
    if opening is not None and closing is None and purpose != "verify":
        raise source.error(
            "the transaction that begins here is never committed: psql would lose its work",
            opening.offset,
            "put COMMIT; at the end of the script, or take this BEGIN out",
        )
    bounds = [item for item in (opening, closing) if item is not None]
    inner = tuple(item for item in statements if all(item is not bound for bound in bounds))
    return TransactionBounds(opening, closing, inner, _modes(opening))


def _may_close(
    control: _Control, opening: Statement | None, rest: Sequence[Statement], purpose: Purpose
) -> bool:
    """Say whether a statement can be the end of the script's own transaction."""
    if control == "commit":
        # Without a BEGIN psql warns and goes on, so at the very end it does no harm.
        return opening is not None or not rest
    if control != "rollback" or purpose != "verify" or opening is None:
        return False
    # Whatever came behind would still see what ROLLBACK should have undone.
    return all(first_words(item.sql, 1) in (["set"], ["reset"]) for item in rest)


def _refusal(
    statement: Statement,
    control: _Control,
    opening: Statement | None,
    closing: Statement | None,
    source: Source,
    purpose: Purpose,
) -> Exception:
    """Return the fault for a statement that would end or begin a transaction in the middle."""
    name = " ".join(first_words(statement.sql.rstrip("; \n\t\r"), 3)).upper()
    hint = "a script runs in one transaction: at most one BEGIN; first and one COMMIT; last"
    if control == "begin":
        begun = "ended" if closing is not None else "begun"
        message = f"{name} where the script has already {begun} its transaction"
        hint += ", or say -- transactional: false in the first lines and use neither"
    elif control == "rollback":
        message = f"{name} would undo the work of the script"
        hint = "end the script with COMMIT;, or undo a part with SAVEPOINT and ROLLBACK TO"
        if purpose == "verify":
            message = f"{name} before the end of the verify script"
            hint = "put it at the end behind the script's own BEGIN;, or use a savepoint"
    elif control == "commit":
        message = f"{name} would commit in the middle of the script"
        if opening is None:
            message = f"{name} without a BEGIN before it"
    else:
        message = f"{name} cannot be used in a migration script"
    return source.error(message, statement.offset, hint)


def _control(sql: str) -> _Control | None:
    """Say how a statement controls transactions, or None where it does not."""
    if not _CANDIDATE.match(sql):  # nearly all statements end here
        return None
    words = first_words(sql.rstrip("; \n\t\r"), 8)
    if not words or words[0] not in _FIRST:
        return None
    rest = [word for word in words[1:] if word not in ("work", "transaction")]
    match words[0]:
        case "begin":
            return "begin"
        case "start":
            return "begin" if words[1:2] == ["transaction"] else None
        case "prepare":
            return "other" if words[1:2] == ["transaction"] else None
        case "commit" | "end":
            return "commit" if rest in ([], ["and", "no", "chain"]) else "other"
    if rest[:1] == ["to"]:
        return None
    return "rollback" if rest in ([], ["and", "no", "chain"]) else "other"


def _modes(opening: Statement | None) -> TransactionModes:
    """Return the modes that a BEGIN or START TRANSACTION names."""
    if opening is None:
        return TransactionModes()
    words = f" {' '.join(tokens(opening.sql))} "
    isolation = next(
        (
            level
            for level in ("serializable", "repeatable read", "read committed", "read uncommitted")
            if f" isolation level {level} " in words
        ),
        None,
    )
    read_only = " read only " in words
    deferrable = " deferrable " in words
    return TransactionModes(
        isolation,
        read_only if read_only or " read write " in words else None,
        " not deferrable " not in words if deferrable else None,
    )


def refuse_controls(statements: Sequence[Statement], source: Source) -> None:
    """Refuse transaction control in a script whose statements each run alone.

    Raises:
        SourceError: at the first BEGIN, COMMIT, ROLLBACK or the like.
    """
    for statement in statements:
        if _control(statement.sql) is not None:
            name = " ".join(first_words(statement.sql.rstrip("; \n\t\r"), 2)).upper()
            raise source.error(
                f"{name} in a script that says -- transactional: false",
                statement.offset,
                "each of its statements commits by itself: take BEGIN and COMMIT out, "
                "or split the script into two changes",
            )
