"""How often one may start and send: restrictions, rates, approval, exact at the edge."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People, Plan, invoke
from tests.plugins.reading import assert_verify_goes_red
from tests.plugins.sessions import at_once, in_background, until_waiting

SESSIONS = 64
HOUR, MINUTE, DAY = 3600, 60, 86400
SAM_ID = UUID("7b8d62fd-2f0f-5b2e-3ba5-437e5b983128")

Answer = dict[str, Any] | None


@pytest.fixture
def limited(database: TestDatabase, plan: Plan) -> TestDatabase:
    """Give a database with the limits, and nothing yet that asks them."""
    plan.deploy(plan.through("limits"))
    return database


def admit(database: TestDatabase, action: str, user: UUID) -> Answer:
    """Return the answer of `admit_start` or `admit_message`."""
    ((answer,),) = database.execute(f"select messaging.admit_{action}('r', %s)", user)
    found: Answer = answer
    return found


def new_requests(database: TestDatabase, people: People, count: int) -> list[UUID]:
    """Insert open requests of Rosa and return their ids."""
    rows = database.execute(
        "insert into public.help_requests (id, user_id, title, category, urgency)"
        " select gen_random_uuid(), %s, 'Soup', 'groceries', 'normal'"
        " from generate_series(1, %s) returning id",
        people.rosa,
        count,
    )
    return [request for (request,) in rows]


def start_v2(
    database: TestDatabase, people: People, ages: list[int], *, origin: str = "v2"
) -> list[UUID]:
    """Insert conversations that Ben started so many seconds ago; return their ids."""
    requests = new_requests(database, people, len(ages))
    rows = database.execute(
        "insert into public.conversations_v2"
        " (help_request_id, requester_id, helper_id, initial_message, origin, created_at)"
        " select request, %s, %s, 'I can help you', %s,"
        " clock_timestamp() - make_interval(secs => age)"
        " from unnest(%s::uuid[], %s::float8[]) as item (request, age) returning id",
        people.rosa,
        people.ben,
        origin,
        requests,
        [float(age) for age in ages],
    )
    return [key for (key,) in rows]


def start_v1(database: TestDatabase, people: People, ages: list[int]) -> list[UUID]:
    """Insert V1 conversations that Ben started so many seconds ago; return their ids."""
    rows = database.execute(
        "insert into public.conversations (created_by, created_at)"
        " select %s, clock_timestamp() - make_interval(secs => age)"
        " from unnest(%s::float8[]) as age returning id",
        people.ben,
        [float(age) for age in ages],
    )
    return [key for (key,) in rows]


def send_v2(database: TestDatabase, conversation: UUID, user: UUID, ages: list[int]) -> None:
    """Insert messages that the user sent so many seconds ago."""
    database.execute(
        "insert into public.messages_v2 (conversation_id, sender_id, content, created_at)"
        " select %s, %s, 'x', clock_timestamp() - make_interval(secs => age)"
        " from unnest(%s::float8[]) as age",
        conversation,
        user,
        [float(age) for age in ages],
    )


def send_v1(
    database: TestDatabase, conversation: UUID, people: People, ages: list[int]
) -> list[UUID]:
    """Insert V1 messages of Ben to Rosa of so many seconds ago; return their ids."""
    rows = database.execute(
        "insert into public.messages"
        " (conversation_id, sender_id, recipient_id, content, created_at)"
        " select %s, %s, %s, 'x', clock_timestamp() - make_interval(secs => age)"
        " from unnest(%s::float8[]) as age returning id",
        conversation,
        people.ben,
        people.rosa,
        [float(age) for age in ages],
    )
    return [key for (key,) in rows]


def restrict(database: TestDatabase, user: UUID, **columns: Any) -> None:
    """Insert a restriction of the user; a time is given as an interval from now."""
    given = {"user_id": user, "reason": "test", **columns}
    places = [
        "now() + %s::interval" if name in ("applied_at", "expires_at") else "%s" for name in given
    ]
    database.execute(
        f"insert into public.user_restrictions ({', '.join(given)}) values ({', '.join(places)})",
        *given.values(),
    )


def assert_too_many(answer: Answer, message: str, retry_after: int, reason: str) -> None:
    """Check the whole answer to a call too many; the seconds may have run on by a few."""
    assert answer is not None
    seconds = answer["retry_after"]
    assert retry_after - 5 <= seconds <= retry_after
    assert answer == {
        "success": False,
        "error": "rate_limit_exceeded",
        "message": message,
        "http_status": 429,
        "details": {"reason": reason, "retry_after": seconds},
        "retry_after": seconds,
        "request_id": "r",
    }


assert_too_many_starts = partial(
    assert_too_many,
    message="You have started too many help conversations recently",
    reason="too_many_in_period",
)
assert_too_many_messages = partial(
    assert_too_many, message="You are sending messages too quickly", reason="too_many_in_period"
)
assert_daily_limit = partial(
    assert_too_many,
    message="You have reached your daily message limit",
    reason="daily_message_limit",
)


def test_limits_that_ship(limited: TestDatabase) -> None:
    """Ten conversations an hour, fifty messages a minute."""
    rows = limited.execute(
        "select action, maximum, extract(epoch from period)::int from messaging.limits order by 1"
    )
    assert rows == [("send_message", 50, MINUTE), ("start_conversation", 10, HOUR)]


def test_tenth_start_is_the_last_of_the_hour(limited: TestDatabase, people: People) -> None:
    """Nine starts leave room for one, ten for none until the oldest of them is an hour old."""
    start_v2(limited, people, [HOUR - 600, *[60] * 8])
    assert admit(limited, "start", people.ben) is None
    start_v2(limited, people, [30])
    assert_too_many_starts(admit(limited, "start", people.ben), retry_after=600)
    assert admit(limited, "start", people.mei) is None


def test_start_of_an_hour_ago_counts_no_more(limited: TestDatabase, people: People) -> None:
    """What is older than the period is forgotten."""
    start_v2(limited, people, [HOUR + 1, *[60] * 9])
    assert admit(limited, "start", people.ben) is None


def test_more_starts_than_the_limit(limited: TestDatabase, people: People) -> None:
    """Where a limit was lowered, the wait is until there are fewer than it allows."""
    start_v2(limited, people, [300, 200, 100])
    limited.execute("select messaging.set_limit('start_conversation', 2, '10 minutes')")
    assert_too_many_starts(admit(limited, "start", people.ben), retry_after=400)


def test_waiting_as_told_is_enough(limited: TestDatabase, people: People) -> None:
    """After retry_after seconds one more is admitted, and five seconds before that none is."""
    start_v2(limited, people, [HOUR - 600, *[60] * 9])
    answer = admit(limited, "start", people.ben)
    assert answer is not None
    shift = "update public.conversations_v2 set created_at = created_at - make_interval(secs => %s)"
    limited.execute(shift, answer["retry_after"] - 5)
    assert_too_many_starts(admit(limited, "start", people.ben), retry_after=5)
    limited.execute(shift, 5)
    assert admit(limited, "start", people.ben) is None


def test_v1_starts_count(limited: TestDatabase, people: People) -> None:
    """Five of V1 and five of V2 are ten."""
    start_v2(limited, people, [60] * 5)
    start_v1(limited, people, [60] * 4)
    assert admit(limited, "start", people.ben) is None
    start_v1(limited, people, [HOUR - 100])
    assert_too_many_starts(admit(limited, "start", people.ben), retry_after=100)


def test_backfilled_start_counts_once(limited: TestDatabase, people: People) -> None:
    """A conversation that stands in V1 and, copied, in V2 was started once."""
    start_v1(limited, people, [60] * 9)
    start_v2(limited, people, [60] * 9, origin="v1_backfill")
    assert admit(limited, "start", people.ben) is None


def test_fiftieth_message_is_the_last_of_the_minute(limited: TestDatabase, people: People) -> None:
    """Forty-nine leave room for one, fifty for none; starting is another matter."""
    (conversation,) = start_v2(limited, people, [HOUR])
    send_v2(limited, conversation, people.ben, [MINUTE - 30, *[5] * 48])
    assert admit(limited, "message", people.ben) is None
    send_v2(limited, conversation, people.ben, [5])
    assert_too_many_messages(admit(limited, "message", people.ben), retry_after=30)
    assert admit(limited, "message", people.rosa) is None
    assert admit(limited, "start", people.ben) is None


def test_v1_follow_ups_count_and_first_messages_do_not(
    limited: TestDatabase, people: People
) -> None:
    """The first message of a V1 conversation is counted with its start."""
    for conversation in start_v1(limited, people, [50] * 5):
        send_v1(limited, conversation, people, [30, *[5] * 9])
    send_v1(limited, conversation, people, [4] * 4)
    assert admit(limited, "message", people.ben) is None
    send_v1(limited, conversation, people, [4])
    assert_too_many_messages(admit(limited, "message", people.ben), retry_after=55)


def test_backfilled_message_counts_once(limited: TestDatabase, people: People) -> None:
    """A message that stands in V1 and, under its id, in V2 was sent once."""
    (v1,) = start_v1(limited, people, [50])
    (v2,) = start_v2(limited, people, [50], origin="v1_backfill")
    ids = send_v1(limited, v1, people, [20, *[5] * 49])
    limited.execute(
        "insert into public.messages_v2 (id, conversation_id, sender_id, content, created_at)"
        " select id, %s, sender_id, content, created_at from public.messages where id = any (%s)",
        v2,
        ids[1:],
    )
    assert admit(limited, "message", people.ben) is None
    send_v2(limited, v2, people.ben, [5])
    assert_too_many_messages(admit(limited, "message", people.ben), retry_after=55)


def test_v1_may_be_absent(limited: TestDatabase, people: People) -> None:
    """Without the V1 tables, V2 alone is counted, from one call to the next."""
    (conversation, *_) = start_v2(limited, people, [60] * 10)
    send_v2(limited, conversation, people.ben, [5] * 50)
    assert_too_many_starts(admit(limited, "start", people.ben), retry_after=HOUR - 60)
    limited.execute(
        "drop table public.messages, public.conversation_participants, public.conversations"
    )
    assert_too_many_starts(admit(limited, "start", people.ben), retry_after=HOUR - 60)
    assert_too_many_messages(admit(limited, "message", people.ben), retry_after=55)
    assert admit(limited, "start", people.mei) is None
    assert admit(limited, "message", people.mei) is None


@pytest.mark.parametrize(
    ("columns", "starts", "sends"),
    [
        ({}, True, True),
        ({"restriction_level": "limited"}, True, True),
        ({"restriction_level": "suspended"}, False, False),
        ({"restriction_level": "banned"}, False, False),
        ({"restriction_level": "limited", "can_start_conversations": False}, False, True),
        ({"restriction_level": "limited", "can_send_messages": False}, True, False),
        ({"can_send_messages": False}, True, False),
        ({"restriction_level": "banned", "expires_at": "1 hour"}, False, False),
        ({"restriction_level": "banned", "expires_at": "-1 second"}, True, True),
    ],
)
def test_restrictions(
    limited: TestDatabase, people: People, columns: dict[str, Any], starts: bool, sends: bool
) -> None:
    """Suspended, banned or forbidden the one thing: refused, with the level."""
    restrict(limited, people.ben, **columns)
    texts = {
        "start": (starts, "You are restricted from starting new conversations"),
        "message": (sends, "You are restricted from sending messages"),
    }
    level = columns.get("restriction_level", "none")
    for action, (allowed, text) in texts.items():
        refusal = {
            "success": False,
            "error": "permission_denied",
            "message": text,
            "http_status": 403,
            "details": {"reason": "restricted", "restriction_level": level},
            "restriction_level": level,
            "request_id": "r",
        }
        assert admit(limited, action, people.ben) == (None if allowed else refusal)
        assert admit(limited, action, people.mei) is None


def test_newest_restriction_in_force_counts(limited: TestDatabase, people: People) -> None:
    """A later row lifts an earlier one; a later one that has expired does not."""
    restrict(limited, people.ben, restriction_level="banned", applied_at="-2 days")
    restrict(
        limited, people.ben, restriction_level="none", applied_at="-1 hour", expires_at="-1 minute"
    )
    answer = admit(limited, "message", people.ben)
    assert answer is not None
    assert answer["restriction_level"] == "banned"
    restrict(limited, people.ben, restriction_level="none", applied_at="-1 day")
    assert admit(limited, "message", people.ben) is None


def test_no_restrictions_where_the_table_is_absent(limited: TestDatabase, people: People) -> None:
    """Without the table nobody is restricted."""
    restrict(limited, people.ben, restriction_level="banned")
    assert admit(limited, "start", people.ben) is not None
    limited.execute("drop table public.user_restrictions")
    assert admit(limited, "start", people.ben) is None
    assert admit(limited, "message", people.ben) is None


@pytest.mark.parametrize("action", ["start", "message"])
@pytest.mark.parametrize(
    "breakage",
    [
        "alter table public.user_restrictions drop column restriction_level",
        "alter table public.user_restrictions rename column expires_at to until",
        "delete from messaging.limits",
    ],
)
def test_failing_look_up_admits_nobody(
    limited: TestDatabase, people: People, action: str, breakage: str
) -> None:
    """What cannot be looked up is an error, which the callers answer as server_error."""
    limited.execute(breakage)
    with pytest.raises((psycopg.errors.UndefinedColumn, psycopg.errors.NoDataFound)):
        admit(limited, action, people.ben)


def test_hidden_restrictions_admit_nobody(limited: TestDatabase, people: People) -> None:
    """Where a policy would hide the restrictions from the role of the look-up, it fails."""
    limited.execute(
        """
        grant usage on schema messaging to authenticated;
        grant execute on all functions in schema messaging to authenticated;
        grant select on all tables in schema messaging, public to authenticated
        """
    )
    mei = limited.as_role("authenticated", people.mei)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        mei.execute("select messaging.admit_message('r', %s)", [people.ben])


def test_daily_limit(limited: TestDatabase, people: People) -> None:
    """The messages of the last 24 hours, of V1 and V2, are counted against the day's limit."""
    restrict(limited, people.ben, message_limit_per_day=4)
    (v2,) = start_v2(limited, people, [DAY])
    (v1,) = start_v1(limited, people, [2 * DAY])
    send_v2(limited, v2, people.ben, [DAY + 5, 20_000])
    send_v1(limited, v1, people, [DAY + 20, 30_000, 10_000])
    assert admit(limited, "message", people.ben) is None
    send_v2(limited, v2, people.ben, [100])
    assert_daily_limit(admit(limited, "message", people.ben), retry_after=DAY - 30_000)
    assert admit(limited, "start", people.ben) is None


def test_daily_limit_ends_with_its_restriction(limited: TestDatabase, people: People) -> None:
    """Nobody is told to wait longer than the restriction lasts."""
    (v2,) = start_v2(limited, people, [DAY])
    send_v2(limited, v2, people.ben, [100])
    restrict(limited, people.ben, message_limit_per_day=1, expires_at="500 seconds")
    assert_daily_limit(admit(limited, "message", people.ben), retry_after=500)


def test_daily_limit_of_none_at_all(limited: TestDatabase, people: People) -> None:
    """With a limit of 0 nothing is sent."""
    restrict(limited, people.ben, message_limit_per_day=0)
    assert_daily_limit(admit(limited, "message", people.ben), retry_after=DAY)


def test_no_daily_limit(limited: TestDatabase, people: People) -> None:
    """A restriction without a daily limit, or none at all, sets no limit of the day."""
    (v2,) = start_v2(limited, people, [DAY])
    send_v2(limited, v2, people.ben, [1000] * 200)
    assert admit(limited, "message", people.ben) is None
    restrict(limited, people.ben, message_limit_per_day=None)
    assert admit(limited, "message", people.ben) is None


@pytest.mark.parametrize("status", ["pending", "rejected", None])
def test_unapproved_user_starts_nothing(
    limited: TestDatabase, people: People, status: str | None
) -> None:
    """It takes an approved profile to start; sending is for whoever is in a conversation."""
    if status is None:
        limited.execute("delete from public.profiles where id = %s", SAM_ID)
    else:
        limited.execute(
            "update public.profiles set verification_status = %s where id = %s", status, SAM_ID
        )
    assert admit(limited, "start", SAM_ID) == {
        "success": False,
        "error": "permission_denied",
        "message": "Your account must be approved to offer help",
        "http_status": 403,
        "details": {"reason": "not_approved", "requiresApproval": True},
        "requiresApproval": True,
        "request_id": "r",
    }
    assert admit(limited, "message", SAM_ID) is None


def test_approval_as_text(limited: TestDatabase, people: People) -> None:
    """The status may be an enum or a text."""
    limited.execute(
        """
        alter table public.profiles rename column verification_status to verification_enum;
        alter table public.profiles add column verification_status text;
        update public.profiles set verification_status = verification_enum::text
        """
    )
    assert admit(limited, "start", people.ben) is None
    assert admit(limited, "start", SAM_ID) is not None


def test_order_of_the_refusals(limited: TestDatabase, people: People) -> None:
    """Restrictions come before rates, rates before approval."""
    limited.execute(
        "update public.profiles set verification_status = 'pending' where id = %s", people.ben
    )
    start_v2(limited, people, [60] * 10)
    restrict(limited, people.ben, restriction_level="suspended")

    def reason() -> str:
        answer = admit(limited, "start", people.ben)
        assert answer is not None
        return str(answer["details"]["reason"])

    assert reason() == "restricted"
    limited.execute("delete from public.user_restrictions")
    assert reason() == "too_many_in_period"
    limited.execute("delete from public.conversations_v2")
    assert reason() == "not_approved"


def test_one_user_takes_turns(limited: TestDatabase, people: People) -> None:
    """A second transaction of the user waits for the first and then sees what it wrote."""
    start_v2(limited, people, [60] * 9)
    first, second = limited.connect(), limited.connect()
    statement = "select messaging.admit_start('r', %s) ->> 'error'"
    with first.transaction():
        assert first.execute(statement, [people.ben]).fetchone() == (None,)
        thread, results = in_background(lambda: second.execute(statement, [people.ben]).fetchone())
        until_waiting(limited, second)
        assert admit(limited, "start", people.mei) is None
        first.execute(
            "insert into public.conversations_v2"
            " (help_request_id, requester_id, helper_id, initial_message)"
            " values (%s, %s, %s, 'I can help you')",
            [people.open_request, people.rosa, people.ben],
        )
    thread.join()
    assert results == [("rate_limit_exceeded",)]


@pytest.mark.parametrize("used", [0, 9, 10])
def test_64_starts_of_one_user_at_once(migrated: TestDatabase, people: People, used: int) -> None:
    """Of 64 sessions of one user exactly as many start as the hour has left."""
    start_v2(migrated, people, [60] * used)
    requests = new_requests(migrated, people, SESSIONS)
    sessions = [migrated.as_role("authenticated", people.ben) for _ in requests]
    answers = at_once(
        [
            partial(
                invoke, session, "create_conversation_atomic", request, people.ben, "I can help you"
            )
            for session, request in zip(sessions, requests, strict=True)
        ]
    )
    outcomes = Counter(answer.get("error", "success") for answer in answers)
    left = 10 - used
    expected = {"success": left, "rate_limit_exceeded": SESSIONS - left}
    assert outcomes == {name: count for name, count in expected.items() if count}
    assert migrated.execute("select count(*) from public.conversations_v2") == [(10,)]


@pytest.mark.parametrize("used", [0, 49])
def test_64_messages_of_one_user_at_once(migrated: TestDatabase, people: People, used: int) -> None:
    """Of 64 sessions of one user, in several conversations, exactly as many send as are left."""
    conversations = start_v2(migrated, people, [HOUR] * 4)
    send_v2(migrated, conversations[0], people.ben, [5] * used)
    sessions = [migrated.as_role("authenticated", people.ben) for _ in range(SESSIONS)]
    answers = at_once(
        [
            partial(
                invoke, session, "send_message_v2", conversations[number % 4], people.ben, "Hello"
            )
            for number, session in enumerate(sessions)
        ]
    )
    outcomes = Counter(answer.get("error", "success") for answer in answers)
    assert outcomes == {"success": 50 - used, "rate_limit_exceeded": SESSIONS - 50 + used}
    assert migrated.execute("select count(*) from public.messages_v2") == [(50,)]


def test_operator_changes_a_limit(limited: TestDatabase, people: People) -> None:
    """The service role sets a limit, which holds from the next call on."""
    start_v2(limited, people, [60] * 3)
    service = limited.as_role("service_role")
    service.execute("select messaging.set_limit('start_conversation', 3, '2 hours')")
    assert_too_many_starts(admit(limited, "start", people.ben), retry_after=2 * HOUR - 60)
    service.execute("select messaging.set_limit('start_conversation', 4, '2 hours')")
    assert admit(limited, "start", people.ben) is None


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("read", 1, "1 hour"), psycopg.errors.InvalidParameterValue),
        ((None, 1, "1 hour"), psycopg.errors.InvalidParameterValue),
        (("send_message", 0, "1 hour"), psycopg.errors.CheckViolation),
        (("send_message", 1_000_001, "1 hour"), psycopg.errors.CheckViolation),
        (("send_message", None, "1 hour"), psycopg.errors.NotNullViolation),
        (("send_message", 1, "0"), psycopg.errors.CheckViolation),
        (("send_message", 1, "32 days"), psycopg.errors.CheckViolation),
        (("send_message", 1, None), psycopg.errors.NotNullViolation),
    ],
)
def test_senseless_limit_is_refused(
    limited: TestDatabase, arguments: tuple[Any, ...], error: type[psycopg.Error]
) -> None:
    """A limit that is none does not get into the table."""
    with pytest.raises(error):
        limited.execute("select messaging.set_limit(%s, %s, %s)", *arguments)


@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize(
    "statement",
    [
        "select messaging.set_limit('send_message', 1000, '1 second')",
        "select messaging.admit_message('r', gen_random_uuid())",
        "select messaging.take_turn(gen_random_uuid())",
        "update messaging.limits set maximum = 1000",
    ],
)
def test_limits_are_closed(
    limited: TestDatabase, people: People, role: str, statement: str
) -> None:
    """Nobody sets his own limits, or takes somebody else's turn."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        limited.as_role(role, people.mei).execute(statement)


@pytest.mark.parametrize(
    "statement", ["update messaging.limits set maximum = 1", "delete from messaging.limits"]
)
def test_limits_are_closed_to_the_service_role(limited: TestDatabase, statement: str) -> None:
    """The service role goes through the function."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        limited.as_role("service_role").execute(statement)


@pytest.mark.parametrize("table", ["conversations_v2", "messages_v2"])
def test_counting_reads_an_index(limited: TestDatabase, people: People, table: str) -> None:
    """The rows of a person are found by person and time, in one index condition."""
    person = {"conversations_v2": "helper_id", "messages_v2": "sender_id"}[table]
    limited.execute("set enable_seqscan = off")
    lines = limited.execute(
        f"explain (costs off) select created_at from public.{table} where {person} = %s"
        " and created_at > now() order by created_at desc offset 9 limit 1",
        people.ben,
    )
    text = "\n".join(line for (line,) in lines)
    assert f"Index Only Scan Backward using {table}_{person}_created_at_idx" in text
    assert "Sort" not in text


def test_revert_restores_the_indexes(limited: TestDatabase, plan: Plan) -> None:
    """Before and after, the people of the tables have an index each."""
    plan.revert(plan.through("limits") - 1)
    rows = limited.execute(
        "select indexname from pg_indexes where tablename in ('conversations_v2', 'messages_v2')"
        " and indexdef ~ '(helper_id|sender_id)(, created_at)?\\)$' and indexdef !~ 'UNIQUE'"
        " order by 1"
    )
    assert rows == [("conversations_v2_helper_id_idx",), ("messages_v2_sender_id_idx",)]


def test_revert_refuses_to_lose_a_limit(limited: TestDatabase, plan: Plan) -> None:
    """A limit that an operator set stays until somebody allows the loss."""
    limited.execute("select messaging.set_limit('send_message', 60, '1 minute')")
    before = plan.through("limits") - 1
    with pytest.raises(psycopg.errors.ObjectInUse, match=r"messaging\.limits \(1 rows\)"):
        plan.revert(before)
    limited.execute("select messaging.set_limit('send_message', 50, '60 seconds')")
    plan.revert(before)


BREAKAGES = {
    "limit missing": "delete from messaging.limits where action = 'send_message'",
    "no turn": """
        create or replace function messaging.take_turn(p_user_id uuid) returns void
        language sql as ''
    """,
    "anybody starts": """
        create or replace function messaging.admit_start(p_request_id text, p_user_id uuid)
        returns jsonb language sql as 'select null::jsonb'
    """,
    "nobody sends": """
        create or replace function messaging.admit_message(p_request_id text, p_user_id uuid)
        returns jsonb language sql as $$ select '{"error": "permission_denied"}'::jsonb $$
    """,
    "any action": "alter table messaging.limits drop constraint limits_action_known",
    "any maximum": "alter table messaging.limits drop constraint limits_maximum_range",
    "any period": "alter table messaging.limits drop constraint limits_period_range",
    "index gone": "drop index public.messages_v2_sender_id_created_at_idx",
    "index too many": "create index messages_v2_sender_id_idx on public.messages_v2 (sender_id)",
    "set by users": """
        grant execute on function messaging.set_limit(text, integer, interval) to authenticated
    """,
    "table for the service": "grant update on messaging.limits to service_role",
    "of the invoker": """
        alter function messaging.set_limit(text, integer, interval) security invoker
    """,
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_verify_goes_red(limited: TestDatabase, plan: Plan, breakage: str) -> None:
    """The verify script passes, and fails once something is broken."""
    assert_verify_goes_red(limited, partial(plan.run, "verify", "limits"), breakage)


@pytest.mark.parametrize("count", ["nth_newest_start", "nth_newest_message"])
def test_verify_sees_that_nothing_is_counted(
    limited: TestDatabase, people: People, plan: Plan, count: str
) -> None:
    """Where there are rows, the verify script counts them."""
    (conversation,) = start_v2(limited, people, [60])
    send_v2(limited, conversation, people.ben, [30])
    assert_verify_goes_red(
        limited,
        partial(plan.run, "verify", "limits"),
        f"create or replace function messaging.{count}(p_user_id uuid, p_place integer,"
        " p_since timestamptz) returns timestamptz language sql as 'select null::timestamptz'",
    )


def test_verify_leaves_the_limits_alone(limited: TestDatabase, plan: Plan) -> None:
    """Limits that an operator set are as before."""
    limited.execute("select messaging.set_limit('send_message', 7, '30 seconds')")
    before = limited.execute("select * from messaging.limits order by action")
    plan.run("verify", "limits")
    assert limited.execute("select * from messaging.limits order by action") == before
