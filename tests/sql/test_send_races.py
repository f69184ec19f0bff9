"""send_message under faults and many sessions at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, invoke
from tests.plugins.routes import (
    begin_v2,
    reasons,
    refused,
    remembered,
    written,
)
from tests.plugins.sessions import at_once, in_background, until_waiting
from tests.plugins.v1 import FirstSystem

FUNCTION = "send_message"
SESSIONS = 64


# Faults ------------------------------------------------------------------------------------------


def test_unexpected_error_undoes_everything_and_shows_nothing(
    migrated: TestDatabase, call: Call, people: People, version: str, talk: UUID
) -> None:
    """A fault after the message takes the message back; its words are in the log alone."""
    migrated.execute("alter table messaging.client_messages add column surprise int not null")
    answer = call(people.ben, FUNCTION, talk, "hello", uuid4())
    assert refused(answer) == ("server_error", 500, "Failed to send message")
    assert answer["details"] == {"reason": "unexpected"}
    assert written(migrated, version) == []
    ((event, sqlstate, message),) = migrated.execute(
        "select event, sqlstate, error_message from messaging.rpc_events"
    )
    assert (event, sqlstate) == ("server_error", "23502")
    assert "surprise" in message


def test_race_beyond_read_committed_is_the_callers_to_repeat(
    migrated: TestDatabase, people: People, version: str, talk: UUID
) -> None:
    """A repeat that cannot see the first message says that it has to be tried again."""
    first = migrated.as_role("authenticated", people.ben)
    second = migrated.as_role("authenticated", people.ben)
    key = uuid4()
    second.execute("begin isolation level repeatable read")
    second.execute("select count(*) from public.conversations_v2")
    assert invoke(first, FUNCTION, talk, "hello", key)["success"] is True
    with pytest.raises(psycopg.errors.SerializationFailure):
        invoke(second, FUNCTION, talk, "hello", key)
    second.execute("rollback")
    assert len(written(migrated, version)) == 1


# Many at once ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_64_sessions_repeat_one_id(
    migrated: TestDatabase, people: People, version: str, talk: UUID
) -> None:
    """One message is written, and each of the 64 calls answers it."""
    key = uuid4()
    sessions = [migrated.as_role("authenticated", people.ben) for _ in range(SESSIONS)]
    answers = at_once(
        [partial(invoke, session, FUNCTION, talk, "hello", key) for session in sessions]
    )
    assert reasons(answers) == {"success": SESSIONS}
    assert len({answer["message_id"] for answer in answers}) == 1
    assert written(migrated, version) == [(people.ben, "hello")]
    assert remembered(migrated) == 1


@pytest.mark.slow
def test_64_sessions_of_two_people_repeat_eight_ids(
    migrated: TestDatabase, people: People, version: str, talk: UUID
) -> None:
    """Two people who write and repeat at once lose nothing, repeat nothing, do not deadlock."""
    keys = [uuid4() for _ in range(8)]
    actions = [
        partial(
            invoke,
            migrated.as_role("authenticated", (people.ben, people.rosa)[number % 2]),
            FUNCTION,
            talk,
            "hello",
            keys[number // 2 % 8],
        )
        for number in range(SESSIONS)
    ]
    answers = at_once(actions)
    assert reasons(answers) == {"success": SESSIONS}
    assert len({answer["message_id"] for answer in answers}) == 16
    assert len(written(migrated, version)) == 16


@pytest.mark.slow
def test_64_sessions_write_while_the_conversation_is_blocked(
    migrated: TestDatabase, people: People, mended: FirstSystem
) -> None:
    """Each message is in before the block or refused; none is lost."""
    talk = begin_v2(migrated, people.open_request, people.ben, people.rosa)
    actions: list[Callable[[], Any]] = [
        partial(
            invoke,
            migrated.as_role("authenticated", (people.ben, people.rosa)[number % 2]),
            FUNCTION,
            talk,
            f"hello {number}",
            uuid4(),
        )
        for number in range(SESSIONS - 1)
    ]
    rosa = migrated.as_role("authenticated", people.rosa)

    def block() -> dict[str, Any]:
        rosa.execute("update public.conversations_v2 set status = 'blocked'")
        return {"details": {"reason": "blocked"}}

    actions.insert(SESSIONS // 2, block)
    found = reasons(at_once(actions))
    assert found.pop("blocked") == 1
    assert set(found) <= {"success", "conversation_not_active"}
    assert found.total() == SESSIONS - 1
    assert len(written(migrated, "v2")) == found["success"]
    assert remembered(migrated) == found["success"]


def test_message_that_meets_a_block_waits_for_it(
    migrated: TestDatabase, people: People, mended: FirstSystem
) -> None:
    """Who blocks first is not written to afterwards."""
    talk = begin_v2(migrated, people.open_request, people.ben, people.rosa)
    rosa = migrated.as_role("authenticated", people.rosa)
    ben = migrated.as_role("authenticated", people.ben)
    with rosa.transaction():
        rosa.execute("update public.conversations_v2 set status = 'blocked'")
        thread, results = in_background(lambda: invoke(ben, FUNCTION, talk, "hello", uuid4()))
        until_waiting(migrated, ben)
    thread.join()
    assert [answer["details"]["reason"] for answer in results] == ["conversation_not_active"]
    assert (written(migrated, "v2"), remembered(migrated)) == ([], 0)


@pytest.mark.slow
def test_limit_is_exact_for_64_sessions(
    migrated: TestDatabase, people: People, version: str, talk: UUID
) -> None:
    """Fifty of 64 messages of one minute are written, in either system."""
    sessions = [migrated.as_role("authenticated", people.ben) for _ in range(SESSIONS)]
    answers = at_once(
        [partial(invoke, session, FUNCTION, talk, "hello", uuid4()) for session in sessions]
    )
    assert reasons(answers) == {"success": 50, "too_many_in_period": SESSIONS - 50}
    assert len(written(migrated, version)) == 50
