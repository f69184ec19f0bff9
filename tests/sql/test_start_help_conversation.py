"""start_help_conversation: what it answers and writes, and one conversation a pair."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, Plan
from tests.plugins.routes import (
    events,
    request_status,
    row_counts,
    started,
)
from tests.plugins.v1 import FirstSystem, Rollout

FUNCTION = "start_help_conversation"
TEXT = "I can help you"


# What is answered and written --------------------------------------------------------------------


def test_answer_names_conversation_request_and_version(
    migrated: TestDatabase, call: Call, people: People, chosen: str
) -> None:
    """The answer is complete, the text stored trimmed, and the call is logged once."""
    answer = call(people.ben, FUNCTION, people.open_request, f" \u3000{TEXT}\n")
    conversation = UUID(answer.pop("conversation_id"))
    assert answer.pop("request_id").startswith("v2_")
    assert answer == {
        "success": True,
        "message": "Conversation created successfully",
        "help_request_id": str(people.open_request),
        "version": chosen,
        "http_status": 201,
    }
    assert started(migrated, chosen) == [(people.open_request, people.rosa, people.ben, TEXT)]
    assert events(migrated) == [
        (
            "startHelpConversation",
            "success",
            None,
            people.ben,
            conversation,
            people.open_request,
            chosen,
        )
    ]
    other = "v1" if chosen == "v2" else "v2"
    assert started(migrated, other) == []


def test_flag_chooses_by_the_bucket_of_the_user(
    call: Call, people: People, mended: FirstSystem, roll_out: Rollout
) -> None:
    """Ben is in bucket 30: 30 percent leave him on V1, 31 do not; Mei is in 23."""
    roll_out("percentage", 30)
    assert call(people.ben, FUNCTION, people.open_request, TEXT)["version"] == "v1"
    assert call(people.mei, FUNCTION, people.open_request, TEXT)["version"] == "v2"
    roll_out("percentage", 31)
    assert call(people.ben, FUNCTION, people.in_progress_request, TEXT)["version"] == "v2"


def test_first_conversation_brings_an_open_request_into_progress(
    migrated: TestDatabase, call: Call, people: People, chosen: str
) -> None:
    """open becomes in_progress, in_progress stays; the other requests are left alone."""
    before = migrated.execute("select id, status from public.help_requests order by id")
    for helper in (people.ben, people.mei):
        assert call(helper, FUNCTION, people.open_request, TEXT)["success"] is True
        assert request_status(migrated, people.open_request) == "in_progress"
    after = dict(migrated.execute("select id, status from public.help_requests"))
    assert {key for key, old in before if after[key] != old} == {people.open_request}
    assert len(started(migrated, chosen)) == 2


def test_request_that_was_opened_again_stays_open(
    migrated: TestDatabase, call: Call, people: People, chosen: str
) -> None:
    """It is the first conversation that changes the status, not the second."""
    call(people.ben, FUNCTION, people.open_request, TEXT)
    migrated.execute("update public.help_requests set status = 'open'")
    assert call(people.mei, FUNCTION, people.open_request, TEXT)["success"] is True
    assert request_status(migrated, people.open_request) == "open"


def test_first_conversation_is_the_first_of_both_systems(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem, roll_out: Rollout
) -> None:
    """After a conversation in V1 the one in V2 is the second, and the other way round."""
    mended.begin(people.open_request, people.ben, people.rosa, TEXT)
    roll_out("enabled")
    call(people.mei, FUNCTION, people.open_request, TEXT)
    assert request_status(migrated, people.open_request) == "open"

    call(people.ben, FUNCTION, people.request_of_mei, TEXT)
    migrated.execute("update public.help_requests set status = 'open'")
    roll_out("disabled")
    call(people.rosa, FUNCTION, people.request_of_mei, TEXT)
    assert request_status(migrated, people.request_of_mei) == "open"


def test_remains_of_failed_starts_are_no_conversation(
    migrated: TestDatabase, call: Call, people: People, chosen: str
) -> None:
    """What V1 left half done is in nobody's way, and does not count as the first answer."""
    migrated.execute(
        "insert into public.conversations (help_request_id, created_by) values (%s, %s)",
        people.open_request,
        people.ben,
    )
    assert call(people.ben, FUNCTION, people.open_request, TEXT)["success"] is True
    assert request_status(migrated, people.open_request) == "in_progress"
    assert len(started(migrated, chosen)) == 1


def test_status_may_be_an_enum(
    migrated: TestDatabase, call: Call, people: People, chosen: str
) -> None:
    """The route does not mind of which type the status is."""
    migrated.execute(
        """
        drop policy conversations_v2_insert_helper on public.conversations_v2;
        create type public.request_status as enum (
            'open', 'in_progress', 'completed', 'cancelled', 'closed'
        );
        alter table public.help_requests
            drop constraint help_requests_status_known,
            alter column status drop default,
            alter column status type public.request_status
                using status::public.request_status
        """
    )
    assert call(people.ben, FUNCTION, people.open_request, TEXT)["version"] == chosen
    assert request_status(migrated, people.open_request) == "in_progress"


# One conversation a helper and request -----------------------------------------------------------


@pytest.mark.parametrize("second", ["v1", "v2"])
def test_second_start_answers_the_conversation_of_either_system(
    migrated: TestDatabase,
    call: Call,
    people: People,
    chosen: str,
    second: str,
    roll_out: Rollout,
) -> None:
    """Wherever the first one is and wherever the flag now points, its id is answered."""
    first = call(people.ben, FUNCTION, people.open_request, TEXT)
    roll_out("enabled" if second == "v2" else "disabled")
    before = row_counts(migrated)
    answer = call(people.ben, FUNCTION, people.open_request, "I can still help you")
    answer.pop("request_id")
    assert answer == {
        "success": False,
        "error": "conversation_exists",
        "message": "Conversation already exists for this help request and helper",
        "http_status": 409,
        "conversation_id": first["conversation_id"],
        "version": chosen,
        "details": {
            "reason": "duplicate_conversation",
            "conversation_id": first["conversation_id"],
            "version": chosen,
        },
    }
    assert row_counts(migrated) == before


def test_conversation_of_another_helper_is_not_shown(
    migrated: TestDatabase, call: Call, people: People, chosen: str
) -> None:
    """Only the caller's own conversation is in the way."""
    first = call(people.ben, FUNCTION, people.open_request, TEXT)
    second = call(people.mei, FUNCTION, people.open_request, TEXT)
    assert second["success"] is True
    assert second["conversation_id"] != first["conversation_id"]


def test_who_left_a_v1_conversation_may_start_again(
    migrated: TestDatabase, call: Call, people: People, mended: FirstSystem, roll_out: Rollout
) -> None:
    """A conversation that the helper has left is not shown to him, and does not stop him."""
    mended.begin(people.open_request, people.ben, people.rosa, TEXT)
    migrated.execute(
        "update public.conversation_participants set left_at = now() where user_id = %s",
        people.ben,
    )
    roll_out("enabled")
    assert call(people.ben, FUNCTION, people.open_request, TEXT)["success"] is True


def test_moderator_of_a_v1_conversation_may_answer_the_request(
    call: Call, people: People, mended: FirstSystem, roll_out: Rollout
) -> None:
    """Who looks after a conversation of others has none of his own."""
    conversation = mended.begin(people.open_request, people.ben, people.rosa, TEXT)
    mended.join(conversation, people.mei, "moderator")
    roll_out("enabled")
    assert call(people.mei, FUNCTION, people.open_request, TEXT)["success"] is True


# The change itself -------------------------------------------------------------------------------


def test_revert_leaves_the_conversations(
    migrated: TestDatabase, call: Call, people: People, chosen: str, deployed_plan: Plan
) -> None:
    """The function goes, what it wrote stays, and the function can come back."""
    call(people.ben, FUNCTION, people.open_request, TEXT)
    deployed_plan.run("revert", FUNCTION)
    assert len(started(migrated, chosen)) == 1
    deployed_plan.run("deploy", FUNCTION)
    deployed_plan.run("verify", FUNCTION)
    answer = call(people.ben, FUNCTION, people.open_request, TEXT)
    assert answer["error"] == "conversation_exists"


@pytest.mark.parametrize(
    "breakage",
    [
        "grant execute on function public.start_help_conversation(uuid, text) to anon",
        "grant execute on function public.start_help_conversation(uuid, text) to public",
        "revoke execute on function public.start_help_conversation(uuid, text) from authenticated",
        "alter function public.start_help_conversation(uuid, text) security invoker",
        "alter function public.start_help_conversation(uuid, text) reset search_path",
        """
        grant execute on function messaging.start_help_conversation(uuid, uuid, text, text)
            to service_role
        """,
        """
        create or replace function messaging.admit_start(p_request_id text, p_user_id uuid)
        returns jsonb language sql as 'select null::jsonb'
        """,
        """
        create or replace function messaging.caller_id() returns uuid language sql
        as 'select gen_random_uuid()'
        """,
    ],
)
def test_verify_script_sees_what_is_broken(deployed_plan: Plan, breakage: str) -> None:
    """Green as deployed, red after each breakage."""
    deployed_plan.run("verify", FUNCTION)
    deployed_plan.database.execute(breakage)
    with pytest.raises(psycopg.errors.AssertFailure):
        deployed_plan.run("verify", FUNCTION)
