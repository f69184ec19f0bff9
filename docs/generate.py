"""Writes docs/api.md from the catalogue of a migrated database.

    python docs/generate.py            from a scratch database of the embedded server
    python docs/generate.py -d URL     from another one that is migrated; it is left as it is

What the catalogue does not know, an example and what each argument means, is in docs/api: one file
a function, beside the meanings of the arguments that several have.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.demo import scratch_database  # noqa: E402
from carecli.cli import show_error  # noqa: E402
from carecli.database import connect, libpq_conninfo  # noqa: E402
from carecli.errors import CarecliError  # noqa: E402
from docs.catalogue import Function, error_codes, read_functions  # noqa: E402
from docs.examples import Example, argument_meanings, run_example  # noqa: E402

__all__ = ["PAGE", "page"]

PAGE = ROOT / "docs" / "api.md"

INTRODUCTION = """\
# What the application calls

<!-- Made by `make docs` from the catalogue of a migrated database; edits are lost. -->

Each function that is about a person asks first who is signed in; none leaves by an exception for a
fault of its caller. But where something else is said, the answer is `jsonb` with `success`,
`message`, a `request_id` under which the event log has the call (`carecli logs --request-id ID`),
and what the examples show.
A failure has `success: false`, `error` (a code of the table below), `message` for a person,
`http_status`, and `details` with a finer `reason`. What it carries beyond that stands both on top
and in `details`. Nobody but the two people of a conversation can tell from an answer whether it
exists.

The examples were made on the sample data (`sql/sample`); ids and times in them stand for others.
The tables of errors are read from the code of each function and of what it calls, so that now and
then one is listed that only another function which shares the code can answer.
"""


def page(connection: psycopg.Connection) -> str:
    """Return the whole page.

    Arguments:
        connection: in autocommit, of the role that migrated the database; nothing is left there.
    """
    codes = error_codes(connection)
    functions = read_functions(connection)
    parts = [INTRODUCTION, *(f"* [`{function.name}`](#{function.name})" for function in functions)]
    parts += ["", "## Error codes", "", *code_table(codes)]
    for function in functions:
        parts += ["", *section(function, codes, run_example(connection, function.name))]
    return "\n".join(parts) + "\n"


def code_table(codes: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Give the lines of the table of error codes."""
    yield "| error | HTTP | for a person | for the client |"
    yield "|---|---|---|---|"
    for code, entry in codes.items():
        yield row(f"`{code}`", entry["http_status"], entry["user_message"], entry["client_action"])


def section(
    function: Function, codes: Mapping[str, Mapping[str, Any]], example: Example | None
) -> Iterator[str]:
    """Give the lines on one function."""
    yield f"## {function.name}"
    yield ""
    yield function.comment
    yield ""
    yield from signature(function)
    yield ""
    yield f"May be called by {' and '.join(f'`{role}`' for role in function.roles)}."
    if function.arguments:
        meanings = argument_meanings(function.name)
        yield from ("", "| argument | type | default | meaning |", "|---|---|---|---|")
        for argument in function.arguments:
            default = "" if argument.default is None else f"`{argument.default}`"
            meaning = meanings.get(argument.name, "")
            yield row(f"`{argument.name}`", f"`{argument.type}`", default, meaning)
    if example is not None:
        yield from ("", "```js", *rpc(function.name, example.arguments), "```")
        yield from ("", "```sql", *statement(function.name, example.arguments), "```")
        answer = json.dumps(example.answer, indent=2, ensure_ascii=False)
        yield from ("", "answers", "", "```json", answer, "```")
    if function.failures:
        yield from ("", "| error | HTTP | reason | message | carries |", "|---|---|---|---|---|")
        for failure in function.failures:
            status = codes.get(failure.code, {}).get("http_status", "")
            carried = ", ".join(f"`{name}`" for name in failure.extra)
            code, reason = f"`{failure.code}`", f"`{failure.reason}`"
            yield row(code, status, reason, failure.message, carried)


def signature(function: Function) -> Iterator[str]:
    """Give the function's head as SQL writes it."""
    yield "```sql"
    if function.arguments:
        yield f"public.{function.name}("
        for number, argument in enumerate(function.arguments, start=1):
            comma = "," if number < len(function.arguments) else ""
            default = "" if argument.default is None else f" default {argument.default}"
            yield f"    {argument.name} {argument.type}{default}{comma}"
        yield f") returns {function.returns}"
    else:
        yield f"public.{function.name}() returns {function.returns}"
    yield "```"


def rpc(name: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Give the call as supabase-js makes it."""
    if not arguments:
        yield f'const {{ data, error }} = await supabase.rpc("{name}");'
        return
    yield f'const {{ data, error }} = await supabase.rpc("{name}", {{'
    for argument, value in arguments.items():
        yield f"  {argument}: {json.dumps(value, ensure_ascii=False)},"
    yield "});"


def statement(name: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Give the call in SQL."""
    if not arguments:
        yield f"select public.{name}();"
        return
    yield f"select public.{name}("
    for number, (argument, value) in enumerate(arguments.items(), start=1):
        comma = "," if number < len(arguments) else ""
        quoted = "'{}'".format(value.replace("'", "''")) if isinstance(value, str) else str(value)
        yield f"    {argument} => {quoted}{comma}"
    yield ");"


def row(*cells: Any) -> str:
    """Return a line of a table."""
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


@click.command()
@click.option("-d", "--database-url", metavar="URL", help="Default: a scratch database.")
def main(database_url: str | None) -> None:
    """Write docs/api.md.

    \b
    Example:
      python docs/generate.py
    """
    try:
        if database_url is not None:
            write(libpq_conninfo(database_url, source="--database-url"))
        else:
            with scratch_database() as url:
                write(url)
    except CarecliError as error:
        show_error(error)
        sys.exit(error.exit_code)


def write(conninfo: str) -> None:
    """Write the page of a database."""
    with connect(conninfo) as connection:
        PAGE.write_text(page(connection), encoding="utf-8")


if __name__ == "__main__":
    main()
