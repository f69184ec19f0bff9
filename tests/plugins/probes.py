"""Probes of the databases of tests, and what a probe must not leave behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from carecli.database import Choice, connect
from carecli.migrator.target import Target
from carecli.project import Project
from carecli.resources import data_directory
from carecli.settings import Settings
from carecli.verification import Part
from carecli.verification.probing import probe
from tests.plugins.databases import TestDatabase

__all__ = ["Probe", "contents", "probe_url", "run_scripts"]

Probe = Callable[[TestDatabase], Part]

EVERYTHING = """
select relation.oid::regclass::text, schema.nspname, relation.relname, relation.relkind::text
from pg_catalog.pg_class as relation
join pg_catalog.pg_namespace as schema on schema.oid = relation.relnamespace
where relation.relkind in ('r', 'm', 'S') and schema.nspname <> 'information_schema'
    and schema.nspname !~ '^pg_'
order by 1
"""


def probe_url(url: str) -> Part:
    """Probe the database at a URL, with our plan."""
    with connect(url) as connection:
        project = Project.load(data_directory("migrations"))
        return probe(Target(project, Choice(url, "test"), connection, Settings()))


def run_scripts(database: TestDatabase, *scripts: Path) -> None:
    """Run scripts as the owner of the database."""
    for script in scripts:
        with psycopg.connect(database.url) as connection:
            connection.execute(script.read_bytes())


def contents(database: TestDatabase) -> dict[str, Any]:
    """Return all rows of a database, all sequences and all temporary objects."""
    found: dict[str, Any] = {}
    connection = database.connect(superuser=True)
    for title, schema, name, kind in connection.execute(EVERYTHING).fetchall():
        query = (
            "select last_value, is_called from {}" if kind == "S" else "select t::text from {} t"
        )
        rows = connection.execute(SQL(query).format(Identifier(schema, name))).fetchall()
        found[title] = sorted(rows)
    temporary = "select count(*) from pg_catalog.pg_namespace where nspname ~ '^pg_temp_'"
    found["temporary schemas"] = connection.execute(temporary).fetchall()
    return found


@pytest.fixture(scope="session")
def probe_database() -> Probe:
    """Give a function that probes a database as its owner."""
    return lambda database: probe_url(database.url)
