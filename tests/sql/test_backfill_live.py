"""The backfill goes on in batches beside live traffic, one at a time, for operators only."""

from __future__ import annotations

import threading
from collections import Counter
from uuid import UUID

import psycopg
import pytest

from tests.plugins.backfill import (
    CONVERSATIONS,
    V1,
    backfill,
    copied,
    findings,
)
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People, Plan, invoke

SESSIONS = 64


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_batches_of_any_size_copy_the_same(
    migrated: TestDatabase, people: People, v1: V1, limit: int
) -> None:
    """A conversation larger than a batch is taken in pieces, times that are equal included."""
    requests = (people.open_request, people.in_progress_request, people.completed_request)
    for number, request in enumerate(requests):
        key = v1.conversation(request=request)
        for message in range(5 * number):
            v1.message(key, people.ben, f"Message number {message}", after=message // 3)
    assert backfill(migrated, limit)["messages"] == 15
    assert findings(migrated) == copied(3, 15)
    assert migrated.execute("select count(*) from public.messages_v2") == [(13,)]
    # Nothing was read in V1, so everything of Ben is unread to Rosa: but of the placeholder.
    assert migrated.execute(
        "select count(*) from conversation_reads_v2 where user_id = %s", people.rosa
    ) == [(1,)]


def test_only_operators_may_copy(migrated: TestDatabase, people: People) -> None:
    """Neither anon nor a signed-in user may call any of it."""
    for role in ("anon", "authenticated"):
        session = migrated.as_role(role, people.rosa)
        for function in ("backfill_conversations", "backfill_progress", "reconcile_backfill"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"select messaging.{function}()".encode())


def test_second_backfill_is_turned_away(migrated: TestDatabase) -> None:
    """Two at once would only wait for each other."""
    with migrated.connect() as first, first.transaction():
        first.execute("select messaging.backfill_conversations()")
        with pytest.raises(psycopg.errors.ObjectInUse, match="another backfill is running"):
            migrated.execute("select messaging.backfill_conversations()")


def test_without_v1_there_is_nothing_to_copy(migrated: TestDatabase) -> None:
    """Where the V1 tables were dropped every function answers, and finds nothing."""
    migrated.execute(
        "drop table public.messages, public.conversation_participants, public.conversations cascade"
    )
    assert backfill(migrated)["examined"] == 0
    assert findings(migrated) == {}
    Plan(migrated).run("verify", "v1_backfill")


def test_batch_does_not_wait_for_long(migrated: TestDatabase, people: People, v1: V1) -> None:
    """Beside a request that is being deleted a batch gives up, and can pass it over."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you")
    with migrated.connect() as other, other.transaction(force_rollback=True):
        other.execute(
            "select from public.help_requests where id = %s for update", [people.open_request]
        )
        with pytest.raises(psycopg.errors.LockNotAvailable):
            migrated.execute("select messaging.backfill_conversations()")
        migrated.execute("select messaging.backfill_conversations(1, true)")
    assert migrated.execute("select (messaging.backfill_conversations()) ->> 'done'") == [("true",)]
    assert backfill(migrated)["messages"] == 1


def test_revert_refuses_to_lose_the_notes(
    deployed_plan: Plan, migrated: TestDatabase, people: People, v1: V1
) -> None:
    """The notes tell later runs what was copied; without any the change goes without a word."""
    before = deployed_plan.changes.index("v1_backfill")
    deployed_plan.revert(before)
    deployed_plan.deploy()
    v1.conversation(request=people.open_request)
    backfill(migrated)
    with pytest.raises(psycopg.errors.ObjectInUse, match=r"v1_backfill_conversations \(1 rows\)"):
        deployed_plan.run("revert", "v1_backfill")
    deployed_plan.run("revert", "v1_backfill", carecli__allow_data_loss="on")
    assert len(migrated.execute(CONVERSATIONS)) == 1


def test_beside_live_traffic_nothing_is_lost(
    migrated: TestDatabase, people: People, v1: V1
) -> None:
    """64 sessions start, answer and write into V1 and V2 while it runs: no error, no loss."""
    helpers = [UUID(int=number) for number in range(1, SESSIONS + 1)]
    keys = []
    for helper in helpers:
        migrated.execute("insert into auth.users (id) values (%s)", helper)
        migrated.execute(
            "insert into public.profiles (id, name, verification_status, email_confirmed)"
            " values (%s, 'Helper', 'approved', true)",
            helper,
        )
        key = v1.conversation(request=people.open_request, people=(people.rosa, helper))
        keys.append(key)
        for number in range(5):
            v1.message(key, helper, f"I can help you, number {number}", after=number)
    stop = threading.Event()
    outcomes: Counter[str] = Counter()
    faults: list[Exception] = []

    def live(number: int, session: psycopg.Connection, owner: psycopg.Connection) -> None:
        helper, key, turn = helpers[number], keys[number], 0
        try:
            while turn < 3 or (turn < 20 and not stop.is_set()):
                turn += 1
                # The same pair in V2, one of the two being first; a message into whatever is there.
                for answer in (
                    invoke(session, "create_conversation_atomic", people.open_request, helper,
                           "I can help you, in V2"),
                    invoke(session, "send_message_v2", key, helper, f"V2 {turn}"),
                ):  # fmt: skip
                    outcomes[answer.get("error", "success")] += 1
                owner.execute(
                    "insert into public.messages (conversation_id, sender_id, recipient_id,"
                    " content) values (%s, %s, %s, %s)",
                    [key, helper, people.rosa, f"V1 {turn}"],
                )
        except Exception as error:
            faults.append(error)

    threads = [
        threading.Thread(
            target=live,
            args=(number, migrated.as_role("authenticated", helpers[number]), migrated.connect()),
        )
        for number in range(SESSIONS)
    ]
    for thread in threads:
        thread.start()
    session = migrated.connect()
    try:
        for _ in range(2):
            while True:
                try:
                    row = session.execute("select messaging.backfill_conversations(50)").fetchone()
                except psycopg.errors.LockNotAvailable:
                    continue  # rolled back, as it has to be where it would have to wait
                assert row is not None
                if row[0]["done"]:
                    break
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []
    assert outcomes["server_error"] == 0
    backfill(migrated)
    found = findings(migrated)
    assert found["conversation", "copied", None] + found[
        "conversation", "skipped", "pair_has_conversation"
    ] == len(keys)
    assert {outcome for _, outcome, _ in found} <= {"copied", "skipped"}


def test_what_is_written_into_a_large_conversation_meanwhile_is_for_the_next_pass(
    migrated: TestDatabase, people: People, v1: V1
) -> None:
    """Two people who write faster than it copies do not keep a pass from its end."""
    key = v1.conversation(request=people.open_request)
    for number in range(12):
        v1.message(key, people.ben, f"Message number {number}", after=number)
    session = migrated.as_role("service_role")
    write = (
        "insert into public.messages (conversation_id, sender_id, recipient_id, content)"
        " values (%s, %s, %s, 'meanwhile')"
    )
    done, batches = False, 0
    while not done and batches < 10:
        row = session.execute("select messaging.backfill_conversations(1)").fetchone()
        assert row is not None
        done = row[0]["done"]
        batches += 1
        for _ in range(5):
            migrated.execute(write, key, people.ben, people.rosa)
    assert batches == 4
    assert migrated.execute("select count(*) from public.messages_v2") == [(11,)]
    assert findings(migrated)["message", "missing", None] == 20
    assert backfill(migrated)["messages"] == 20
