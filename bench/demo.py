"""Start the same conversations with V1's statements and with V2's call, in one database.

Everything happens in one transaction that is rolled back at the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import click
import psycopg

from carecli.cli import show_error
from carecli.database import connect, libpq_conninfo
from carecli.embedded import EmbeddedServer
from carecli.embedded.prepare import drop_database, prepare_database
from carecli.errors import CarecliError
from carecli.resources import data_directory

REQUESTER = UUID("3e334e85-9879-af25-6d38-27d651b7804a")
HELPER = UUID("e4774cdd-a079-3f86-414e-8b9140bb6db4")
SQL = data_directory("sql")


@contextmanager
def scratch_database() -> Iterator[str]:
    """Give the URL of a database of the embedded server with V1 and V2 in it; drop it then."""
    embedded = EmbeddedServer.default()
    embedded.ready(say=lambda line: click.echo(line, err=True))
    name, owner = f"carecli_demo_{os.getpid()}", "postgres"
    try:
        prepare_database(embedded.server.url, name, owner, sample=True)
        url = embedded.server.url(name, owner)
        migrate = [sys.executable, "-m", "carecli", "--quiet", "migrate", "--yes", "-d", url]
        if subprocess.run(migrate, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            raise CarecliError("the scratch database could not be migrated; see above")
        yield url
    finally:
        drop_database(embedded.server.url("postgres"), name)


def attempt(connection: psycopg.Connection, folder: Path, values: dict[str, Any]) -> str | None:
    """Run the statements of a folder as the helper; return why they failed, or None."""
    claims = json.dumps({"sub": str(values["helper_id"]), "role": "authenticated"})
    try:
        with connection.transaction():
            connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            connection.execute("set local role authenticated")
            answer = None
            for script in sorted(folder.glob("*.sql")):
                answer = connection.execute(script.read_bytes(), values)
            row = answer.fetchone() if answer is not None and answer.description else None
            connection.execute("reset role")
    except psycopg.Error as error:
        return error.diag.message_primary or str(error)
    if row is not None and isinstance(row[0], dict) and not row[0]["success"]:
        return f"{row[0]['error']}: {row[0]['message']}"
    return None


def demonstrate(connection: psycopg.Connection) -> dict[str, list[str | None]]:
    """Return why each attempt failed, or None, for V1 and V2; leave nothing behind."""
    outcomes: dict[str, list[str | None]] = {"v1": [], "v2": []}
    with connection.transaction(force_rollback=True):
        for script in sorted((SQL / "sample").glob("*.sql")):
            connection.execute(script.read_bytes())
        requests = connection.execute(
            (SQL / "demo" / "requests.sql").read_bytes(), {"requester_id": REQUESTER}
        ).fetchall()
        for (request_id,) in requests:
            for version, outcome in outcomes.items():
                values = {
                    "help_request_id": request_id,
                    "requester_id": REQUESTER,
                    "helper_id": HELPER,
                    "conversation_id": uuid4(),
                    "message": "Hello! I can help you with that.",
                }
                outcome.append(attempt(connection, SQL / "demo" / version, values))
    return outcomes


def compare(url: str) -> int:
    """Print what V1 and V2 achieve there; return 0 where V1 always fails and V2 never does."""
    with connect(libpq_conninfo(url, source="--database-url")) as connection:
        present = connection.execute(
            "select to_regprocedure('public.create_conversation_atomic(uuid, uuid, text)')"
        ).fetchone()
        if present == (None,):
            raise CarecliError("V2 is not deployed there", hint="Run `carecli migrate` first.")
        outcomes = demonstrate(connection)
    for version, failures in outcomes.items():
        good = sum(failure is None for failure in failures)
        click.echo(f"{version.upper()}  {good:2} of {len(failures)} conversations started")
        for reason in sorted({failure for failure in failures if failure is not None}):
            click.echo(f"    {failures.count(reason)} x {reason}")
    return 0 if all(outcomes["v1"]) and not any(outcomes["v2"]) else 1


@click.command()
@click.option("-d", "--database-url", metavar="URL", help="Default: a scratch database.")
def main(database_url: str | None) -> None:
    """Show V1 failing beside V2 succeeding.

    \b
    Examples:
      python bench/demo.py
      python bench/demo.py -d "$(carecli db url)"
    """
    try:
        if database_url is not None:
            sys.exit(compare(database_url))
        with scratch_database() as url:
            sys.exit(compare(url))
    except CarecliError as error:
        show_error(error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
