"""What was made by hand gets the shape of the plan; what has it stays as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from carecli.resources import data_directory
from tests.plugins.databases import TestDatabase
from tests.plugins.handmade import HANDMADE, MakeByHand, catalogue_of, offer
from tests.plugins.messaging import People, Plan

MEND = "mend_handmade_schema"
SINCE = datetime(2025, 10, 30, 12, tzinfo=UTC)
LEFT = {
    "base": {"routine bump_v2()", "routine touch_v2()"},
    "published fix": {"routine bump_v2()", "routine touch_v2()"},
    "rough": {"column conversations_v2.mood", "constraint conversations_v2_mood_check"},
}
FILES = """
select relation::regclass::text, pg_relation_filenode(relation::regclass)
from unnest(array['public.conversations_v2', 'public.messages_v2',
    'public.conversation_reads_v2', 'public.conversations_v2_pkey']) as relation
"""


@pytest.fixture
def mended(plan: Plan) -> Plan:
    """Give the plan with whatever stands in its way; `run` mends it."""
    plan.deployed = plan.through("fix_v2_security_definer_auth@v0.1.0")
    return plan


def mend(plan: Plan) -> None:
    plan.deploy(plan.through(MEND))


def test_sound_schema_stays_as_it_is(database: TestDatabase, plan: Plan, people: People) -> None:
    """Nothing in the catalogue is another, no table is written anew, no notice is given."""
    plan.deploy(plan.through(MEND) - 1)
    offer(database, people)
    before = catalogue_of(database), database.execute(FILES)
    plan.notices.clear()
    mend(plan)
    assert (catalogue_of(database), database.execute(FILES)) == before
    assert plan.notices == []


@pytest.mark.parametrize("kind", HANDMADE)
def test_shape_is_that_of_the_plan(
    kind: str, make_by_hand: MakeByHand, mended: Plan, migrated: TestDatabase
) -> None:
    """But for what the plan does not know, catalogues are equal, then and at the plan's end."""
    database = make_by_hand(kind)
    mend(mended)
    mended.verify()
    mended.run("verify", "messaging_system_v2_atomic@v0.1.0")
    mended.run("verify", "fix_v2_security_definer_auth@v0.1.0")
    mended.deploy()
    mended.verify()
    different = catalogue_of(database) ^ catalogue_of(migrated)
    assert {line for line in different if not line.startswith(tuple(LEFT[kind]))} == set()


def test_status_and_times_of_rows(make_by_hand: MakeByHand, mended: Plan, people: People) -> None:
    """Each old status has its new one, each missing time comes from another one of the row."""
    database = make_by_hand("base")
    expected = {}
    for status, now in {
        "pending": "active", "active": "active", "accepted": "active",
        "rejected": "closed", "closed": "closed",
    }.items():  # fmt: skip
        helper = database.execute("insert into auth.users values (gen_random_uuid()) returning id")
        key = offer(database, people, helper_id=helper[0][0], status=status, created_at=SINCE)
        expected[key] = now
    database.execute("alter table conversations_v2 disable trigger user")
    database.execute(
        "update conversations_v2 set created_at = null, updated_at = %s, last_message_at = null",
        SINCE,
    )
    database.execute(
        "insert into messages_v2 (conversation_id, sender_id, content, created_at, updated_at)"
        " select id, requester_id, 'thanks', %s::timestamptz + interval '1 day', null"
        " from conversations_v2",
        SINCE,
    )
    database.execute("update conversations_v2 set last_message_at = null, updated_at = %s", SINCE)
    mend(mended)
    found = database.execute("select id::text, status from conversations_v2")
    assert dict(found) == expected
    assert database.execute(
        "select distinct created_at, updated_at, last_message_at - created_at, origin"
        " from conversations_v2"
    ) == [(SINCE, SINCE, SINCE.replace(day=31) - SINCE, "v2")]
    assert database.execute("select distinct updated_at - created_at = '0' from messages_v2") == [
        (True,)
    ]


def test_times_without_a_zone_are_utc(
    make_by_hand: MakeByHand, mended: Plan, people: People
) -> None:
    """A time that does not say where is taken for UTC, whatever the session's zone is."""
    database = make_by_hand("rough")
    offer(database, people, requester_id=None, mood="good", created_at=SINCE.replace(tzinfo=None))
    mended.run("deploy", MEND, TimeZone="Asia/Tokyo")
    assert database.execute(
        "select created_at, updated_at, requester_id, status, mood from conversations_v2"
    ) == [(SINCE, SINCE, people.rosa, "active", "good")]


REFUSED: dict[str, dict[str, Any]] = {
    "an initial_message that has not 10": {"initial_message": "too short"},
    "one person on both sides": {"requester_id": People.ben},
    "no help request": {"help_request_id": People.nobody},
    "a status that is none of": {"status": "dreaming"},
    "no helper": {"helper_id": None},
    "the request and the helper of another row": {},
}


def test_rows_that_do_not_fit_are_named(
    make_by_hand: MakeByHand, mended: Plan, people: People
) -> None:
    """The message names each rule with its rows, and nothing at all is changed."""
    database = make_by_hand("rough")
    database.execute("alter table conversations_v2 add column requester_id uuid")
    keys = {
        rule: offer(database, people, **{"mood": "good", **values})
        for rule, values in REFUSED.items()
    }
    before = catalogue_of(database)
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        mend(mended)
    lines = (caught.value.diag.message_detail or "").splitlines()
    for rule, key in keys.items():
        assert any(rule in line and key in line for line in lines), rule
    assert catalogue_of(database) == before


def test_dependent_view_is_named(make_by_hand: MakeByHand, mended: Plan) -> None:
    """What the application has built on the old type is left to its owner, and named."""
    database = make_by_hand("base")
    database.execute(
        "create view open_ones as select id from conversations_v2 where status='active'"
    )
    before = catalogue_of(database)
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        mend(mended)
    assert "open_ones" in (caught.value.diag.message_detail or "")
    assert catalogue_of(database) == before


def test_type_in_use_is_kept(make_by_hand: MakeByHand, mended: Plan) -> None:
    """The enum goes with its last user, and stays while the application has one."""
    database = make_by_hand("base")
    database.execute("create table elsewhere (status conversation_status)")
    mend(mended)
    assert "type conversation_status" in catalogue_of(database)


def test_foreign_table_keeps_its_reference(make_by_hand: MakeByHand, mended: Plan) -> None:
    """A table of the application that refers to ours goes on doing so."""
    database = make_by_hand("base")
    database.execute("create table reports (message_id uuid references messages_v2 (id))")
    mend(mended)
    assert "constraint reports_message_id_fkey reportsFOREIGN KEY (message_id)" in " ".join(
        catalogue_of(database)
    )


def test_foreign_owner_is_named(make_by_hand: MakeByHand, mended: Plan) -> None:
    """Where the migrating role does not own what is to be mended, the remedy is told."""
    database = make_by_hand("base")
    database.connect(superuser=True).execute("alter table messages_v2 owner to supabase_admin")
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        mend(mended)
    assert "alter table public.messages_v2 owner to" in (caught.value.diag.message_detail or "")


def test_later_changes_are_not_put_back(deployed_plan: Plan, migrated: TestDatabase) -> None:
    """Where later changes are there, nothing is replaced by its first version."""
    before = catalogue_of(migrated)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        deployed_plan.run("deploy", MEND)
    assert catalogue_of(migrated) == before


@pytest.mark.parametrize("kind", HANDMADE)
def test_nobody_is_anybody_else_from_then_on(
    kind: str, make_by_hand: MakeByHand, mended: Plan, people: People
) -> None:
    """After the mending a stranger is turned away, also after it is reverted."""
    database = make_by_hand(kind)
    mend(mended)
    for turn in ("deployed", "reverted"):
        session = database.as_role("authenticated", people.mei)
        row = session.execute(
            "select public.create_conversation_atomic(%s, %s, 'I can help you')",
            [people.open_request, people.ben],
        ).fetchone()
        assert (turn, row and row[0]["error"]) == (turn, "permission_denied")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.as_role("anon").execute(
                "select public.get_conversation_v2(gen_random_uuid(), gen_random_uuid())"
            )
        if turn == "deployed":
            mended.revert(mended.through(MEND) - 1)


def test_revert_changes_nothing_and_says_so(make_by_hand: MakeByHand, mended: Plan) -> None:
    """Nothing brings back what was made by hand."""
    database = make_by_hand("base")
    mend(mended)
    before = catalogue_of(database)
    mended.notices.clear()
    mended.revert(mended.through(MEND) - 1)
    assert catalogue_of(database) == before
    assert ["stay in the shape of @v0.1.0" in text for text in mended.notices] == [True]


def test_adopt_scripts_name_what_they_are_for() -> None:
    """Each adopt script belongs to a verify script."""
    folder = data_directory("migrations")
    names = {path.name for path in (folder / "adopt").glob("*.sql")}
    assert names
    assert names - {path.name for path in Path(folder / "verify").glob("*.sql")} == set()
