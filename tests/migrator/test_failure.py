"""What a person is shown when a script fails, and that the change is rolled back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugins.chaos import Here, ProjectMaker, Step
from tests.plugins.databases import TestDatabase

Deploy = Callable[..., str]

CATALOGUE = """
select array(select format('%s %s %s', oid::regclass, relkind, relowner) from pg_class
              where oid >= 16384 and relnamespace::regnamespace::text <> 'sqitch'
                and not relnamespace::regnamespace::text like 'pg\\_%' order by 1),
       array(select oid::regprocedure::text || md5(prosrc) from pg_proc where oid >= 16384
             order by 1)
"""


@pytest.fixture
def deploy(empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here) -> Deploy:
    """Give a function that deploys one failing change and returns what was said."""

    def fail(script: str, *options: str, code: int = 1, verify: str | None = None) -> str:
        project = make_project(
            Step("good", "create table good ();"), Step("bad", script, "", verify)
        )
        ended = run_here(
            "migrate", "-y", *options, "-C", project, "-d", empty_database.url, check=code
        )
        return ended.stderr

    return fail


def test_place_words_and_state(deploy: Deploy) -> None:
    """Script, line, column, the line with a caret, the server's message and the state."""
    said = deploy("-- a comment\ncreate table x (\n    a int,\n    b nosuchtype\n);\n")
    assert 'bad.sql:4:7: deploy of bad failed: type "nosuchtype" does not exist' in said
    assert "  4 |     b nosuchtype\n    |       ^\n" in said
    assert "State: deployed through good, 1 pending; bad is not deployed" in said


def test_detail_and_hint_of_the_server(deploy: Deploy) -> None:
    """What RAISE says in DETAIL and HINT is shown, with the SQLSTATE."""
    said = deploy(
        "do $$ begin raise exception 'no' using detail = 'because', hint = 'ask',"
        " errcode = 'P0999'; end $$;\n"
    )
    for part in ("Detail: because", "Hint of the server: ask", "SQLSTATE: P0999"):
        assert part in said
    assert "Context: PL/pgSQL function inline_code_block line 1 at RAISE" in said


def test_error_within_a_function_is_located_by_its_statement(deploy: Deploy) -> None:
    """An error at run time, for which the server has no position, names the statement's line."""
    said = deploy("create table x (a int);\n\ninsert into x values (1);\nselect 1 / 0 from x;\n")
    assert "bad.sql:4:1: deploy of bad failed: division by zero" in said
    said = deploy(
        "create function f() returns int language plpgsql as $$\nbegin\n"
        "  execute 'select nope';\n  return 1;\nend $$;\nselect\n  f();\n"
    )
    assert 'bad.sql:6:1: deploy of bad failed: column "nope" does not exist' in said
    assert "Statement: select nope" in said
    assert "Context: PL/pgSQL function f() line 3 at EXECUTE" in said


def test_error_in_the_body_of_a_function(deploy: Deploy) -> None:
    """A syntax error in plpgsql is shown at its own line in the script."""
    said = deploy(
        "create function f() returns int language plpgsql as $$\nbegin\n  retrun 1;\nend $$;"
    )
    assert "bad.sql:3:3: deploy of bad failed: syntax error" in said
    assert "  3 |   retrun 1;\n    |   ^\n" in said


def test_positions_count_characters(deploy: Deploy) -> None:
    """A long script of letters of several bytes still has the caret under its fault."""
    long = "".join(f"comment on table good is 'Größe 測試 🦉 {n}';\n" for n in range(500))
    said = deploy(f"{long}select 'ü', falsch;\n")
    assert 'bad.sql:501:13: deploy of bad failed: column "falsch" does not exist' in said
    assert "  501 | select 'ü', falsch;\n      |             ^\n" in said


def test_error_in_the_data_of_a_copy(deploy: Deploy) -> None:
    """A row that does not fit is shown at its own line in the script."""
    said = deploy("create table x (a int);\ncopy x from stdin;\n1\nzwei\n\\.\nselect 1;\n")
    assert (
        'bad.sql:4:1: deploy of bad failed: invalid input syntax for type integer: "zwei"' in said
    )
    assert "  4 | zwei\n    | ^\n" in said
    assert 'Context: COPY x, line 2, column a: "zwei"' in said


def test_error_after_a_copy(deploy: Deploy) -> None:
    """Places are right behind inline data as well."""
    said = deploy("create table x (a int);\ncopy x from stdin;\n1\n\\.\nselect 1;\nselect nope;\n")
    assert "bad.sql:6:8: deploy of bad failed" in said


def test_error_at_the_commit(deploy: Deploy, empty_database: TestDatabase) -> None:
    """A constraint that is checked at the end fails the change, and nothing of it stays."""
    said = deploy(
        "create table p (id int primary key);\n"
        "create table c (p int references p deferrable initially deferred);\n"
        "insert into c values (1);\n"
    )
    assert "deploy of bad failed: insert or update on table" in said
    assert 'Detail: Key (p)=(1) is not present in table "p".' in said
    assert "bad is not deployed" in said
    assert empty_database.execute("select to_regclass('public.c')") == [(None,)]
    assert empty_database.execute("select event from sqitch.events where change = 'bad'") == [
        ("fail",)
    ]


def test_error_in_a_substituted_variable(deploy: Deploy) -> None:
    """The caret stands under the variable, not somewhere in its value."""
    said = deploy("select 1;\nselect 1, :what, 2;\n", "--set", "what=a_long_name_that_is_unknown")
    assert "bad.sql:2:11: deploy of bad failed" in said


def test_missing_script(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """A script that is not there is found before anything runs."""
    project = make_project(Step("good", "create table good ();"), Step("gone", None))
    said = run_here("migrate", "-y", "-C", project, "-d", empty_database.url, check=1).stderr
    assert "gone has no deploy script" in said
    assert "gone.sql" in said
    assert empty_database.execute("select to_regclass('public.good')") == [(None,)]


@pytest.mark.parametrize("atomic", [(), ("--atomic",)])
def test_failing_verify_rolls_the_change_back(
    deploy: Deploy, empty_database: TestDatabase, atomic: tuple[str, ...]
) -> None:
    """The catalogue is afterwards what it was without the change."""
    empty_database.execute("create table kept (id int)")
    before = empty_database.execute(CATALOGUE)
    said = deploy(
        "create table x (id serial primary key); create function f() returns int return 1;"
        "drop table kept;",
        *atomic,
        verify="select 1;\nselect 1 / count(*) from x;\n",
    )
    assert "verify/bad.sql:2:1: verify of bad failed: division by zero" in said
    if not atomic:
        empty_database.execute("drop table good")
    assert empty_database.execute(CATALOGUE) == before
    recorded = "select array(select change from sqitch.changes)"
    assert empty_database.execute(recorded) == [([] if atomic else ["good"],)]


@pytest.mark.parametrize("atomic", [(), ("--atomic",)])
def test_check_that_a_script_put_off_is_its_own_fault(
    empty_database: TestDatabase,
    make_project: ProjectMaker,
    run_here: Here,
    atomic: tuple[str, ...],
) -> None:
    """What fails at the script's end has no place in it, but the change is named, not the next."""
    project = make_project(
        Step(
            "bad",
            "create table p (id int primary key);"
            "create table c (id int references p deferrable initially deferred);"
            "insert into c values (1);",
        ),
        Step("next", "create table next ();"),
    )
    said = run_here(
        "migrate", "-y", *atomic, "-C", project, "-d", empty_database.url, check=1
    ).stderr
    assert "deploy of bad failed: insert or update on table" in said
    assert empty_database.execute("select to_regclass('p'), to_regclass('next')") == [(None, None)]


def test_failed_script_outside_of_a_transaction(
    deploy: Deploy, empty_database: TestDatabase
) -> None:
    """What stays is said, and the invalid index that the server left is named."""
    said = deploy(
        "-- transactional: false\ncreate table d as select 1 as a from generate_series(1, 2);\n"
        "create unique index concurrently d_a on d (a);\n"
    )
    assert "bad.sql:3:1: deploy of bad failed: could not create unique index" in said
    assert "its script does not run in a transaction" in said
    assert "invalid indexes: d_a; drop them before the next run" in said


def test_failed_undo_is_told_without_a_traceback(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """Where verify fails and the revert script too, the first fault is shown, the other told."""
    script = "-- transactional: false\ncreate table x ();\n"
    project = make_project(Step("bad", script, "drop table nosuch;", "select 1 / 0;"))
    said = run_here("migrate", "-y", "-C", project, "-d", empty_database.url, check=1).stderr
    assert "verify/bad.sql:1:1: verify of bad failed: division by zero" in said
    assert "undoing it with" in said
    assert 'table "nosuch" does not exist' in said
    assert "Traceback" not in said


def test_verify_undoes_a_script_outside_of_a_transaction(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """Where verify fails, the revert script takes back what was committed by then."""
    script = "-- transactional: false\ncreate table x ();\n"
    project = make_project(Step("bad", script, "drop table x;", "select 1 / 0;"))
    run_here("migrate", "-y", "-C", project, "-d", empty_database.url, check=1)
    assert empty_database.execute("select to_regclass('public.x')") == [(None,)]


def test_failure_leaves_an_event(deploy: Deploy, empty_database: TestDatabase) -> None:
    """The registry's log knows of the failure, as sqitch's would."""
    deploy("select nope;")
    assert empty_database.execute(
        "select event, change from sqitch.events order by committed_at"
    ) == [
        ("deploy", "good"),
        ("fail", "bad"),
    ]


def test_revert_that_would_lose_rows_is_refused(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """A revert script that raises object_in_use is exit 5, and --allow-data-loss lets it go on."""
    revert = (
        "do $$ begin if coalesce(current_setting('carecli.allow_data_loss', true), '') <> 'on' then"
        " raise exception 'would lose rows' using errcode = 'object_in_use'; end if; end $$;\n"
        "drop table x;\n"
    )
    project = make_project(Step("x", "create table x (a int); insert into x values (1);", revert))
    place = ("-C", project, "-d", empty_database.url)
    run_here("migrate", "-y", *place, check=0)
    said = run_here("rollback", "-y", *place, check=5).stderr
    assert "revert of x failed: would lose rows" in said
    assert "--allow-data-loss" in said
    assert empty_database.execute("select a from x") == [(1,)]
    run_here("rollback", "-y", "--allow-data-loss", *place, check=0)
    assert empty_database.execute("select to_regclass('public.x')") == [(None,)]


def test_same_code_for_another_reason_is_no_loss_of_data(deploy: Deploy) -> None:
    """The server's own object_in_use is an ordinary failure."""
    said = deploy(
        "create table p (id int primary key);\n"
        "create table c (p int references p deferrable initially deferred);\n"
        "insert into c values (1);\nalter table c add column x int;\n"
    )
    assert "pending trigger events" in said
    assert "--allow-data-loss" not in said


def test_reverted_by_somebody_else(
    empty_database: TestDatabase, make_project: ProjectMaker, run_here: Here
) -> None:
    """A registry that forbids writing is told in the server's words, with the state."""
    project = make_project(Step("one", "create table one ();", "drop table one;"))
    place = ("-C", project, "-d", empty_database.url)
    run_here("migrate", "-y", *place, check=0)
    empty_database.execute(
        "create function no() returns trigger language plpgsql as $$ begin"
        " raise exception 'kept'; end $$; create trigger no before delete on"
        " sqitch.changes execute function no()"
    )
    said = run_here("rollback", "-y", *place, check=1).stderr
    assert "revert of one failed: kept" in said
    assert "one is deployed" in said
    assert empty_database.execute("select to_regclass('public.one') is not null") == [(True,)]


def test_registry_that_may_not_be_read(
    database: TestDatabase, make_project: ProjectMaker, run_here: Here, tmp_path: Path
) -> None:
    """A refusal outside of any change has no traceback: status as a role without privileges."""
    project = make_project(Step("one", "create table one ();"))
    run_here("migrate", "-y", "-C", project, "-d", database.url, check=0)
    role = f"nobody_{database.name}"
    with database.server.administration() as connection:
        connection.execute(f"create role {role} login")
        try:
            url = database.url.replace("//postgres@", f"//{role}@")
            said = run_here("status", "-C", project, "-d", url, check=1).stderr
        finally:
            connection.execute(f"drop role {role}")
    assert "permission denied for schema sqitch" in said
