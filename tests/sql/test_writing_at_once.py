"""What nearly every call comes to is written at once; all else goes step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, invoke

PLAIN = "I can help you"

# In place of the steps, so that it shows who went there.
STEPS = """
create or replace function messaging.{}
returns jsonb
language sql
as $$ select '{{"success": false, "error": "steps", "http_status": 400}}'::jsonb $$
"""
START_STEPS = STEPS.format(
    "create_conversation(p_help_request_id uuid, p_helper_id uuid, p_initial_message text,"
    " p_request_id text)"
)
SEND_STEPS = STEPS.format(
    "send_message(p_conversation_id uuid, p_sender_id uuid, p_content text, p_request_id text)"
)

# The functions run with the rights of somebody who is subject to policies, where there are any.
UNDER_POLICIES = (
    "".join(
        f"alter table public.{table} disable row level security;"
        for table in (
            "user_restrictions",
            "help_requests",
            "conversations",
            "messages",
            "conversations_v2",
            "messages_v2",
        )
    )
    + """
grant usage on schema messaging to authenticated;
grant create on schema public to authenticated;
grant execute on all functions in schema messaging to authenticated;
grant select, insert, update on all tables in schema messaging, public to authenticated;
alter function public.create_conversation_atomic(uuid, uuid, text) owner to authenticated;
alter function public.send_message_v2(uuid, uuid, text) owner to authenticated
"""
)

BANNED = """
insert into public.user_restrictions (user_id, restriction_level, reason)
values ('{ben}', 'banned', 'test')
"""

AT_THE_RATE_OF_V1 = """
update messaging.limits set maximum = 1;
insert into public.conversations (id, help_request_id, created_by)
values ('{nobody}', '{other}', '{ben}');
insert into public.messages (conversation_id, sender_id, recipient_id, content)
values ('{nobody}', '{ben}', '{mei}', 'Hello')
"""


def hidden(table: str, policy: str) -> str:
    """Return what hides all rows of a table by row security."""
    return (
        f"; alter table public.{table} enable row level security"
        f"; drop policy {policy} on public.{table}"
    )


def behind_a_view(table: str) -> str:
    """Return what puts a view in the place of a table."""
    return (
        f"; alter table public.{table} rename to kept_{table}"
        f"; create view public.{table} as select * from public.kept_{table}"
        f"; alter view public.{table} owner to authenticated"
    )


RESTRICTIONS = ("user_restrictions", "user_restrictions_select_own")
V1_CONVERSATIONS = ("conversations", "conversations_select_participant")
V1_MESSAGES = ("messages", "messages_select_participant")

HIDDEN_RESTRICTIONS = f"{BANNED};{UNDER_POLICIES}{hidden(*RESTRICTIONS)}"
HIDDEN_V1 = f"{AT_THE_RATE_OF_V1};{UNDER_POLICIES}{hidden(*V1_CONVERSATIONS)}{hidden(*V1_MESSAGES)}"

# What keeps Ben from either, or may.
PERSON = {
    "banned": BANNED,
    "with a restriction that forbids nothing": "insert into public.user_restrictions"
    " (user_id, reason) values ('{ben}', 'test')",
    "restrictions hidden by a policy": HIDDEN_RESTRICTIONS,
    "restrictions hidden behind a view": HIDDEN_RESTRICTIONS + behind_a_view("user_restrictions"),
    "restrictions of another shape": "alter table public.user_restrictions"
    " drop column restriction_level",
    "restrictions gone": "drop table public.user_restrictions",
    "V1 hidden by a policy": HIDDEN_V1,
    "V1 hidden behind a view": HIDDEN_V1
    + behind_a_view("conversations")
    + behind_a_view("messages"),
    "V1 gone": "drop table public.messages, public.conversation_participants, public.conversations",
    "limits gone": "delete from messaging.limits",
    "at the rate of V2": "update messaging.limits set maximum = 1;"
    " insert into public.conversations_v2 (help_request_id, requester_id, helper_id,"
    " initial_message) values ('{other}', '{mei}', '{ben}', 'I can help you');"
    " insert into public.messages_v2 (conversation_id, sender_id, content)"
    " select id, '{ben}', 'Hello' from public.conversations_v2 where help_request_id = '{other}'",
    "at the rate of V1": AT_THE_RATE_OF_V1,
}

TEXTS = {
    "nothing": None,
    "empty": "",
    "too long": "x" * 1001,
    "not ASCII": "I can help you \N{GRINNING FACE}",
    "space before": " I can help you",
    "line feed after": "I can help you\n",
    "prohibited": "Call me at 555-123-4567",
    "prohibited by a pattern without a simpler one": "I can help you with bananas",
}

CANNOT_START = {
    "not approved": "update public.profiles set verification_status = 'pending' where id = '{ben}'",
    "no profile": "delete from public.profiles where id = '{ben}'",
    "request closed": "update public.help_requests set status = 'closed' where id = '{request}'",
    "request gone": "delete from public.help_requests where id = '{request}'",
    "own request": "update public.help_requests set user_id = '{ben}' where id = '{request}'",
    "has one already": "insert into public.conversations_v2 (help_request_id, requester_id,"
    " helper_id, initial_message) values ('{request}', '{rosa}', '{ben}', 'I can help you')",
}

CANNOT_SEND = {
    "closed": "update public.conversations_v2 set status = 'closed'",
    "of others": "update public.conversations_v2 set helper_id = '{mei}'",
    "gone": "delete from public.conversations_v2",
}


@pytest.fixture
def prepare(migrated: TestDatabase, people: People) -> Callable[[str], None]:
    """Give a function that runs statements which name people and requests."""
    names = {
        "ben": people.ben,
        "mei": people.mei,
        "rosa": people.rosa,
        "nobody": people.nobody,
        "request": people.open_request,
        "other": people.request_of_mei,
    }

    def run(statements: str) -> None:
        for statement in statements.split(";"):
            migrated.execute(statement.format(**names))

    return run


def rows(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Return how many rows there are of what the two functions write."""
    return database.execute(
        "select (select count(*) from public.conversations_v2),"
        " (select count(*) from public.messages_v2)"
    )


def test_plain_call_starts_at_once(migrated: TestDatabase, call: Call, people: People) -> None:
    """Nobody goes the steps for it, and it leaves the same row in the log as they do."""
    migrated.execute(START_STEPS)
    answer = call(people.ben, "create_conversation_atomic", people.open_request, people.ben, PLAIN)
    assert answer.pop("request_id")
    assert answer.pop("conversation_id")
    assert answer == {"success": True, "message": "Conversation created successfully"}
    assert_logged_alike(migrated, "startHelpConversation")


def test_plain_message_is_sent_at_once(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Nobody goes the steps for it, and it leaves the same row in the log as they do."""
    migrated.execute(SEND_STEPS)
    answer = call(people.ben, "send_message_v2", conversation, people.ben, "Hello")
    assert answer.pop("request_id")
    assert answer.pop("message_id")
    assert answer == {"success": True, "message": "Message sent successfully"}
    assert_logged_alike(migrated, "sendMessage")


def assert_logged_alike(database: TestDatabase, method: str) -> None:
    """Assert that the last row in the log is what record_call() makes of the same answer."""
    database.execute(
        """
        select messaging.record_call(
            method,
            occurred_at,
            pg_catalog.jsonb_build_object(
                'success', true, 'request_id', 'again', 'conversation_id', conversation_id
            ),
            user_id,
            help_request_id,
            conversation_id,
            version
        )
        from messaging.rpc_events
        where method = %s
        """,
        method,
    )
    ((count, alike),) = database.execute(
        """
        select
            count(*),
            count(distinct to_jsonb(logged) - 'occurred_at' - 'request_id' - 'duration_ms')
        from messaging.rpc_events as logged
        where method = %s
        """,
        method,
    )
    assert (count, alike) == (2, 1)


@pytest.mark.parametrize("why", [*PERSON, *CANNOT_START])
def test_start_goes_step_by_step(
    migrated: TestDatabase,
    call: Call,
    people: People,
    prepare: Callable[[str], None],
    why: str,
) -> None:
    """Whoever may not start, or not for sure, is never let through at once."""
    prepare({**PERSON, **CANNOT_START}[why])
    migrated.execute(START_STEPS)
    before = rows(migrated)
    answer = call(people.ben, "create_conversation_atomic", people.open_request, people.ben, PLAIN)
    assert answer["error"] == "steps"
    assert rows(migrated) == before


@pytest.mark.parametrize("why", [*PERSON, *CANNOT_SEND])
def test_message_goes_step_by_step(
    migrated: TestDatabase,
    call: Call,
    people: People,
    conversation: UUID,
    prepare: Callable[[str], None],
    why: str,
) -> None:
    """Whoever may not send, or not for sure, is never let through at once."""
    prepare({**PERSON, **CANNOT_SEND}[why])
    migrated.execute(SEND_STEPS)
    before = rows(migrated)
    answer = call(people.ben, "send_message_v2", conversation, people.ben, "Hello")
    assert answer["error"] == "steps"
    assert rows(migrated) == before


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_other_texts_go_step_by_step(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, text: str | None
) -> None:
    """What has to be trimmed, made plain, refused or looked at closely is not written at once."""
    migrated.execute("select messaging.set_content_pattern('fruit', 'profanity', 'banana')")
    for steps in (START_STEPS, SEND_STEPS):
        migrated.execute(steps)
    before = rows(migrated)
    for answer in (
        call(people.mei, "create_conversation_atomic", people.open_request, people.mei, text),
        call(people.ben, "send_message_v2", conversation, people.ben, text),
    ):
        assert answer["error"] == "steps"
    assert rows(migrated) == before


@pytest.mark.parametrize(("start", "message"), [("x" * 9, ""), ("x" * 1001, "x" * 1001)])
def test_length_is_not_left_to_the_table(
    migrated: TestDatabase,
    call: Call,
    people: People,
    conversation: UUID,
    start: str,
    message: str,
) -> None:
    """What is too short or too long is not looked at any further, whatever the table would take."""
    migrated.execute(
        "alter table public.conversations_v2"
        " drop constraint conversations_v2_initial_message_length"
    )
    migrated.execute("alter table public.messages_v2 drop constraint messages_v2_content_length")
    for steps in (START_STEPS, SEND_STEPS):
        migrated.execute(steps)
    for answer in (
        call(people.mei, "create_conversation_atomic", people.open_request, people.mei, start),
        call(people.ben, "send_message_v2", conversation, people.ben, message),
    ):
        assert answer["error"] == "steps"


@pytest.mark.parametrize("age", ["61 minutes", "59 minutes"])
def test_rate_of_starts_is_counted_over_its_period(
    migrated: TestDatabase,
    call: Call,
    people: People,
    prepare: Callable[[str], None],
    age: str,
) -> None:
    """What was started before the period does not count."""
    prepare(AT_THE_RATE_OF_V1)
    migrated.execute("update public.conversations set created_at = now() - %s::interval", age)
    migrated.execute(START_STEPS)
    answer = call(people.ben, "create_conversation_atomic", people.open_request, people.ben, PLAIN)
    assert answer["success"] is (age == "61 minutes")


def test_duplicate_leaves_no_dead_row(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """What is there already is not written and undone."""
    for _ in range(3):
        answer = call(
            people.ben, "create_conversation_atomic", people.open_request, people.ben, PLAIN
        )
        assert answer["conversation_id"] == str(conversation)
    call(people.mei, "create_conversation_atomic", people.open_request, people.mei, PLAIN)
    assert migrated.execute("select ctid::text from public.conversations_v2 order by 1") == [
        ("(0,1)",),
        ("(0,2)",),
    ]


@pytest.mark.parametrize("locked", ["help_requests", "conversations_v2"])
def test_lock_is_waited_for_once(
    migrated: TestDatabase, people: People, conversation: UUID, locked: str
) -> None:
    """Whoever waited in vain is answered, and does not go the steps to wait again."""
    function, user, arguments = {
        "help_requests": (
            "create_conversation_atomic",
            people.mei,
            (people.open_request, people.mei, PLAIN),
        ),
        "conversations_v2": ("send_message_v2", people.ben, (conversation, people.ben, "Hello")),
    }[locked]
    for steps in (START_STEPS, SEND_STEPS):
        migrated.execute(steps)
    session = migrated.as_role("authenticated", user)
    session.execute("set lock_timeout = '50ms'")
    with migrated.connect() as holder, holder.transaction():
        holder.execute(sql.SQL("select from public.{} for update").format(sql.Identifier(locked)))
        answer = invoke(session, function, *arguments)
    assert answer["error"] == "server_error"
    ((logged,),) = migrated.execute(
        "select sqlstate from messaging.rpc_events where request_id = %s", answer["request_id"]
    )
    assert logged == "55P03"


def test_log_that_cannot_be_written_fails_no_call(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """What was begun at once is undone; the steps do it all the same."""
    migrated.execute(
        "alter table messaging.rpc_events add constraint full_disk check (false) not valid"
    )
    before = rows(migrated)
    assert call(people.mei, "create_conversation_atomic", people.open_request, people.mei, PLAIN)[
        "success"
    ]
    assert call(people.ben, "send_message_v2", conversation, people.ben, "Hello")["success"]
    ((conversations, messages),) = before
    assert rows(migrated) == [(conversations + 1, messages + 1)]
