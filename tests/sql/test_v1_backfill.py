"""V1 conversations are copied into V2, again and again, beside live traffic."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People, Plan, invoke

PLACEHOLDER = "[Initial message not available - migrated from V1]"
BEGAN = datetime(2025, 3, 1, 12, tzinfo=UTC)
SESSIONS = 64


class V1:
    """Writes V1 rows, of Ben on a request of Rosa by default.

    Arguments:
        database: where.
        people: the sample people.
    """

    def __init__(self, database: TestDatabase, people: People) -> None:
        self.database = database
        self.people = people

    def conversation(
        self,
        *,
        request: UUID | None,
        people: tuple[UUID, ...] | None = None,
        status: str = "active",
        key: UUID | None = None,
    ) -> UUID:
        """Write a conversation with its participants and return its key."""
        key = key or uuid4()
        self.database.execute(
            "insert into public.conversations"
            " (id, help_request_id, created_by, status, created_at, updated_at)"
            " values (%s, %s, %s, %s, %s, %s)",
            key, request, self.people.ben, status, BEGAN, BEGAN,
        )  # fmt: skip
        for person in people or (self.people.rosa, self.people.ben):
            self.database.execute(
                "insert into public.conversation_participants (conversation_id, user_id)"
                " values (%s, %s)",
                key, person,
            )  # fmt: skip
        return key

    def message(
        self,
        conversation: UUID,
        sender: UUID,
        content: str,
        *,
        after: int = 0,
        is_read: bool = False,
        is_deleted: bool = False,
    ) -> UUID:
        """Write a message so many seconds after the beginning and return its key."""
        at = BEGAN + timedelta(seconds=after)
        other = self.people.ben if sender == self.people.rosa else self.people.rosa
        ((key,),) = self.database.execute(
            "insert into public.messages (conversation_id, sender_id, recipient_id, content,"
            " created_at, updated_at, read_at, deleted_at)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s) returning id",
            conversation, sender, other, content, at, at,
            at if is_read else None, at if is_deleted else None,
        )  # fmt: skip
        return UUID(str(key))


@pytest.fixture
def v1(migrated: TestDatabase, people: People) -> V1:
    """Give what writes V1 rows."""
    return V1(migrated, people)


def backfill(database: TestDatabase, limit: int = 1000) -> Counter[str]:
    """Copy all there is, as service_role, and return the sums of the answers."""
    session = database.as_role("service_role")
    sums: Counter[str] = Counter()
    while True:
        row = session.execute("select messaging.backfill_conversations(%s)", [limit]).fetchone()
        assert row is not None
        sums.update({name: number for name, number in row[0].items() if name != "done"})
        if row[0]["done"]:
            return sums


def findings(database: TestDatabase) -> Counter[tuple[str, str, str | None]]:
    """Return how many rows of V1 the comparison finds to be what."""
    rows = database.as_role("service_role").execute(
        "select kind, outcome, reason, sum(number)::int from messaging.reconcile_backfill()"
        " group by 1, 2, 3"
    )
    return Counter({(kind, outcome, reason): number for kind, outcome, reason, number in rows})


def copied(conversations: int, messages: int) -> Counter[tuple[str, str, str | None]]:
    """Return the findings where everything was copied."""
    return Counter(
        {("conversation", "copied", None): conversations, ("message", "copied", None): messages}
    )


V2 = (
    "select id, help_request_id, requester_id, helper_id, initial_message, status, origin,"
    " created_at, last_message_at from public.conversations_v2"
)
MESSAGES = (
    "select id, conversation_id, sender_id, content, created_at from public.messages_v2"
    " order by created_at, id"
)


def test_conversation_is_copied_whole(migrated: TestDatabase, people: People, v1: V1) -> None:
    """Ids, people, texts (trimmed) and times are those of V1; the first message is the initial."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "  I can help you \u2003", after=1)
    reply = v1.message(key, people.rosa, "\tyes\n", after=2)
    assert backfill(migrated) == {
        "conversations": 1, "messages": 2, "examined": 2, "passed_over": 0,
    }  # fmt: skip
    assert migrated.execute(V2) == [
        (key, people.open_request, people.rosa, people.ben, "I can help you", "active",
         "v1_backfill", BEGAN, BEGAN + timedelta(seconds=2)),
    ]  # fmt: skip
    at = BEGAN + timedelta(seconds=2)
    assert migrated.execute(MESSAGES) == [(reply, key, people.rosa, "yes", at)]
    assert findings(migrated) == copied(1, 2)


@pytest.mark.parametrize(
    ("sender", "text"),
    [
        ("rosa", "I have a question first"),
        ("ben", " too short"),
    ],
)
def test_unfit_first_message_becomes_a_follow_up(
    migrated: TestDatabase, people: People, v1: V1, sender: str, text: str
) -> None:
    """Where the owner wrote first, or too little, the placeholder stands and nothing is lost."""
    key = v1.conversation(request=people.open_request)
    first = v1.message(key, getattr(people, sender), text, after=1)
    backfill(migrated)
    assert migrated.execute("select initial_message from public.conversations_v2") == [
        (PLACEHOLDER,)
    ]
    assert [row[0] for row in migrated.execute(MESSAGES)] == [first]
    assert findings(migrated) == copied(1, 1)


def test_conversation_without_a_message(migrated: TestDatabase, people: People, v1: V1) -> None:
    """It gets the placeholder, and nothing in it is unread."""
    key = v1.conversation(request=people.open_request)
    backfill(migrated)
    assert migrated.execute("select id, initial_message from public.conversations_v2") == [
        (key, PLACEHOLDER)
    ]
    assert migrated.execute("select distinct last_read_at from conversation_reads_v2") == [(BEGAN,)]


@pytest.mark.parametrize("status", ["active", "closed", "blocked"])
def test_status_is_kept(migrated: TestDatabase, people: People, v1: V1, status: str) -> None:
    """A conversation that was closed or blocked in V1 is so in V2."""
    v1.conversation(request=people.open_request, status=status)
    backfill(migrated)
    assert migrated.execute("select status from public.conversations_v2") == [(status,)]


SKIPPED = {
    "no_help_request": "update public.conversations set help_request_id = null",
    "not_two_people": """
        insert into public.conversation_participants (conversation_id, user_id)
        select id, '270c1b08-4f3f-146e-b578-7075158d9c53' from public.conversations
    """,
    "owner_not_participant": """
        update public.conversation_participants
        set user_id = '270c1b08-4f3f-146e-b578-7075158d9c53'
        where user_id = '3e334e85-9879-af25-6d38-27d651b7804a'
    """,
    "account_missing": """
        alter table public.conversation_participants
            drop constraint conversation_participants_user_id_fkey;
        update public.conversation_participants
        set user_id = '00000000-0000-4000-8000-00000000dead'
        where user_id = 'e4774cdd-a079-3f86-414e-8b9140bb6db4'
    """,
    "status_unknown": """
        alter table public.conversations drop constraint conversations_status_known;
        update public.conversations set status = 'muted'
    """,
    "pair_has_conversation": """
        insert into public.conversations_v2
            (help_request_id, requester_id, helper_id, initial_message)
        select help_request_id, '3e334e85-9879-af25-6d38-27d651b7804a', created_by, 'I can help you'
        from public.conversations
    """,
    "id_taken": """
        insert into public.conversations_v2
            (id, help_request_id, requester_id, helper_id, initial_message)
        select id, help_request_id, '3e334e85-9879-af25-6d38-27d651b7804a', created_by, 'I can help'
        from public.conversations
    """,
}


@pytest.mark.parametrize("reason", SKIPPED)
def test_conversation_that_does_not_fit_is_skipped(
    migrated: TestDatabase, people: People, v1: V1, reason: str
) -> None:
    """It stays in V1 with its messages, and the comparison says why."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you")
    migrated.execute(SKIPPED[reason])
    before = migrated.execute(V2)
    assert backfill(migrated)["messages"] == 0
    assert migrated.execute(V2) == before
    assert findings(migrated) == {
        ("conversation", "skipped", reason): 1,
        ("message", "skipped", reason): 1,
    }


def test_second_conversation_of_a_pair_is_skipped(
    migrated: TestDatabase, people: People, v1: V1
) -> None:
    """V2 has one conversation a request and helper; the other one is named."""
    keys = sorted(v1.conversation(request=people.open_request) for _ in range(2))
    backfill(migrated)
    assert [row[0] for row in migrated.execute(V2)] == keys[:1]
    assert findings(migrated) == {
        ("conversation", "copied", None): 1,
        ("conversation", "skipped", "pair_has_conversation"): 1,
    }


def test_messages_that_do_not_fit_are_skipped(
    migrated: TestDatabase, people: People, v1: V1
) -> None:
    """Taken back, of a stranger, blank, too long: each is skipped with its reason."""
    migrated.execute("alter table public.messages drop constraint messages_content_length")
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I said something wrong", is_deleted=True)
    v1.message(key, people.ben, "x" * 1001, after=1)
    v1.message(key, people.mei, "Hello, I am not here", after=2)
    v1.message(key, people.ben, " \u3000\n", after=3)
    v1.message(key, people.ben, "I can help you", after=4)
    backfill(migrated)
    assert migrated.execute("select initial_message from public.conversations_v2") == [
        ("I can help you",)
    ]
    assert findings(migrated) == copied(1, 1) + Counter(
        {
            ("message", "skipped", reason): 1
            for reason in ("deleted", "text_too_long", "sender_not_participant", "text_empty")
        }
    )


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


def test_later_runs_take_what_came_since(migrated: TestDatabase, people: People, v1: V1) -> None:
    """A second run copies nothing twice and everything new, without touching what V2 has."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you", after=1)
    assert backfill(migrated)["messages"] == 1
    before = migrated.execute("select *, xmin::text from public.conversations_v2")
    assert backfill(migrated)["messages"] == 0
    assert migrated.execute("select *, xmin::text from public.conversations_v2") == before
    late = v1.message(key, people.rosa, "ok", after=5)
    assert findings(migrated)["message", "missing", None] == 1
    assert backfill(migrated)["messages"] == 1
    assert [row[0] for row in migrated.execute(MESSAGES)] == [late]
    assert migrated.execute("select last_message_at from public.conversations_v2") == [
        (BEGAN + timedelta(seconds=5),)
    ]


def test_lost_notes_are_made_again(migrated: TestDatabase, people: People, v1: V1) -> None:
    """Without its notes a run does not write the first message a second time."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you", after=1)
    backfill(migrated)
    migrated.execute("delete from messaging.v1_backfill_conversations")
    assert backfill(migrated)["messages"] == 0
    assert migrated.execute(MESSAGES) == []
    assert findings(migrated) == copied(1, 1)


def test_read_state_is_carried_over(migrated: TestDatabase, people: People, v1: V1) -> None:
    """Everything up to the first unread message of the other one is read, and nothing after."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you", after=0, is_read=True)
    v1.message(key, people.rosa, "thanks", after=1, is_read=True)
    v1.message(key, people.ben, "tomorrow?", after=2)
    v1.message(key, people.ben, "or today?", after=3, is_read=True)
    backfill(migrated)
    reads = dict(migrated.execute("select user_id, last_read_at from conversation_reads_v2"))
    assert reads == {
        people.rosa: BEGAN + timedelta(seconds=2) - timedelta(microseconds=1),
        people.ben: BEGAN + timedelta(seconds=1),
    }


def test_read_state_never_goes_back(migrated: TestDatabase, people: People, v1: V1) -> None:
    """Who has read on in V2 has read on."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you")
    backfill(migrated)
    read = (
        "insert into public.conversation_reads_v2 (conversation_id, user_id, last_read_at)"
        " values (%s, %s, now()) returning last_read_at"
    )
    at = migrated.execute(read, key, people.rosa)
    v1.message(key, people.ben, "Are you there?", after=9)
    backfill(migrated)
    assert (
        migrated.execute(
            "select last_read_at from conversation_reads_v2 where user_id = %s", people.rosa
        )
        == at
    )


def test_status_follows_v1_until_somebody_decides_in_v2(
    migrated: TestDatabase, people: People, v1: V1
) -> None:
    """A block that comes in V1 later blocks in V2; lifting it in V1 does not lift it there."""
    v1.conversation(request=people.open_request)
    backfill(migrated)
    for status in ("blocked", "active"):
        migrated.execute("update public.conversations set status = %s", status)
        backfill(migrated)
        assert migrated.execute("select status from public.conversations_v2") == [("blocked",)]


BROKEN = {
    ("message", "missing", None): "delete from public.messages_v2",
    ("message", "different", "content"): "update public.messages_v2 set content = 'no'",
    ("message", "different", "created_at"): (
        "update public.messages_v2 set created_at = created_at - interval '1 microsecond'"
    ),
    ("message", "different", "last_message_at"): (
        "update public.conversations_v2 set last_message_at = created_at"
    ),
    ("conversation", "different", "initial_message"): (
        "update public.conversations_v2 set initial_message = 'I cannot help'"
    ),
    ("conversation", "missing", None): "delete from public.conversations_v2",
    ("conversation", "different", "requester_id"): (
        "update public.conversations_v2 set requester_id = '270c1b08-4f3f-146e-b578-7075158d9c53'"
    ),
}


@pytest.mark.parametrize("finding", BROKEN, ids=str)
def test_comparison_sees_every_difference(
    migrated: TestDatabase, people: People, v1: V1, finding: tuple[str, str, str | None]
) -> None:
    """One row that is gone or changed is found."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you", after=1)
    v1.message(key, people.ben, "gladly", after=2)
    backfill(migrated)
    assert findings(migrated) == copied(1, 2)
    migrated.execute(BROKEN[finding])
    assert findings(migrated)[finding] == 1


def test_v1_is_not_changed(migrated: TestDatabase, people: People, v1: V1) -> None:
    """Not one row of V1 is written, nor locked in a way that leaves a trace."""
    key = v1.conversation(request=people.open_request)
    v1.message(key, people.ben, "I can help you")
    tables = ("conversations", "conversation_participants", "messages")

    def rows() -> list[Any]:
        return [
            migrated.execute(f"select t.*, xmin::text, xmax::text from public.{table} as t")
            for table in tables
        ]

    before = rows()
    backfill(migrated)
    assert rows() == before


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
    assert len(migrated.execute(V2)) == 1


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
