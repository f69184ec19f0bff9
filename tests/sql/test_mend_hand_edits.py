"""What was edited by hand gets the shape of the plan again; what was not stays as it is."""

from __future__ import annotations

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.handmade import FOLDER, catalogue_of, offer
from tests.plugins.messaging import People, Plan

MEND = "mend_hand_edits"
FILES = """
select relname, relfilenode from pg_class
where relnamespace::regnamespace::text in ('public', 'messaging') order by relname
"""


@pytest.fixture
def whole(database: TestDatabase, plan: Plan) -> Plan:
    """Give the plan for a database with all of it but for the mending change and what follows."""
    plan.deploy(plan.through(MEND) - 1)
    plan.notices.clear()
    return plan


def test_sound_schema_stays_as_it_is(whole: Plan, people: People) -> None:
    """Nothing in the catalogue is another, no table is written anew, no notice is given.

    Where this fails after a change to one of the three functions of
    fix_v2_security_definer_auth, change it in mend_hand_edits as well.
    """
    database = whole.database
    offer(database, people)
    before = catalogue_of(database), database.execute(FILES)
    whole.deploy(whole.through(MEND))
    assert (catalogue_of(database), database.execute(FILES)) == before
    assert whole.notices == []


def test_edits_are_undone_and_named(whole: Plan) -> None:
    """After it the catalogue is that from before the edits; what was dropped is in the notices."""
    database = whole.database
    before = catalogue_of(database)
    database.execute((FOLDER / "edits.sql").read_text())
    assert catalogue_of(database) != before
    whole.deploy(whole.through(MEND))
    assert catalogue_of(database) ^ before == set()
    assert "drop policy everybody on public.conversations_v2" in whole.notices


def test_functions_of_the_application_are_left_alone(whole: Plan) -> None:
    """A function that has only its name in common with one of ours is not ours."""
    database = whole.database
    database.execute(
        "create function send_message(text) returns text language sql return $1;"
        "create function get_messages() returns text language sql return 'none'"
    )
    before = catalogue_of(database)
    whole.deploy(whole.through(MEND))
    assert catalogue_of(database) == before


def test_rows_that_do_not_fit_are_named(whole: Plan, people: People) -> None:
    """Rows that came in while a rule was gone are named, and nothing is changed."""
    database = whole.database
    database.execute("alter table conversations_v2 drop constraint conversations_v2_two_people")
    key = offer(database, people, requester_id=people.ben)
    before = catalogue_of(database)
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        whole.deploy(whole.through(MEND))
    assert key in (caught.value.diag.message_detail or "")
    assert catalogue_of(database) == before


def test_revert_changes_nothing(whole: Plan) -> None:
    """Nothing brings the edits back."""
    whole.deploy(whole.through(MEND))
    before = catalogue_of(whole.database)
    whole.revert(whole.through(MEND) - 1)
    assert catalogue_of(whole.database) == before


@pytest.mark.parametrize(
    "mutation",
    [
        "grant execute on function public.get_messages(uuid, text, integer, text) to anon",
        "grant execute on function public.send_message(uuid, text, uuid) to public",
        "grant execute on function messaging.send_message(uuid, uuid, text, text) to authenticated",
        "revoke execute on function public.list_error_codes() from authenticated",
        "alter function public.list_conversations(integer, integer) reset search_path",
        "alter function messaging.trim_whitespace(text) reset search_path",
        "alter function public.mark_conversation_read_v2(uuid, uuid) security invoker",
    ],
)
def test_verify_goes_red(deployed_plan: Plan, migrated: TestDatabase, mutation: str) -> None:
    """Green, one function opened, red."""
    deployed_plan.run("verify", MEND)
    migrated.execute(mutation)
    with pytest.raises(psycopg.errors.AssertFailure):
        deployed_plan.run("verify", MEND)
