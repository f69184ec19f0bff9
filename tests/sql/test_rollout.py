"""Who is on V2: the flag, its history, the testers, and that it says no when in doubt."""

from __future__ import annotations

import json
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, Plan, invoke
from tests.plugins.reading import assert_verify_goes_red
from tests.plugins.sessions import at_once

# The buckets of the sample people, and of the one uuid whose hash is -2^31.
ROSA, BEN, MEI, SAM = 7, 30, 23, 99
SAM_ID = UUID("7b8d62fd-2f0f-5b2e-3ba5-437e5b983128")
LOWEST_ID = UUID("5a5a5a5a-0000-4000-8000-fb161f4605d3")
BUCKETS = {
    "3e334e85-9879-af25-6d38-27d651b7804a": ROSA,
    "e4774cdd-a079-3f86-414e-8b9140bb6db4": BEN,
    "270c1b08-4f3f-146e-b578-7075158d9c53": MEI,
    str(SAM_ID): SAM,
    str(LOWEST_ID): 48,
    "3E334E85-9879-AF25-6D38-27D651B7804A": ROSA,
}


@pytest.fixture
def flag(database: TestDatabase, plan: Plan) -> TestDatabase:
    """Give a database with the flag, and nothing yet that asks it."""
    plan.deploy(plan.through("rollout"))
    return database


def switch(database: TestDatabase, strategy: str, percentage: int | None = None) -> dict[str, Any]:
    """Set the flag and return the answer."""
    ((answer,),) = database.execute(
        "select messaging.set_rollout(%s, %s, 'test')", strategy, percentage
    )
    found: dict[str, Any] = answer
    return found


def enabled(database: TestDatabase, user: UUID | None) -> bool:
    """Tell whether the user is on V2."""
    ((answer,),) = database.execute("select messaging.is_v2_enabled(%s)", user)
    assert answer is not None
    return bool(answer)


def asked_by(connection: psycopg.Connection, *arguments: Any) -> Any:
    """Return what the public function answers."""
    return invoke(connection, "is_messaging_v2_enabled", *arguments)


def test_nobody_is_on_v2_after_the_deploy(flag: TestDatabase, people: People) -> None:
    """The flag is off, and its history says since when and why."""
    assert flag.execute("select strategy, percentage from messaging.rollout") == [("disabled", 0)]
    assert not enabled(flag, people.rosa)
    assert flag.execute(
        "select old_strategy, old_percentage, new_strategy, new_percentage, changed_by"
        " from messaging.rollout_history"
    ) == [(None, None, "disabled", 0, flag.server.migrating_role)]


@pytest.mark.parametrize(("user", "bucket"), BUCKETS.items())
def test_bucket(flag: TestDatabase, user: str, bucket: int) -> None:
    """The buckets are those of the application, whatever the case the uuid is written in."""
    assert flag.execute("select messaging.rollout_bucket(%s)", user) == [(bucket,)]


def test_bucket_of_nobody(flag: TestDatabase) -> None:
    """Nobody has no bucket."""
    assert flag.execute("select messaging.rollout_bucket(null)") == [(None,)]


@pytest.mark.parametrize(
    ("strategy", "percentage", "expected"),
    [
        ("disabled", None, set()),
        ("internal", None, {MEI}),
        ("percentage", 0, set()),
        ("percentage", ROSA, set()),
        ("percentage", ROSA + 1, {ROSA}),
        ("percentage", BEN, {ROSA, MEI}),
        ("percentage", 99, {ROSA, BEN, MEI}),
        ("percentage", 100, {ROSA, BEN, MEI, SAM}),
        ("enabled", None, {ROSA, BEN, MEI, SAM}),
    ],
)
def test_strategy(
    flag: TestDatabase, strategy: str, percentage: int | None, expected: set[int]
) -> None:
    """Each strategy has its users; nobody at all is never one of them."""
    switch(flag, strategy, percentage)
    users = [UUID(user) for user in list(BUCKETS)[:4]]
    assert {BUCKETS[str(user)] for user in users if enabled(flag, user)} == expected
    assert not enabled(flag, None)


def test_growing_percentage_takes_nobody_off(flag: TestDatabase) -> None:
    """Whoever is on V2 at some percentage is on it at every greater one."""
    users = [UUID(int=number * 2**97 + number) for number in range(300)]
    before: set[UUID] = set()
    for percentage in range(101):
        switch(flag, "percentage", percentage)
        rows = flag.execute(
            "select user_id from unnest(%s::uuid[]) as user_id"
            " where messaging.is_v2_enabled(user_id)",
            users,
        )
        now = {user for (user,) in rows}
        assert before <= now
        before = now
    assert before == set(users)


def test_testers_come_and_go(flag: TestDatabase, people: People) -> None:
    """A tester is on V2 while on the list and the strategy is internal; twice changes nothing."""
    switch(flag, "internal")
    add, remove = (
        "select messaging.add_internal_tester(%s)",
        "select messaging.remove_internal_tester(%s)",
    )
    assert not enabled(flag, people.ben)
    assert flag.execute(add, people.ben) == [(True,)]
    assert flag.execute(add, people.ben) == [(False,)]
    assert enabled(flag, people.ben)
    switch(flag, "disabled")
    assert not enabled(flag, people.ben)
    switch(flag, "internal")
    assert flag.execute(remove, people.ben) == [(True,)]
    assert flag.execute(remove, people.ben) == [(False,)]
    assert not enabled(flag, people.ben)


def test_profiles_need_no_administrators(flag: TestDatabase, people: People) -> None:
    """Where profiles have no is_admin, the testers alone are internal."""
    switch(flag, "internal")
    flag.execute("alter table public.profiles drop column is_admin")
    flag.execute("select messaging.add_internal_tester(%s)", people.ben)
    assert enabled(flag, people.ben)
    assert not enabled(flag, people.mei)


GUARDS_OFF = "alter table messaging.rollout disable trigger user"
INVALID = {
    "no row": "delete from messaging.rollout",
    "two rows": """
        alter table messaging.rollout drop constraint rollout_singleton_one_row;
        insert into messaging.rollout select false, 'enabled', 100, '', ''
    """,
    "unknown strategy": """
        alter table messaging.rollout drop constraint rollout_strategy_known;
        update messaging.rollout set strategy = 'most'
    """,
    "strategy null": """
        alter table messaging.rollout alter column strategy drop not null;
        update messaging.rollout set strategy = null
    """,
    "percentage null": """
        alter table messaging.rollout alter column percentage drop not null;
        update messaging.rollout set strategy = 'percentage', percentage = null
    """,
    "percentage beyond 100": """
        alter table messaging.rollout drop constraint rollout_percentage_range;
        update messaging.rollout set strategy = 'percentage', percentage = 101
    """,
    "percentage below 0": """
        alter table messaging.rollout drop constraint rollout_percentage_range;
        update messaging.rollout set strategy = 'percentage', percentage = -1
    """,
    "no table": "alter table messaging.rollout rename to elsewhere",
}


@pytest.mark.parametrize("breakage", INVALID.values(), ids=INVALID)
def test_invalid_state_is_off(flag: TestDatabase, people: People, breakage: str) -> None:
    """Whatever is wrong with the flag, nobody is on V2 by it, and the operator is told."""
    switch(flag, "enabled")
    assert enabled(flag, people.rosa)
    assert flag.execute("select messaging.rollout_problem()") == [(None,)]
    flag.execute(GUARDS_OFF)
    flag.execute(breakage)
    assert not enabled(flag, people.rosa)
    ((problem,),) = flag.execute("select messaging.rollout_problem()")
    assert problem.startswith("the flag ")


@pytest.mark.parametrize("breakage", ["no row", "unknown strategy", "percentage beyond 100"])
def test_setting_the_flag_heals_it(flag: TestDatabase, breakage: str) -> None:
    """An invalid flag is mended by saying what it has to be."""
    flag.execute(GUARDS_OFF)
    flag.execute(INVALID[breakage])
    assert switch(flag, "disabled")["problem"] is None
    assert flag.execute("select strategy, percentage from messaging.rollout") == [("disabled", 0)]


@pytest.mark.parametrize(
    "statement",
    [
        "update messaging.rollout_history set reason = 'another'",
        "update messaging.rollout_history set reason = 'another' where false",
        "delete from messaging.rollout_history",
        "truncate messaging.rollout_history",
        "delete from messaging.rollout",
        "truncate messaging.rollout",
    ],
)
@pytest.mark.parametrize("superuser", [False, True])
def test_history_only_grows(flag: TestDatabase, statement: str, superuser: bool) -> None:
    """Neither the owner nor a superuser rewrites the history or deletes the flag by mistake."""
    connection = flag.connect(superuser=superuser)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as caught:
        connection.execute(statement)
    assert "set_rollout" in (caught.value.diag.message_hint or "")
    assert flag.execute("select count(*) from messaging.rollout_history") == [(1,)]


def test_history_says_who_when_what_and_why(flag: TestDatabase) -> None:
    """Each change is in the history, and in its answer, the newest one first."""
    flag.execute("select messaging.set_rollout('internal', null, ' we try it ', 'Ada <ada@x.org>')")
    ((answer,),) = flag.execute("select messaging.set_rollout('percentage', 10, 'a good week')")
    assert (answer["strategy"], answer["percentage"]) == ("percentage", 10)
    assert flag.execute(
        "select old_strategy, old_percentage, new_strategy, new_percentage, reason, changed_by"
        " from messaging.rollout_history order by id offset 1"
    ) == [
        ("disabled", 0, "internal", 0, "we try it", "Ada <ada@x.org>"),
        ("internal", 0, "percentage", 10, "a good week", flag.server.migrating_role),
    ]
    assert flag.execute(
        "select count(*) from (select changed_at, lag(changed_at) over (order by id) as before"
        " from messaging.rollout_history) as step where before >= changed_at"
    ) == [(0,)]


def test_history_keeps_what_was_measured(flag: TestDatabase) -> None:
    """The figures of a change stay with it; a later change, by function or by hand, has its own."""
    figures = {"rule": "creation_success", "value": 0.79}
    flag.execute(
        "select messaging.set_rollout('internal', null, 'x', 'Ada', %s)", json.dumps(figures)
    )
    ((answer,),) = flag.execute("select messaging.rollout_status()")
    assert answer["figures"] == figures
    flag.execute("update messaging.rollout set strategy = 'enabled'")
    flag.execute("select messaging.set_rollout('disabled', null, 'x', p_figures => '[1]')")
    switch(flag, "internal")
    ((answer,),) = flag.execute("select messaging.rollout_status()")
    assert answer["figures"] is None
    assert [change["figures"] for change in answer["history"]] == [None, [1], None, figures, None]


def test_change_by_hand_is_in_the_history(flag: TestDatabase) -> None:
    """Whoever updates the row is named, and that no reason was given."""
    flag.execute("update messaging.rollout set strategy = 'enabled'")
    assert flag.execute(
        "select old_strategy, new_strategy, changed_by, reason"
        " from messaging.rollout_history order by id desc limit 1"
    ) == [
        ("disabled", "enabled", flag.server.migrating_role, "Changed by hand, without a reason"),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("most", None, "why"),
        (None, None, "why"),
        ("Enabled", None, "why"),
        ("percentage", None, "why"),
        ("percentage", 101, "why"),
        ("percentage", -1, "why"),
        ("enabled", 100, "why"),
        ("disabled", 0, "why"),
        ("enabled", None, None),
        ("enabled", None, " \u2003\n"),
        ("enabled", None, "x" * 1001),
    ],
)
def test_set_rollout_refuses(flag: TestDatabase, arguments: tuple[Any, ...]) -> None:
    """What is no strategy, no percentage or no reason changes nothing, and the hint says why."""
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        flag.execute("select messaging.set_rollout(%s, %s, %s)", *arguments)
    assert caught.value.diag.message_hint
    assert flag.execute("select count(*) from messaging.rollout_history") == [(1,)]


def test_changes_at_once_are_a_chain(flag: TestDatabase) -> None:
    """Of many changes at the same moment each goes on from where the one before it ended."""
    sessions = [flag.connect() for _ in range(16)]
    statement = "select messaging.set_rollout('percentage', %s, 'at once')"
    results = at_once(
        [
            partial(session.execute, statement, [number])
            for number, session in enumerate(sessions, start=1)
        ]
    )
    assert not [result for result in results if isinstance(result, Exception)]
    rows = flag.execute(
        "select old_percentage, new_percentage from messaging.rollout_history order by changed_at"
    )
    assert len(rows) == 17
    assert all(before[1] == after[0] for before, after in pairwise(rows))


def test_caller_is_told_of_himself_alone(flag: TestDatabase, people: People) -> None:
    """A signed-in user is told of himself, and of nobody else."""
    switch(flag, "enabled")
    ben = flag.as_role("authenticated", people.ben)
    assert asked_by(ben) is True
    assert asked_by(ben, people.ben) is True
    assert asked_by(ben, people.rosa) is False
    assert asked_by(ben, None) is False
    switch(flag, "disabled")
    assert asked_by(ben) is False


@pytest.mark.parametrize(
    "claims", ["", "{}", "null", '{"sub": null}', '{"sub": ""}', '{"sub": "somebody"}', '{"sub": ']
)
def test_stranger_is_told_no(flag: TestDatabase, people: People, claims: str) -> None:
    """Without sound claims the answer is no, and never an error."""
    switch(flag, "enabled")
    nobody = flag.as_role("authenticated", claims=claims)
    assert asked_by(nobody, people.ben) is False
    assert asked_by(nobody, None) is False


def test_service_is_told_of_everybody(flag: TestDatabase, people: People) -> None:
    """The service role asks for any user, with or without claims of its own."""
    switch(flag, "percentage", ROSA + 1)
    for connection in (flag.as_role("service_role"), flag.as_role("service_role", people.ben)):
        assert asked_by(connection, people.rosa) is True
        assert asked_by(connection, people.ben) is False
        assert asked_by(connection, None) is False


def test_claimed_service_role_is_none(flag: TestDatabase, people: People) -> None:
    """A token that says service_role is not one while the role of the request is another."""
    switch(flag, "enabled")
    pretender = flag.as_role("authenticated", claims={"role": "service_role"})
    assert asked_by(pretender, people.rosa) is False


@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize(
    "statement",
    [
        "select messaging.set_rollout('enabled', null, 'mine')",
        "select messaging.rollout_status()",
        "select messaging.add_internal_tester('3e334e85-9879-af25-6d38-27d651b7804a')",
        "select messaging.is_v2_enabled('3e334e85-9879-af25-6d38-27d651b7804a')",
        "select strategy from messaging.rollout",
    ],
)
def test_internals_are_closed(
    flag: TestDatabase, people: People, role: str, statement: str
) -> None:
    """Users and visitors reach nothing of the flag but the one function."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        flag.as_role(role, people.mei).execute(statement)


def test_visitor_may_not_ask(flag: TestDatabase, people: People) -> None:
    """Who is not signed in has no use for the flag."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        asked_by(flag.as_role("anon"), people.rosa)


def test_service_role_operates_through_functions_alone(flag: TestDatabase, people: People) -> None:
    """The service role sets the flag and the testers, and touches no table."""
    service = flag.as_role("service_role")
    service.execute("select messaging.set_rollout('internal', null, 'the team tries it')")
    service.execute("select messaging.add_internal_tester(%s, 'on two phones')", [people.ben])
    row = service.execute("select messaging.rollout_status()").fetchone()
    assert row is not None
    assert row[0]["strategy"] == "internal"
    assert [tester["note"] for tester in row[0]["testers"]] == ["on two phones"]
    assert [change["new_strategy"] for change in row[0]["history"]] == ["internal", "disabled"]
    for statement in (
        "update messaging.rollout set strategy = 'enabled'",
        "insert into messaging.internal_testers (user_id) values (gen_random_uuid())",
        "select * from messaging.rollout_history",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute(statement)


def test_conversations_stay_whatever_the_flag_says(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """What began in V2 is read and written there after V2 was switched off."""
    switch(migrated, "enabled")
    switch(migrated, "disabled")
    assert call(people.rosa, "send_message_v2", conversation, people.rosa, "Thanks")["success"]
    assert call(people.ben, "get_conversation_v2", conversation, people.ben)["success"]


def test_revert_takes_its_own_row_along(flag: TestDatabase, plan: Plan) -> None:
    """A flag that nobody touched is no loss."""
    plan.revert(plan.through("rollout") - 1)
    assert flag.execute("select to_regclass('messaging.rollout')") == [(None,)]


@pytest.mark.parametrize(
    ("statement", "loss"),
    [
        ("select messaging.set_rollout('disabled', null, 'x')", "rollout_history (1 rows)"),
        ("update messaging.rollout set percentage = 5", "rollout_history (1 rows)"),
        (
            "select messaging.add_internal_tester(id) from auth.users limit 1",
            "internal_testers (1 rows)",
        ),
    ],
)
def test_revert_refuses_to_lose_decisions(
    flag: TestDatabase, plan: Plan, statement: str, loss: str
) -> None:
    """What people decided stays until somebody allows the loss."""
    flag.execute(statement)
    before = plan.through("rollout") - 1
    with pytest.raises(psycopg.errors.ObjectInUse, match="would lose") as caught:
        plan.revert(before)
    assert f"messaging.{loss}" in (caught.value.diag.message_primary or "")
    plan.revert(before, carecli__allow_data_loss="on")


BREAKAGES = {
    "another hash": """
        create or replace function messaging.rollout_bucket(p_user_id uuid) returns integer
        language sql immutable strict as 'select abs(hashtext($1::text)) %% 100'
    """,
    "always on": """
        create or replace function messaging.is_v2_enabled(p_user_id uuid) returns boolean
        language sql as 'select true'
    """,
    "no history": "drop trigger rollout_keep_history on messaging.rollout",
    "figures lost": """
        do $do$
        begin
            execute replace(
                pg_get_functiondef('messaging.keep_rollout_history()'::regprocedure),
                'new.figures', 'null'
            );
        end $do$
    """,
    "history open": "drop trigger rollout_history_refuse_loss on messaging.rollout_history",
    "guard asleep": "alter table messaging.rollout disable trigger rollout_refuse_loss",
    "guard without truncate": """
        drop trigger rollout_refuse_loss on messaging.rollout;
        create trigger rollout_refuse_loss before delete on messaging.rollout
            for each statement execute function messaging.refuse_rollout_loss()
    """,
    "any strategy": "alter table messaging.rollout drop constraint rollout_strategy_known",
    "any percentage": "alter table messaging.rollout drop constraint rollout_percentage_range",
    "of anybody": """
        create or replace function public.is_messaging_v2_enabled(
            p_user_id uuid default auth.uid()
        ) returns boolean language sql security definer set search_path = ''
        as 'select messaging.is_v2_enabled(p_user_id)'
    """,
    "set by users": """
        grant execute on function messaging.set_rollout(text, integer, text, text, jsonb)
            to authenticated
    """,
    "history for the service": "grant select on messaging.rollout_history to service_role",
    "asked by visitors": "grant execute on function public.is_messaging_v2_enabled(uuid) to anon",
    "not asked by users": """
        revoke execute on function public.is_messaging_v2_enabled(uuid) from authenticated
    """,
    "of the invoker": "alter function public.is_messaging_v2_enabled(uuid) security invoker",
    "search path open": "alter function messaging.rollout_status(integer) reset search_path",
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_verify_goes_red(flag: TestDatabase, plan: Plan, breakage: str) -> None:
    """The verify script passes, and fails once something is broken."""
    assert_verify_goes_red(
        flag, partial(plan.run, "verify", "rollout"), breakage.replace("%%", "%")
    )


def test_verify_leaves_the_flag_alone(flag: TestDatabase, plan: Plan) -> None:
    """A live flag and its testers are as before."""
    switch(flag, "percentage", 10)
    flag.execute("select messaging.add_internal_tester(id) from auth.users limit 1")
    before = flag.execute("select messaging.rollout_status()")
    plan.run("verify", "rollout")
    assert flag.execute("select messaging.rollout_status()") == before
