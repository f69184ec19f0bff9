"""A revert script takes back what its deploy script does, in an order that the server accepts."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecli.checking.reverts import check_reverts
from carecli.project import Project
from carecli.verification.findings import Finding
from tests.plugins.chaos import ProjectMaker, Step

BASE = Step(
    "base",
    """\
create schema app;
create table app.users (id int);
create index users_id_idx on app.users (id);
create function app.name(p_id integer) returns text language sql as $$ select 'a' $$;
create view app.names as select 1;
create publication news;
""",
    "drop publication news;\ndrop schema app cascade;\n",
)

DEPLOY = """\
create type app.kind as (a text);
create table app.lists (
    id integer,
    kind app.kind
);
create index lists_id_idx on app.lists (id);
create trigger touch after insert on app.lists for each row execute function app.touch();
create table app.part partition of app.lists default;
create function app.both(
    in p_a timestamptz, p_b varchar(9) default 'x', out p_c text
) language sql as $$ select 'a' $$;
create policy users_own on app.users for select using (app.both(null, null) is null);
create or replace function app.name(p_id int) returns text language sql as $$ select 'b' $$;
drop view app.names;
alter table app.users add column note text;
alter table app.users add constraint users_note_short check (note < 'x');
alter table app.users enable row level security;
alter publication news add table app.lists;
grant select on app.users to public;
revoke all on app.users from public;
grant update on table app.users to somebody;
create temporary table gone (id int);
create table app.helper (); drop table app.helper;
comment on table app.users is 'Users.';
create extension hstore;
"""

REVERT = """\
drop extension hstore;
revoke update on app.users from somebody;
alter table app.users disable row level security;
alter table app.users drop constraint users_note_short;
alter table app.users drop column note;
create view app.names as select 1;
create or replace function app.name(p_id integer) returns text language sql as $$ select 'a' $$;
drop policy users_own on app.users;
drop function app.both(timestamp with time zone, character varying);
drop table app.lists;
drop type app.kind;
"""

# Which object is named where one statement of the revert script is missing.
NAMED = {
    "drop extension": "extension hstore",
    "alter table app.users drop constraint": "table app.users",
    "alter table app.users drop column": "table app.users",
    "create view": "view app.names",
    "create or replace function": "function app.name(integer)",
    "drop policy": "policy users_own on app.users",
    "drop function": "function app.both(timestamp with time zone, character varying)",
    "drop type": "type app.kind",
}


@pytest.fixture
def found(make_project: ProjectMaker) -> Found:
    """Give a function that returns what is found in a revert script beside a deploy script."""
    return Found(make_project)


class Found:
    """Writes the project and looks at it."""

    def __init__(self, make_project: ProjectMaker) -> None:
        self._make = make_project

    def __call__(self, deploy: str, revert: str) -> list[Finding]:
        """Return the findings; all are warnings on the revert script, with a remedy."""
        folder = self._make(BASE, Step("next", deploy, revert))
        findings = list(check_reverts(Project.load(folder)))
        assert {finding.path for finding in findings} <= {folder / "revert/next.sql"}
        assert all(finding.level == "warning" and finding.remediation for finding in findings)
        return findings


def test_sound_revert(found: Found) -> None:
    """A script that takes everything back has no finding."""
    assert found(DEPLOY, REVERT) == []


@pytest.mark.parametrize("start", NAMED)
def test_missing_statement(found: Found, start: str) -> None:
    """Each statement that is missing in the revert script is a finding on its object."""
    lines = REVERT.splitlines(keepends=True)
    [missing] = [line for line in lines if line.startswith(start)]
    findings = found(DEPLOY, REVERT.replace(missing, ""))
    assert [finding.object for finding in findings] == [NAMED[start]]
    deploy = str(findings[0].detail.partition(" ")[0])
    assert Path(deploy.rpartition(":")[0]).name == "next.sql"


def test_table_takes_along_what_is_on_it(found: Found) -> None:
    """Without the drop of a table its index, its trigger and its partition are missing too."""
    findings = found(DEPLOY, REVERT.replace("drop table app.lists;\n", ""))
    assert [finding.object for finding in findings] == [
        "table app.lists",
        "index app.lists_id_idx",
        "trigger touch on app.lists",
        "table app.part",
        "publication news",
    ]


@pytest.mark.parametrize(
    ("first", "second", "object_"),
    [
        ("drop table app.lists;\n", "drop type app.kind;\n", "table app.lists"),
        (
            "drop policy users_own on app.users;\n",
            "drop function app.both(timestamp with time zone, character varying);\n",
            "policy users_own on app.users",
        ),
    ],
)
def test_order(found: Found, first: str, second: str, object_: str) -> None:
    """What stands on something else has to be dropped before it, unless that is cascaded."""
    swapped = REVERT.replace(first, "").replace(second, second + first)
    [finding] = found(DEPLOY, swapped)
    assert finding.object == object_
    assert finding.line == swapped[: swapped.index(second)].count("\n") + 1
    cascade = second.replace(";", " cascade;")
    assert found(DEPLOY, swapped.replace(second, cascade)) == []


@pytest.mark.parametrize(
    "revert",
    [
        "do $$ begin raise exception 'there is no way back'; end $$;\n",
        "do $$ begin execute 'drop table ' || 'app.lists'; end $$;\n",
        "-- carecli-check: ignore revert, the tables are shared\nselect 1;\n",
        "drop schema app cascade;\ndrop extension hstore;\n",
        "drop owned by somebody;\n",
    ],
)
def test_what_the_text_cannot_tell(found: Found, revert: str) -> None:
    """SQL in strings, a refusal, a comment, a whole schema: nobody is told what may be right."""
    assert found(DEPLOY, revert) == []


def test_comment_without_a_reason(found: Found) -> None:
    """A comment that gives no reason lets nothing rest."""
    findings = found("create table app.a ();", "-- carecli-check: ignore revert\nselect 1;\n")
    assert [finding.object for finding in findings] == ["table app.a"]


def test_drops_in_a_block(found: Found) -> None:
    """Statements in PL/pgSQL count."""
    revert = "do $$ begin if true then drop table app.a; end if; end $$;\n"
    assert found("create table app.a ();", revert) == []


def test_grant_that_stays(found: Found) -> None:
    """A privilege on what was there before has to be taken back."""
    grant = "grant execute on function app.name(int) to somebody;"
    [finding] = found(grant, "select 1;\n")
    assert finding.object == "function app.name(integer)"
    assert finding.remediation == "revoke ... on function app.name(integer) from somebody;"
    assert found(grant, "revoke all on function app.name(integer) from somebody;\n") == []


def test_index_that_is_dropped(found: Found) -> None:
    """What the deploy script drops has to be made again."""
    again = "create index users_id_idx on app.users (id);\n"
    assert found("drop index app.users_id_idx;", again) == []
    assert [finding.object for finding in found("drop index app.users_id_idx;", "select 1;")] == [
        "index app.users_id_idx"
    ]


def test_other_signature(found: Found) -> None:
    """To drop a function of the same name with other arguments is to drop another one."""
    deploy = "create function app.f(p_a int, p_b text[]) returns int language sql as $$ $$;"
    assert found(deploy, "drop function app.f(integer, text[]);\n") == []
    assert found(deploy, "drop function app.f;\n") == []
    assert len(found(deploy, "drop function app.f(integer, text);\n")) == 1


@pytest.mark.parametrize(
    ("deploy", "revert"),
    [
        (
            "create function app.f(p_id app.users.id%type) returns int language sql as $$ $$;",
            "drop function app.f(integer);",
        ),
        (
            "create rule no_rows as on insert to app.users do instead nothing;",
            "drop rule no_rows on app.users;",
        ),
        (
            "alter table app.users disable trigger x; alter table app.users enable trigger x;",
            "select 1;",
        ),
        ("alter table app.users rename to people;", "alter table app.people rename to users;"),
        (
            "create table app.a (id serial); grant usage on sequence app.a_id_seq to somebody;",
            "drop table app.a;",
        ),
        (
            "alter table app.users add note text; create index x on app.users (note);",
            "alter table app.users drop column if exists note;",
        ),
        ("grant create on schema app to x; revoke create on schema app from x;", "select 1;"),
        ("alter table app.users validate constraint users_short;", "select 1;"),
    ],
)
def test_other_ways_to_take_back(found: Found, deploy: str, revert: str) -> None:
    """What goes with something else, has another name by then, or was lent, is no finding."""
    assert found(deploy, f"{revert}\n") == []
