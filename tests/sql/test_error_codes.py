"""Error codes as data: what they are, who reads them, and that answers take their status here."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Call, People, Plan, invoke

CODES = {
    "conversation_exists": 409,
    "help_request_unavailable": 400,
    "permission_denied": 403,
    "validation_error": 400,
    "not_found": 404,
    "unauthorized": 401,
    "rate_limit_exceeded": 429,
    "rpc_error": 500,
    "server_error": 500,
}
CREATE = "create_conversation_atomic"
SEND = "send_message_v2"
GET = "get_conversation_v2"
HELP = "I can help you"
NOT_AUTHORIZED = "Not authorized to send messages in this conversation"


def test_codes_are_those_of_the_contract(migrated: TestDatabase) -> None:
    """Nine codes, each with its HTTP status."""
    assert dict(migrated.execute("select code, http_status from messaging.error_codes")) == CODES


@pytest.mark.parametrize("role", ["authenticated", "service_role"])
@pytest.mark.parametrize("claims", [None, "", "{}", '{"sub": null}', '{"sub": '])
def test_codes_are_readable_through_a_function(
    migrated: TestDatabase, role: str, claims: str | None
) -> None:
    """Everybody who may call gets all of it, whoever they say they are."""
    answer = invoke(migrated.as_role(role, claims=claims), "list_error_codes")
    assert answer.pop("request_id").startswith("v2_")
    entries = answer.pop("error_codes")
    assert answer == {"success": True, "message": "Error codes retrieved successfully"}
    assert {entry["code"]: entry["http_status"] for entry in entries} == CODES
    for entry in entries:
        assert set(entry) == {"code", "http_status", "user_message", "client_action"}
        assert entry["user_message"].strip()
        assert entry["client_action"].strip()


def test_anon_may_not_ask(migrated: TestDatabase) -> None:
    """Who is not signed in calls nothing."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        invoke(migrated.as_role("anon"), "list_error_codes")


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
@pytest.mark.parametrize(
    "statement",
    [
        "select from messaging.error_codes",
        "update messaging.error_codes set http_status = 500",
        "delete from messaging.error_codes",
    ],
)
def test_table_is_out_of_reach(
    migrated: TestDatabase, people: People, role: str, statement: str
) -> None:
    """The function is the only way, and it only reads."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        migrated.as_role(role, people.ben).execute(statement.encode())


def test_reading_codes_is_not_logged(migrated: TestDatabase, people: People) -> None:
    """It neither writes nor opens a conversation."""
    invoke(migrated.as_role("authenticated", people.ben), "list_error_codes")
    assert migrated.execute("select count(*) from messaging.rpc_events") == [(0,)]


def test_table_is_the_only_source_of_the_status(
    migrated: TestDatabase, call: Call, people: People
) -> None:
    """An edited status is in the next answer, an edited text in the list."""
    migrated.execute(
        "update messaging.error_codes set http_status = 410, user_message = 'Gone'"
        " where code = 'not_found'"
    )
    answer = call(people.ben, GET, people.nobody, people.ben)
    assert answer["http_status"] == 410
    entries = call(people.ben, "list_error_codes")["error_codes"]
    assert [entry["user_message"] for entry in entries if entry["http_status"] == 410] == ["Gone"]


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("code = 'Not Found'", "error_codes_code_format"),
        ("code = ''", "error_codes_code_format"),
        ("code = 'server_error'", "error_codes_pkey"),
        ("http_status = 200", "error_codes_http_status_of_an_error"),
        ("http_status = 600", "error_codes_http_status_of_an_error"),
        ("user_message = E' \\n'", "error_codes_user_message_not_blank"),
        ("client_action = ''", "error_codes_client_action_not_blank"),
    ],
)
def test_row_that_breaks_a_rule_is_refused(
    migrated: TestDatabase, change: str, constraint: str
) -> None:
    """Each constraint is violated once."""
    with pytest.raises(psycopg.IntegrityError) as caught:
        migrated.execute(f"update messaging.error_codes set {change} where code = 'not_found'")
    assert caught.value.diag.constraint_name == constraint


def test_every_column_is_needed_and_has_a_comment(migrated: TestDatabase) -> None:
    """No column takes null."""
    rows = migrated.execute(
        """
        select attname from pg_attribute
        where attrelid = 'messaging.error_codes'::regclass and attnum > 0
            and (not attnotnull or col_description(attrelid, attnum) is null)
        """
    )
    assert rows == []


# Function, request or conversation, text, and what is answered to Ben.
SITUATIONS: dict[str, tuple[str, str, str, str, str]] = {
    "text too short": (
        *(CREATE, "open_request", "too short", "validation_error"),
        "Initial message must be at least 10 characters long",
    ),
    "text too long": (
        *(CREATE, "open_request", "x " * 501 + "x", "validation_error"),
        "Initial message cannot exceed 1000 characters",
    ),
    "no such request": (CREATE, "nobody", HELP, "not_found", "Help request not found"),
    "own request": (
        *(CREATE, "request_of_ben", HELP, "validation_error"),
        "Cannot create conversation with yourself",
    ),
    "closed request": (
        *(CREATE, "closed_request", HELP, "help_request_unavailable"),
        "Help request is no longer available",
    ),
    "second conversation": (
        *(CREATE, "in_progress_request", HELP, "conversation_exists"),
        "Conversation already exists for this help request and helper",
    ),
    "empty message": (
        SEND,
        "conversation",
        " ",
        "validation_error",
        "Message content cannot be empty",
    ),
    "long message": (
        *(SEND, "conversation", "x " * 501 + "x", "validation_error"),
        "Message cannot exceed 1000 characters",
    ),
    "no such conversation": (SEND, "nobody", HELP, "permission_denied", NOT_AUTHORIZED),
    "nothing to open": (
        *(GET, "nobody", "", "not_found"),
        "Conversation not found or you do not have access",
    ),
    "begun": (CREATE, "open_request", HELP, "", "Conversation created successfully"),
    "sent": (SEND, "conversation", HELP, "", "Message sent successfully"),
}


@pytest.fixture
def places(migrated: TestDatabase, call: Call, people: People) -> dict[str, UUID]:
    """Give requests and conversations by name."""
    known = {name: key for name, key in vars(People).items() if isinstance(key, UUID)}
    known["request_of_ben"] = people.completed_request
    migrated.execute(
        "update public.help_requests set user_id = %s, status = 'open' where id = %s",
        people.ben,
        people.completed_request,
    )
    started = call(people.ben, CREATE, people.in_progress_request, people.ben, HELP)
    return known | {"conversation": UUID(started["conversation_id"])}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_situation_has_its_code_and_its_text(
    call: Call, people: People, places: dict[str, UUID], situation: str
) -> None:
    """The texts are those of the contract, to the letter, and the status is the code's."""
    function, place, text, code, message = SITUATIONS[situation]
    arguments: list[Any] = [places[place], people.ben]
    if function != GET:
        arguments.append(text)
    answer = call(people.ben, function, *arguments)
    assert answer["message"] == message
    assert answer["success"] is (code == "")
    assert answer.get("error", "") == code
    assert answer.get("http_status") == CODES.get(code)
    assert answer["request_id"].startswith("v2_")


def test_revert_refuses_to_lose_an_edited_text(plan: Plan, database: TestDatabase) -> None:
    """Rows of the deploy are no loss, those that an operator has edited are."""
    plan.deploy(plan.through("error_codes"))
    database.execute(
        "update messaging.error_codes set user_message = 'No' where code = 'not_found'"
    )
    with pytest.raises(psycopg.errors.ObjectInUse, match=r"error_codes \(1 edited rows\)"):
        plan.revert(3)
    plan.revert(3, carecli__allow_data_loss="on")
    assert database.execute("select to_regclass('messaging.error_codes')") == [(None,)]


BROKEN = {
    "status": "update messaging.error_codes set http_status = 500 where code = 'not_found'",
    "code gone": "delete from messaging.error_codes where code = 'rpc_error'",
    "code added": "insert into messaging.error_codes values ('teapot', 418, 'x', 'x')",
    "rule gone": "alter table messaging.error_codes drop constraint error_codes_code_format",
    "rule changed": """
        alter table messaging.error_codes
            drop constraint error_codes_http_status_of_an_error,
            add constraint error_codes_http_status_of_an_error check (http_status > 0)
    """,
    "table open": "grant select on messaging.error_codes to service_role",
    "function open": "grant execute on function public.list_error_codes() to anon",
    "function closed": "revoke all on function public.list_error_codes() from authenticated",
    "schema closed": "revoke usage on schema messaging from service_role",
    "schema open": "grant usage on schema messaging to authenticated",
    "function gone": "drop function public.list_error_codes()",
    "texts left out": """
        create or replace function public.list_error_codes() returns jsonb
        language sql volatile security definer set search_path = ''
        return messaging.success('v2_1', 'x', pg_catalog.jsonb_build_object('error_codes', (
            select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(entry) - 'client_action')
            from messaging.error_codes as entry
        )))
    """,
}


@pytest.mark.parametrize("change", BROKEN)
def test_verify_goes_red(deployed_plan: Plan, migrated: TestDatabase, change: str) -> None:
    """Green, one thing broken, red."""
    deployed_plan.run("verify", "error_codes")
    migrated.execute(BROKEN[change])
    with pytest.raises(psycopg.Error):
        deployed_plan.run("verify", "error_codes")
