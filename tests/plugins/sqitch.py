"""Stock sqitch beside carecli, behind one interface, and what a registry looks like afterwards."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier

from tests.plugins.command import Run
from tests.plugins.databases import TestDatabase, cloned
from tests.plugins.postgres import TestServer

__all__ = ["Done", "PlanWriter", "Tool", "Tools", "catalogue", "registry_rows"]

Done = subprocess.CompletedProcess[str]

# Both tools work in one name and without any configuration but the project's.
IDENTITY = {
    "SQITCH_FULLNAME": "Dora Deployer",
    "SQITCH_EMAIL": "dora@example.com",
    "SQITCH_SYSTEM_CONFIG": "/nonexistent/system.conf",
    "SQITCH_USER_CONFIG": "/nonexistent/user.conf",
}
TIMES = {"committed_at", "created_at", "installed_at"}
ORDER = {
    "releases": "version",
    "projects": "project",
    "changes": "committed_at",
    "tags": "committed_at",
    "dependencies": "change_id, dependency",
    "events": "committed_at",
}
PLANNED = re.compile(r"^([^\s%#][^#]*?)?\s*(#.*)?$")


@dataclass(frozen=True, slots=True)
class Tool:
    """One of the two tools, asked for the same things in its own words.

    Arguments:
        name: `sqitch` or `carecli`.
        words: the options of each action.
        call: runs the tool in a folder.
    """

    name: str
    words: Mapping[str, tuple[str, ...]]
    call: Callable[..., Done]

    def _do(
        self,
        action: str,
        project: Path,
        database: TestDatabase,
        options: tuple[str, ...],
        check: Any,
    ) -> Done:
        url = database.sqitch_uri
        target = ("-t" if self.name == "sqitch" else "-d", url)
        done = self.call(*self.words[action], *target, *options, cwd=project)
        if check is not None and done.returncode != check:
            said = f"{done.stdout}{done.stderr}"
            pytest.fail(f"{self.name} {action}: exit code {done.returncode}\n{said}", pytrace=False)
        return done

    def deploy(
        self, project: Path, database: TestDatabase, *options: str, check: int | None = 0
    ) -> Done:
        """Deploy and verify what is pending; a failure leaves what was deployed before it."""
        return self._do("deploy", project, database, options, check)

    def revert(
        self, project: Path, database: TestDatabase, *options: str, check: int | None = 0
    ) -> Done:
        """Revert without asking."""
        return self._do("revert", project, database, options, check)

    def verify(
        self, project: Path, database: TestDatabase, *options: str, check: int | None = 0
    ) -> Done:
        """Run the verify scripts of what is deployed."""
        return self._do("verify", project, database, options, check)

    def status(
        self, project: Path, database: TestDatabase, *options: str, check: int | None = 0
    ) -> Done:
        """Show what is deployed."""
        return self._do("status", project, database, options, check)


@dataclass(frozen=True, slots=True)
class Tools:
    """Both tools.

    Arguments:
        sqitch: stock sqitch.
        carecli: ours.
    """

    sqitch: Tool
    carecli: Tool

    def __getitem__(self, name: str) -> Tool:
        """Return a tool by its name."""
        return {"sqitch": self.sqitch, "carecli": self.carecli}[name]

    def other(self, name: str) -> Tool:
        """Return the tool that is not the named one."""
        return self["carecli" if name == "sqitch" else "sqitch"]


@pytest.fixture
def tools(peer: Callable[[str], Path], carecli_run: Run) -> Tools:
    """Give stock sqitch and carecli, both in the name of one person."""
    environment: dict[str, str | None] = {**IDENTITY}

    def sqitch(*arguments: str, cwd: Path) -> Done:
        return subprocess.run(
            [peer("sqitch"), *arguments],
            cwd=cwd,
            env=carecli_run.environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def carecli(*arguments: str, cwd: Path) -> Done:
        return carecli_run(*arguments, cwd=cwd, env=environment)

    return Tools(
        Tool(
            "sqitch",
            {
                "deploy": ("deploy", "--verify", "--mode", "change"),
                "revert": ("revert", "-y"),
                "verify": ("verify",),
                "status": ("status",),
                "check": ("check",),
            },
            sqitch,
        ),
        Tool(
            "carecli",
            {
                "deploy": ("migrate", "--yes"),
                "revert": ("rollback", "--yes"),
                "verify": ("verify", "--changes"),
                "status": ("status", "--format", "json"),
                "log": ("log", "--format", "json"),
            },
            carecli,
        ),
    )


@pytest.fixture
def other_database(server: TestServer, new_name: Callable[[], str]) -> Iterator[TestDatabase]:
    """Give a second database with nothing in it, to compare the first one with."""
    yield from cloned(server, new_name())


class PlanWriter:
    """Writes a project of any shape.

    Arguments:
        base: folder that the projects are made in.
    """

    def __init__(self, base: Path) -> None:
        self._base = base

    def __call__(
        self,
        plan: str,
        scripts: Mapping[str, str],
        *,
        name: str = "shop",
        conf: str = "[core]\n\tengine = pg\n",
        pragmas: str = "",
        folder: str | None = None,
    ) -> Path:
        """Write a project and return its folder.

        Arguments:
            plan: lines such as `users [schema] # note` and `@v1`; who and when is put in.
            scripts: text by path, such as `deploy/users.sql`.
            name: of the project.
            conf: sqitch.conf; empty for none.
            pragmas: further lines for the head of the plan.
            folder: where, below the base; default: the name.
        """
        directory = self._base / (folder or name)
        lines = []
        for number, line in enumerate(plan.strip().splitlines()):
            found = PLANNED.match(line.strip())
            assert found is not None, line
            head, note = found[1] or "", found[2] or ""
            who = f"2026-01-02T03:{number:02d}:05Z Ann Planner <ann@example.com>"
            lines.append(f"{head} {who} {note}".strip() if head else note)
        head = f"%syntax-version=1.0.0\n%project={name}\n{pragmas}\n"
        self.write(directory, "sqitch.plan", head + "\n".join(lines) + "\n")
        if conf:
            self.write(directory, "sqitch.conf", conf)
        for path, text in scripts.items():
            self.write(directory, path, text)
        return directory

    @staticmethod
    def write(directory: Path, path: str, text: str) -> None:
        """Write one file, making its folder."""
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


@pytest.fixture
def write_project(tmp_path: Path) -> PlanWriter:
    """Give a function that writes a sqitch project from the lines of its plan and its scripts."""
    return PlanWriter(tmp_path)


def registry_rows(
    database: TestDatabase, schema: str = "sqitch"
) -> dict[str, list[dict[str, Any]]]:
    """Return every row of the registry but for when it was written, in order of writing."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table, order in ORDER.items():
        query = SQL("select to_jsonb(t) from {}.{} as t order by ").format(
            Identifier(schema), Identifier(table)
        ) + SQL(order)
        rows = database.connect().execute(query).fetchall()
        found[table] = [
            {key: value for key, value in row.items() if key not in TIMES} for (row,) in rows
        ]
    return found


CATALOGUE = """
select n.nspname || '.' || c.relname, c.relkind::text, coalesce(string_agg(
           concat_ws(' ', a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
                     a.attnotnull, pg_get_expr(d.adbin, d.adrelid)), ', ' order by a.attnum), '')
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
 where n.nspname !~ '^(pg_|information_schema)'
 group by 1, 2
union all
select conrelid::regclass::text || '.' || conname, contype::text, pg_get_constraintdef(oid)
  from pg_constraint
 where conrelid <> 0 and connamespace::regnamespace::text !~ '^(pg_|information_schema)'
union all
select indexrelid::regclass::text, indisvalid::text, pg_get_indexdef(indexrelid)
  from pg_index where indrelid::regclass::text !~ '^pg_'
union all
select oid::regprocedure::text, 'function', md5(pg_get_functiondef(oid))
  from pg_proc where pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
 order by 1, 2, 3
"""


def catalogue(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Return relations with columns, constraints, indexes and functions of all schemas."""
    return database.connect().execute(CATALOGUE).fetchall()
