"""Nothing that a script sets reaches the next script or the registry's statements."""

from __future__ import annotations

import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.sqitch import PlanWriter, Tools, registry_rows

pytestmark = pytest.mark.slow

REFUSE = "do $$ begin if {} then raise exception 'leaked'; end if; end $$;\n"

# What a script does, and what the next one must not find.
LEAKS = {
    "role": ("set role anyone;", "current_user <> session_user"),
    "local role": ("set local role anyone;", "current_user <> session_user"),
    "session authorization": (
        "set session authorization default; set role anyone;",
        "current_setting('role') <> 'none'",
    ),
    "search_path": (
        "create temp table changes (); set search_path = pg_temp, nowhere;",
        "current_setting('search_path') like '%nowhere%'",
    ),
    "strings": (
        "set standard_conforming_strings = off; set escape_string_warning = off;",
        "current_setting('standard_conforming_strings') <> 'on'",
    ),
    "date style": (
        "set datestyle = 'German'; set timezone = 'Asia/Tokyo';",
        "now()::text ~ '[.].*[.].* '",
    ),
    "own setting": ("set shop.x = 'y';", "current_setting('shop.x', true) <> ''"),
    "temporary table": (
        "create temp table pg_leak ();",
        "to_regclass('pg_temp.pg_leak') is not null",
    ),
    "prepared": ("prepare p as select 1;", "exists (select from pg_prepared_statements)"),
    "cursor": (
        "declare c cursor with hold for select 1;",
        "exists (select from pg_cursors where name = 'c')",
    ),
    "channel": ("listen shop;", "exists (select from pg_listening_channels())"),
    "advisory lock": (
        "select pg_advisory_lock(4711);",
        "exists (select from pg_locks where locktype = 'advisory' and objid = 4711)",
    ),
    "read only": (
        "set session characteristics as transaction read only;",
        "current_setting('default_transaction_read_only') = 'on'",
    ),
    "row security": ("set row_security = off;", "current_setting('row_security') = 'off'"),
    "statement timeout": (
        "set statement_timeout = '1h';",
        "current_setting('statement_timeout') <> '0'",
    ),
}


def files(leak: str, check: str) -> dict[str, str]:
    """Return scripts of which the first leaks and all later ones look."""
    refuse = REFUSE.format(check)
    return {
        "deploy/one.sql": f"{leak}\n",
        "revert/one.sql": refuse,
        "verify/one.sql": refuse,
        "deploy/two.sql": f"{refuse}create table two ();\n",
        "verify/two.sql": f"{leak}\n",
        "deploy/three.sql": f"{refuse}create table three ();\n",
        "revert/three.sql": "drop table three;\n",
        "revert/two.sql": f"drop table two;\n{leak}\n",
    }


@pytest.mark.parametrize(("leak", "check"), LEAKS.values(), ids=LEAKS)
def test_leak(
    tools: Tools,
    write_project: PlanWriter,
    empty_database: TestDatabase,
    leak: str,
    check: str,
) -> None:
    """Each script finds a fresh session, also in one transaction with the one that leaked."""
    empty_database.execute(
        "do $$ begin create role anyone; exception when duplicate_object then end $$; "
        "grant anyone to current_user"
    )
    note = r"Back\\slash, 'quote', \"$x$."
    project = write_project(f"one # {note}\ntwo\nthree", files(leak, check))
    tools.carecli.deploy(project, empty_database, "--atomic")
    assert registry_rows(empty_database)["changes"][0]["note"].startswith("Back\\")
    assert [row["change"] for row in registry_rows(empty_database)["changes"]] == [
        "one",
        "two",
        "three",
    ]
    tools.carecli.revert(project, empty_database)
    assert registry_rows(empty_database)["changes"] == []


DEFERRED = "references p deferrable initially deferred"
TEMPORARY = """create temp table q (id int primary key);
create temp table t (q int references q deferrable initially deferred);
insert into t values (1); insert into q values (1);"""


@pytest.mark.parametrize(
    "script",
    [
        f"create table c (p int {DEFERRED}); insert into c select 1 where false;",
        f"create table c (p int {DEFERRED}); insert into c values (1); insert into p values (1);",
        TEMPORARY,
    ],
    ids=["none", "permanent", "temporary"],
)
@pytest.mark.parametrize("option", ["--lock-retries=0", "--atomic"], ids=["each", "atomic"])
def test_deferred_checks(
    tools: Tools,
    write_project: PlanWriter,
    empty_database: TestDatabase,
    script: str,
    option: str,
) -> None:
    """What a script put off until its end is settled before the next one alters the tables."""
    project = write_project(
        "one\ntwo\nthree",
        {
            "deploy/one.sql": "create table p (id int primary key);\n",
            "deploy/two.sql": script,
            "deploy/three.sql": "alter table p add note text; do $$ begin "
            "if to_regclass('c') is not null then alter table c add note text; end if; end $$;\n",
        },
    )
    tools.carecli.deploy(project, empty_database, option)
    assert len(registry_rows(empty_database)["changes"]) == 3
