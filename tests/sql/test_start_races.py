"""start_help_conversation under faults and many sessions at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, invoke
from tests.plugins.routes import (
    events,
    reasons,
    refused,
    request_status,
    row_counts,
    started,
)
from tests.plugins.sessions import at_once, in_background, until_waiting
from tests.plugins.v1 import Rollout

FUNCTION = "start_help_conversation"
TEXT = "I can help you"
CLOSE = "update public.help_requests set status = 'closed' where id = %s"
SESSIONS = 64


# Faults ------------------------------------------------------------------------------------------


def test_unexpected_error_undoes_everything_and_shows_nothing(
    migrated: TestDatabase, call: Call, people: People, chosen: str
) -> None:
    """A trigger that raises takes the conversation back; its words are in the log alone."""
    migrated.execute(
        """
        create function public.complain() returns trigger language plpgsql as
            'begin raise exception ''the secret of %'', new.id using errcode = ''ZZ001''; end';
        create trigger complain before update on public.help_requests
            for each row execute function public.complain()
        """
    )
    before = row_counts(migrated)
    answer = call(people.ben, FUNCTION, people.open_request, TEXT)
    assert refused(answer) == ("server_error", 500, "Failed to create conversation")
    assert answer["details"] == {"reason": "unexpected"}
    assert row_counts(migrated) == before
    assert migrated.execute(
        "select event, error_code, sqlstate, error_message from messaging.rpc_events"
    ) == [("server_error", "server_error", "ZZ001", f"the secret of {people.open_request}")]


def test_rolled_back_call_leaves_nothing(
    migrated: TestDatabase, people: People, chosen: str
) -> None:
    """Neither conversation nor event survive the transaction of the caller."""
    session = migrated.as_role("authenticated", people.ben)
    before = row_counts(migrated)
    with session.transaction(force_rollback=True):
        assert invoke(session, FUNCTION, people.open_request, TEXT)["success"] is True
    assert row_counts(migrated) == before
    assert events(migrated) == []
    assert request_status(migrated, people.open_request) == "open"


def test_race_beyond_read_committed_is_the_callers_to_repeat(
    migrated: TestDatabase, people: People, chosen: str
) -> None:
    """Where only the whole transaction can be tried again, the error says so and is no answer."""
    ben = migrated.as_role("authenticated", people.ben)
    mei = migrated.as_role("authenticated", people.mei)
    ben.execute("begin isolation level repeatable read")
    ben.execute("select count(*) from public.help_requests")
    invoke(mei, FUNCTION, people.open_request, TEXT)
    with pytest.raises(psycopg.errors.SerializationFailure):
        invoke(ben, FUNCTION, people.open_request, TEXT)


# Many at once ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_64_sessions_create_one_conversation(
    migrated: TestDatabase, people: People, chosen: str
) -> None:
    """One of 64 equal calls succeeds, 63 answer conversation_exists with its id."""
    sessions = [migrated.as_role("authenticated", people.ben) for _ in range(SESSIONS)]
    answers = at_once(
        [partial(invoke, session, FUNCTION, people.open_request, TEXT) for session in sessions]
    )
    assert reasons(answers) == {"success": 1, "duplicate_conversation": SESSIONS - 1}
    assert len({answer["conversation_id"] for answer in answers}) == 1
    assert len(started(migrated, chosen)) == 1
    assert len(events(migrated)) == SESSIONS


@pytest.mark.slow
def test_64_sessions_of_both_functions_create_one_conversation(
    migrated: TestDatabase, people: People, roll_out: Rollout
) -> None:
    """The route and the function below it meet in the same lock and the same key."""
    roll_out("enabled")
    actions: list[Callable[[], Any]] = []
    for number in range(SESSIONS):
        session = migrated.as_role("authenticated", people.ben)
        call = (FUNCTION, people.open_request, TEXT)
        atomic = ("create_conversation_atomic", people.open_request, people.ben, TEXT)
        actions.append(partial(invoke, session, *(atomic if number % 2 else call)))
    answers = at_once(actions)
    assert reasons(answers) == {"success": 1, "duplicate_conversation": SESSIONS - 1}
    assert len(started(migrated, "v2")) == 1


@pytest.mark.slow
def test_64_helpers_answer_one_open_request(
    migrated: TestDatabase,
    people: People,
    chosen: str,
    helpers: Callable[[int], list[UUID]],
) -> None:
    """All of them get a conversation; the request is in progress; nothing deadlocks."""
    sessions = [migrated.as_role("authenticated", helper) for helper in helpers(SESSIONS)]
    answers = at_once(
        [partial(invoke, session, FUNCTION, people.open_request, TEXT) for session in sessions]
    )
    assert reasons(answers) == {"success": SESSIONS}
    assert len({row[2] for row in started(migrated, chosen)}) == SESSIONS
    assert request_status(migrated, people.open_request) == "in_progress"


@pytest.mark.slow
def test_64_sessions_answer_while_the_owner_closes(
    migrated: TestDatabase,
    people: People,
    chosen: str,
    helpers: Callable[[int], list[UUID]],
) -> None:
    """Each is in before the closing or told that it is closed; closed it stays."""
    sessions = [migrated.as_role("authenticated", helper) for helper in helpers(SESSIONS - 1)]
    owner = migrated.as_role("authenticated", people.rosa)
    actions: list[Callable[[], Any]] = [
        partial(invoke, session, FUNCTION, people.open_request, TEXT) for session in sessions
    ]

    def close() -> dict[str, Any]:
        owner.execute(CLOSE, [people.open_request])
        return {"details": {"reason": "closed"}}

    actions.insert(SESSIONS // 2, close)
    found = reasons(at_once(actions))
    assert found.pop("closed") == 1
    assert set(found) <= {"success", "help_request_closed"}
    assert found.total() == SESSIONS - 1
    assert len(started(migrated, chosen)) == found["success"]
    assert request_status(migrated, people.open_request) == "closed"


def test_request_closed_first_takes_no_offer(
    migrated: TestDatabase, people: People, chosen: str
) -> None:
    """A start that meets an uncommitted closing waits for it and is then refused."""
    owner = migrated.as_role("authenticated", people.rosa)
    helper = migrated.as_role("authenticated", people.ben)
    with owner.transaction():
        owner.execute(CLOSE, [people.open_request])
        thread, results = in_background(lambda: invoke(helper, FUNCTION, people.open_request, TEXT))
        until_waiting(migrated, helper)
    thread.join()
    assert [answer["error"] for answer in results] == ["help_request_unavailable"]
    assert started(migrated, chosen) == []
    assert request_status(migrated, people.open_request) == "closed"


def test_request_answered_first_is_closed_afterwards(
    migrated: TestDatabase, people: People, chosen: str
) -> None:
    """A closing that meets an uncommitted start waits, and is the last word."""
    owner = migrated.as_role("authenticated", people.rosa)
    helper = migrated.as_role("authenticated", people.ben)
    with helper.transaction():
        assert invoke(helper, FUNCTION, people.open_request, TEXT)["success"] is True
        thread, results = in_background(
            lambda: owner.execute(CLOSE, [people.open_request]).rowcount
        )
        until_waiting(migrated, owner)
    thread.join()
    assert results == [1]
    assert request_status(migrated, people.open_request) == "closed"
