"""The event log: one row a call, whoever calls, whatever is answered, and never what was said."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, Plan, invoke

CREATE = "create_conversation_atomic"
SEND = "send_message_v2"
GET = "get_conversation_v2"
METHODS = {CREATE: "startHelpConversation", SEND: "sendMessage", GET: "getConversation"}
TEXT = "The blue bicycle stands behind the chapel"
REDACTED = "[redacted: the error repeats the text of a message]"


def logged(database: TestDatabase, columns: str = "*") -> list[tuple[Any, ...]]:
    """Return these columns of every row, in the order of time."""
    return database.execute(f"select {columns} from messaging.rpc_events order by occurred_at")


def entries(database: TestDatabase) -> list[dict[str, Any]]:
    """Return the log entries in the order of time."""
    return [
        row[0]
        for row in database.execute(
            "select entry from messaging.rpc_event_log order by occurred_at"
        )
    ]


def arguments(function: str, user: UUID | None, place: UUID | None) -> list[Any]:
    """Return the arguments of a call on a request or a conversation."""
    return [place, user] if function == GET else [place, user, TEXT]


def test_success_is_one_row(migrated: TestDatabase, call: Call, people: People) -> None:
    """Who, what, where, with which outcome, and how long it took."""
    started = call(people.ben, CREATE, people.open_request, people.ben, TEXT)
    key = UUID(started["conversation_id"])
    sent = call(people.rosa, SEND, key, people.rosa, TEXT)
    opened = call(people.rosa, GET, key, people.rosa)
    assert logged(
        migrated,
        "request_id, service, method, event, error_code, user_id, conversation_id,"
        " help_request_id, version, sqlstate, error_message",
    ) == [
        (
            *(answer["request_id"], "MessagingServiceV2", METHODS[function], "success", None),
            *(user, key, request, "v2", None, None),
        )
        for answer, function, user, request in (
            (started, CREATE, people.ben, people.open_request),
            (sent, SEND, people.rosa, None),
            (opened, GET, people.rosa, None),
        )
    ]
    for moment, duration in logged(migrated, "occurred_at, duration_ms"):
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
        assert 0 < duration < 60_000


@pytest.mark.parametrize("function", METHODS)
@pytest.mark.parametrize("given", ["place", "user", "text"])
def test_call_with_a_null_is_one_row(
    migrated: TestDatabase, call: Call, people: People, function: str, given: str
) -> None:
    """A null in each argument is an answer, and a row."""
    values = arguments(function, people.ben, people.nobody)
    place = ["place", "user", "text"].index(given)
    if place < len(values):
        values[place] = None
    answer = call(people.ben, function, *values)
    assert logged(migrated, "request_id, event, error_code, user_id") == [
        (answer["request_id"], "function_error", answer["error"], people.ben)
    ]


@pytest.mark.parametrize("function", METHODS)
@pytest.mark.parametrize(
    ("claims", "signed_in"),
    [
        (None, None),
        ("", None),
        ('{"sub": "somebody"}', None),
        ('{"sub": ', None),
        ('{"sub": "270c1b08-4f3f-146e-b578-7075158d9c53"}', "mei"),
    ],
)
def test_stranger_is_one_row(
    migrated: TestDatabase,
    people: People,
    function: str,
    claims: str | None,
    signed_in: str | None,
) -> None:
    """Logged is who was signed in, not the one in whose name the call was made."""
    connection = migrated.as_role("authenticated", claims=claims)
    answer = invoke(connection, function, *arguments(function, people.ben, people.nobody))
    user = getattr(people, signed_in) if signed_in else None
    assert logged(
        migrated, "request_id, method, event, error_code, user_id, error_message, sqlstate"
    ) == [
        (
            *(answer["request_id"], METHODS[function], "function_error", "permission_denied"),
            *(user, answer["message"], None),
        )
    ]


def test_duplicate_names_the_conversation(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """The row of conversation_exists has the conversation that was there."""
    for _ in range(2):
        answer = call(people.ben, CREATE, people.open_request, people.ben, TEXT)
    assert logged(migrated, "error_code, conversation_id, help_request_id")[1:] == [
        ("conversation_exists", UUID(answer["conversation_id"]), people.open_request)
    ]


def test_rolled_back_call_is_no_row(migrated: TestDatabase, people: People) -> None:
    """The row is part of the transaction of the call."""
    connection = migrated.as_role("authenticated", people.ben)
    values = arguments(CREATE, people.ben, people.open_request)
    with connection.transaction(force_rollback=True):
        assert invoke(connection, CREATE, *values)["success"] is True
    assert logged(migrated) == []


def test_call_costs_one_insert(migrated: TestDatabase, people: People, conversation: UUID) -> None:
    """A call writes one row to the tables of the log, and reads and changes none."""
    connection = migrated.as_role("authenticated", people.ben)
    with connection.transaction():
        invoke(connection, GET, conversation, people.ben)
        rows = connection.execute(
            "select sum(n_tup_ins), sum(n_tup_upd + n_tup_del + seq_scan + idx_scan)"
            " from pg_stat_xact_all_tables where relname like 'rpc_events%'"
        ).fetchall()
    assert rows == [(1, 0)]


@pytest.mark.parametrize("function", METHODS)
def test_unexpected_error_is_in_the_log_and_not_in_the_answer(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, function: str
) -> None:
    """SQLSTATE and message are in the row; the answer shows nothing of them."""
    migrated.execute("truncate messaging.rpc_events")
    migrated.execute("alter table public.conversations_v2 rename column helper_id to gone")
    place = people.in_progress_request if function == CREATE else conversation
    answer = call(people.ben, function, *arguments(function, people.ben, place))
    assert answer.pop("request_id") == logged(migrated, "request_id")[0][0]
    assert answer.pop("message").startswith("Failed to ")
    assert answer == {
        "success": False,
        "error": "server_error",
        "http_status": 500,
        "details": {"reason": "unexpected"},
    }
    ((event, code, sqlstate, message),) = logged(
        migrated, "event, error_code, sqlstate, error_message"
    )
    assert (event, code, sqlstate) == ("server_error", "server_error", "42703")
    assert "helper_id" in message


ECHO = """
create function public.echo() returns trigger language plpgsql as $$
begin
    raise exception 'refused: %', {} using errcode = 'P0123';
end $$;
create trigger echo before insert on public.{} for each row execute function public.echo();
"""


@pytest.mark.parametrize(
    ("expression", "repeats"),
    [
        ("new.{}", True),
        ("upper(new.{})", True),
        ("left(new.{}, 12) || '...'", True),
        ("right(new.{}, 9)", True),
        ("length(new.{})", False),
    ],
)
@pytest.mark.parametrize("function", [CREATE, SEND])
def test_error_that_repeats_a_message_is_redacted(
    migrated: TestDatabase,
    call: Call,
    people: People,
    conversation: UUID,
    function: str,
    expression: str,
    repeats: bool,
) -> None:
    """Whatever a trigger puts into its error, and however it cuts it, the text is not logged."""
    table, column = {
        CREATE: ("conversations_v2", "initial_message"),
        SEND: ("messages_v2", "content"),
    }[function]
    migrated.execute(ECHO.format(expression.format(column), table))
    place = people.in_progress_request if function == CREATE else conversation
    call(people.ben, function, *arguments(function, people.ben, place))
    ((sqlstate, message),) = logged(migrated, "sqlstate, error_message")[1:]
    assert sqlstate == "P0123"
    assert (message == REDACTED) is repeats
    assert repeats or message == f"refused: {len(TEXT)}"


@pytest.mark.parametrize(
    ("message", "text", "expected"),
    [
        ("broken: hi", "hi", True),
        ("broken: ", "hi", False),
        ("broken", None, False),
        (None, "hi", False),
        ("broken", " \u2003", False),
        ("broken: caf\u00c9 au lait", "\u3000Caf\u00e9 au lait, please", True),
        ("value too long: y" + "x" * 900, "z" * 60 + "x" * 900, True),
        ("broken", "x" * 10_000_000, False),
    ],
)
def test_what_repeats_a_text(
    migrated: TestDatabase, message: str | None, text: str | None, expected: bool
) -> None:
    """A short text as a whole, of a longer one eight characters in a row, whatever the case."""
    assert migrated.execute("select messaging.repeats_text(%s, %s)", message, text) == [(expected,)]


def test_nothing_in_the_log_is_what_somebody_wrote(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """Of messages that are sent, refused and fail no word is in any column."""
    call(people.ben, CREATE, people.open_request, people.ben, TEXT)
    call(people.ben, CREATE, people.in_progress_request, people.ben, TEXT)
    call(people.ben, SEND, conversation, people.ben, TEXT)
    call(people.ben, SEND, conversation, people.mei, TEXT)
    call(people.mei, SEND, conversation, people.mei, TEXT)
    call(people.ben, SEND, conversation, people.ben, f"{TEXT} {TEXT}" * 100)
    call(people.ben, GET, conversation, people.ben)
    rows = logged(migrated, "to_jsonb(rpc_events)::text")
    assert len(rows) == 8
    for (row,) in rows:
        assert not any(word in row for word in ("bicycle", "chapel", "groceries"))


def test_view_gives_the_entry_of_the_service_design(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """Time in ISO 8601 and UTC, the keys of the design in its order, none that is null."""
    started = call(people.ben, CREATE, people.open_request, people.ben, TEXT)
    again = call(people.ben, CREATE, people.open_request, people.ben, TEXT)
    first, second = entries(migrated)
    moment = datetime.fromisoformat(first.pop("timestamp").replace("Z", "+00:00"))
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
    assert first.pop("duration_ms") > 0
    assert first == {
        "service": "MessagingServiceV2",
        "method": "startHelpConversation",
        "event": "success",
        "request_id": started["request_id"],
        "user_id": str(people.ben),
        "help_request_id": str(people.open_request),
        "conversation_id": started["conversation_id"],
        "version": "v2",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", second["timestamp"])
    assert list(second)[:5] == ["timestamp", "service", "method", "event", "request_id"]
    assert (second["error"], second["code"]) == (again["message"], "conversation_exists")
    assert "sqlstate" not in second


def test_entry_of_an_unexpected_error_has_its_sqlstate(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID
) -> None:
    """What went wrong inside is said there, in one line of JSON."""
    migrated.execute("alter table public.messages_v2 rename column content to gone")
    call(people.ben, GET, conversation, people.ben)
    entry = entries(migrated)[-1]
    assert (entry["event"], entry["code"], entry["sqlstate"]) == (
        *("server_error", "server_error"),
        "42703",
    )
    assert "\n" not in json.dumps(entry)


@pytest.mark.parametrize("function", METHODS)
def test_log_that_cannot_be_written_does_not_fail_the_call(
    migrated: TestDatabase, call: Call, people: People, conversation: UUID, function: str
) -> None:
    """The call does what it is for; that it was not logged is in the log of the server."""
    migrated.execute("alter table messaging.rpc_events rename to gone")
    place = people.in_progress_request if function == CREATE else conversation
    answer = call(people.ben, function, *arguments(function, people.ben, place))
    assert answer["success"] is True


def test_conversation_is_read_where_nothing_can_be_written(
    migrated: TestDatabase, people: People, conversation: UUID
) -> None:
    """In a read-only transaction, hence on a standby, reading goes on without the log."""
    connection = migrated.as_role("authenticated", people.ben)
    connection.execute("begin transaction read only")
    assert invoke(connection, GET, conversation, people.ben)["success"] is True


def test_no_internals_in_an_answer_between_the_two_changes(
    database: TestDatabase, plan: Plan, people: People
) -> None:
    """Where errors are noted for the log already, and not logged yet, callers do not see them."""
    plan.deploy(plan.through("messaging_system_v2_atomic"))
    database.execute("alter table public.conversations_v2 rename column helper_id to gone")
    connection = database.as_role("authenticated", people.ben)
    for function in METHODS:
        answer = invoke(connection, function, *arguments(function, people.ben, people.open_request))
        assert answer["error"] == "server_error"
        assert set(answer) == {
            *("success", "error", "message", "http_status", "details", "request_id"),
        }


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
@pytest.mark.parametrize("table", ["rpc_events", "rpc_events_default", "rpc_event_log"])
def test_log_is_out_of_reach(migrated: TestDatabase, role: str, table: str) -> None:
    """Nobody of the application reads it."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        migrated.as_role(role).execute(f"select from messaging.{table}".encode())
