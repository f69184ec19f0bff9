"""One database session that runs scripts, and its double that only writes them down."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import psycopg
from psycopg import generators, pq, sql

from carecli.registry.query import MARK, Part, Query
from carecli.resources import read_sql

if TYPE_CHECKING:
    from carecli.script import Batch, Location

__all__ = [
    "ScriptError",
    "Session",
    "LiveSession",
    "Transcript",
    "statement",
    "statement_text",
]


_CANCEL_SECONDS = 5.0


class ScriptError(psycopg.DatabaseError):
    """A statement of a script failed.

    It is a database error, so that yoyo's machinery knows what to undo.

    Arguments:
        cause: what the server said.
        location: the place in the script, or None at its end (a check put off until then).
    """

    def __init__(self, cause: psycopg.Error, location: Location | None) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.location = location


@cache
def statement(name: str, *, registry: str) -> bytes:
    """Return the statement of `sql/queries/<name>.sql`, to be run with parameters.

    Arguments:
        name: file name without its ending.
        registry: name of the registry's schema.
    """
    # A per cent sign in the schema's name is none of a parameter.
    return _compose(name, registry.replace("%", "%%")).as_bytes()


@cache
def statement_text(name: str, *, registry: str) -> str:
    """Return the statements of `sql/queries/<name>.sql`, to be run without parameters.

    Arguments:
        name: file name without its ending.
        registry: name of the registry's schema.
    """
    return _compose(name, registry).as_string()


def _compose(name: str, registry: str) -> sql.Composed:
    return sql.SQL(read_sql(f"queries/{name}")).format(registry=sql.Identifier(registry))


class Session(Protocol):
    """What the backend needs of a session."""

    connection: psycopg.Connection

    def run(self, *statements: str) -> None:
        """Run statements without parameters."""

    def defer(self, *statements: str) -> None:
        """Run statements together with what is run next: housekeeping costs no round trip."""

    def roll_back(self) -> bool:
        """End the transaction that may be open; return whether the session can go on."""

    def run_batch(self, batch: Batch) -> None:
        """Run a batch of a script; a failure is a `ScriptError` with its place."""

    def defer_batch(self, batch: Batch) -> None:
        """Run a batch of a script together with what is run next, where that can be."""

    def write(self, query: bytes, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement that changes the registry and return its rows."""

    def compose(self, query: bytes, parameters: Mapping[str, Any]) -> str:
        """Return a statement with its parameters written into it."""

    def defer_write(self, *statements: str) -> None:
        """Run statements that were composed together with what is run next."""


class LiveSession:
    """A session on a real connection in autocommit mode.

    What is put off goes out with the next statements as one query: a change's script, its verify
    script and its registry rows are one round trip.

    Arguments:
        connection: used by nobody else meanwhile.
        verbosity: from 2 on, every statement is shown on stderr.
    """

    def __init__(self, connection: psycopg.Connection, *, verbosity: int = 0) -> None:
        self.connection = connection
        self._renderer = psycopg.ClientCursor(connection)
        self._verbosity = verbosity
        self._waiting: list[Part] = []

    def run(self, *statements: str) -> None:
        """Run statements without parameters, in one round trip."""
        self.defer(*statements)
        self._flush()

    def defer(self, *statements: str) -> None:
        """Send statements with the next ones."""
        self._waiting.extend(Part(text) for text in statements)

    def roll_back(self) -> bool:
        """End the transaction that may be open, whatever state the session is in.

        Returns False where the session is lost; the server rolls back what it was doing.
        """
        self._waiting.clear()
        status = self.connection.pgconn.transaction_status
        if status in (pq.TransactionStatus.ACTIVE, pq.TransactionStatus.UNKNOWN):
            # Interrupted between a question and its answer: nobody can tell which answer would
            # be read next.
            if status == pq.TransactionStatus.ACTIVE:
                with suppress(psycopg.Error):
                    self.connection.cancel_safe(timeout=_CANCEL_SECONDS)
            self.connection.close()
            return False
        if status != pq.TransactionStatus.IDLE:
            self.run("rollback;")
        return True

    def run_batch(self, batch: Batch) -> None:
        """Run a batch of a script, with what was put off, in one round trip.

        Raises:
            ScriptError: with the place of the statement that failed.
        """
        self.defer_batch(batch)
        self._flush()

    def defer_batch(self, batch: Batch) -> None:
        """Send a batch of a script with the next statements; what needs a trip of its own has it.

        Raises:
            ScriptError: with the place of the statement that failed, of what was sent.
        """
        alone = batch.statements[0].kind != "sql"
        if alone or self._read_otherwise():
            self._flush()
        if batch.copy_data is not None:
            self._trace(batch.sql)
            self._copy(batch)
            return
        self._waiting.append(Part(batch.terminated, batch))
        if alone:
            self._flush()

    def write(self, query: bytes, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement with parameters and return its rows."""
        self._flush()
        cursor = self.connection.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []

    def compose(self, query: bytes, parameters: Mapping[str, Any]) -> str:
        """Return a statement with its parameters written into it."""
        return self._renderer.mogrify(query, parameters)

    def defer_write(self, *statements: str) -> None:
        """Send statements that were composed with the next ones, to be read as they are meant."""
        if self._read_otherwise():
            self._flush()
        self.defer(*statements)

    def _read_otherwise(self) -> bool:
        """Return whether a script has left a session that would not read the next text right.

        What puts the session back has to go out first: the server reads all of a query at once.
        """
        status = self.connection.pgconn.parameter_status
        return (
            status(b"client_encoding") != b"UTF8" or status(b"standard_conforming_strings") != b"on"
        )

    def _flush(self) -> None:
        if not self._waiting:
            return
        query = Query(tuple(self._waiting))
        self._waiting.clear()
        try:
            results = self._send(query.text)
        except psycopg.Error as fault:
            last = query.parts[-1].batch
            if last is not None and last.statements[0].kind == "copy_out":
                # It failed behind its first row, which has no result of its own.
                raise ScriptError(fault, last.locate(0)) from fault
            raise
        error = _error_of(results)
        if error is None:
            return
        position = int(error.diag.statement_position or 0)
        done = [_is_mark(result) for result in results[:-1]]
        character = None if done or position else _untranslatable(error)
        if character is not None and character in query.text:
            place = query.find(character)
        else:
            place = query.locate(done, position)
        if place is None:
            raise error
        raise ScriptError(error, place) from error

    def _send(self, text: str) -> list[pq.abc.PGresult]:
        # Connection.execute() raises on the first error and forgets how many statements had
        # succeeded before it, which is what tells where in the script the error is.
        self._trace(text)
        self.connection.pgconn.send_query(text.encode())
        results: list[pq.abc.PGresult] = self.connection.wait(
            generators.execute(self.connection.pgconn)
        )
        while results and results[-1].status == pq.ExecStatus.COPY_OUT:
            results[-1:] = self._drain()
        return results

    def _drain(self) -> list[pq.abc.PGresult]:
        """Read past the rows of a COPY TO STDOUT, which psql would print."""
        pgconn = self.connection.pgconn
        while not isinstance(
            result := self.connection.wait(generators.copy_from(pgconn)), pq.PGresult
        ):
            pass
        rest = self.connection.wait(generators.fetch_many(pgconn))
        return [result, *rest]

    def _copy(self, batch: Batch) -> None:
        try:
            with self.connection.cursor().copy(batch.sql.encode()) as copy:
                copy.write(batch.copy_data or "")
        except psycopg.Error as error:
            if place := _place_in_data(batch, error):
                raise ScriptError(error, place) from error
            self._fail(batch, 0, int(error.diag.statement_position or 0), error)

    @staticmethod
    def _fail(batch: Batch, index: int, position: int, error: psycopg.Error) -> NoReturn:
        place = batch.locate(index, position if position > 0 else None)
        raise ScriptError(error, place) from error

    def _trace(self, text: str) -> None:
        if self._verbosity > 1:
            print(text.rstrip(), file=sys.stderr)


class Transcript:
    """A session that writes down what would be run, as a script that psql can run.

    Arguments:
        connection: to a database of the same settings; only read from.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.text = ""

    def run(self, *statements: str) -> None:
        """Write the statements down."""
        self.text += "".join(f"{text.rstrip()}\n" for text in statements)

    def defer(self, *statements: str) -> None:
        """Write the statements down."""
        self.run(*statements)

    def roll_back(self) -> bool:
        """Write the end of a transaction down."""
        self.run("rollback;")
        return True

    def run_batch(self, batch: Batch) -> None:
        """Write the statements of the batch down, with the data of a COPY."""
        self.text += f"{batch.terminated}\n"
        if batch.copy_data is not None:
            data = batch.copy_data
            self.text += data + ("" if data.endswith("\n") or not data else "\n") + "\\.\n"

    def defer_batch(self, batch: Batch) -> None:
        """Write the batch down."""
        self.run_batch(batch)

    def write(self, query: bytes, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Write the statement down with its parameters in place."""
        self.defer_write(self.compose(query, parameters))
        return []

    def compose(self, query: bytes, parameters: Mapping[str, Any]) -> str:
        """Return a statement with its parameters written into it."""
        return psycopg.ClientCursor(self.connection).mogrify(query, parameters)

    def defer_write(self, *statements: str) -> None:
        """Write the statements down."""
        self.run(*statements)


def _error_of(results: list[pq.abc.PGresult]) -> psycopg.Error | None:
    if not results or results[-1].status != pq.ExecStatus.FATAL_ERROR:
        return None
    return psycopg.errors.error_from_result(results[-1], encoding="utf-8")


def _is_mark(result: pq.abc.PGresult) -> bool:
    return result.nfields == 1 and result.fname(0) == MARK.encode()


def _untranslatable(error: psycopg.Error) -> str | None:
    """Return the character that the database's encoding does not have, where that is the fault.

    The server does not say where it is, since it translates a query as a whole before it reads it.
    """
    if error.sqlstate != "22P05":
        return None
    sequence = re.search(r"(0x[0-9a-f]{2} ?)+", error.diag.message_primary or "")
    codes = [int(code, 16) for code in sequence[0].split()] if sequence else []
    return bytes(codes).decode(errors="ignore") or None


def _place_in_data(batch: Batch, error: psycopg.Error) -> Location | None:
    """Return the line of the inline data that a COPY failed at, where the server names it."""
    found = re.match(r"COPY .*?, line (\d+)", error.diag.context or "")
    if found is None:
        return None
    statement = batch.locate(0, len(batch.sql))
    line = statement.line + int(found[1])
    lines = batch.source.text.split("\n")
    if line > len(lines):
        return None
    return replace(statement, line=line, column=1, source_line=lines[line - 1].rstrip("\r"))
