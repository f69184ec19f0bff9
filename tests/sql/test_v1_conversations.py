"""v1_conversations: deployed by whom it can be, taken back, and proved by its verify script."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from carecli.resources import data_directory
from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import People, Plan
from tests.plugins.v1 import FirstSystem

CHANGE = "v1_conversations"
TEXT = "I can help you"

START_SIGNATURE = "messaging.start_conversation_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)"
SEND_SIGNATURE = "messaging.send_message_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)"

TABLES = ("conversations", "conversation_participants", "messages")


@pytest.mark.parametrize("function", ["start_conversation_v1", "send_message_v1"])
def test_functions_that_write_v1_are_called_by_ours_alone(
    migrated: TestDatabase, people: People, function: str
) -> None:
    """Their owner is authenticated, who may not call them all the same."""
    for role in ("anon", "authenticated", "service_role"):
        session = migrated.as_role(role, people.ben)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"select messaging.{function}({', '.join(['null'] * 7)})".encode())
    assert migrated.execute(
        "select proowner::regrole::text, prosecdef from pg_proc where proname = %s", function
    ) == [("authenticated", True)]


def test_signed_in_users_keep_no_privilege_on_the_schema(migrated: TestDatabase) -> None:
    """CREATE was theirs for a moment of the deploy only."""
    assert migrated.execute(
        "select has_schema_privilege('authenticated', 'messaging', 'usage'),"
        " has_schema_privilege('authenticated', 'messaging', 'create')"
    ) == [(False, False)]


@pytest.mark.parametrize("membership", ["none", "without inherit"])
def test_deploy_asks_for_membership(plan: Plan, membership: str) -> None:
    """A role that cannot hand functions over to authenticated is told so, first of all."""
    plan.deploy(plan.changes.index(CHANGE))
    superuser = plan.database.connect(superuser=True)
    name = f"outsider_{uuid4().hex}"
    superuser.execute(f"create role {name} noinherit".encode())
    try:
        if membership == "without inherit":
            superuser.execute(f"grant authenticated to {name}".encode())
        superuser.execute(f"set role {name}".encode())
        with pytest.raises(
            psycopg.errors.InsufficientPrivilege, match="must be a member of role authenticated"
        ) as caught:
            superuser.execute(
                (data_directory("migrations") / "deploy" / f"{CHANGE}.sql").read_bytes()
            )
        assert (caught.value.diag.message_hint or "").startswith("grant authenticated to")
        superuser.execute("rollback")
    finally:
        superuser.execute("reset role")
        superuser.execute(f"drop role {name}".encode())
    assert plan.database.execute("select to_regproc('messaging.v1_exists')") == [(None,)]


def test_revert_and_deploy_again(migrated: TestDatabase, plan: Plan, deployed_plan: Plan) -> None:
    """The functions of another owner can be dropped by the migrating role, and come back."""
    place = deployed_plan.changes.index(CHANGE)
    deployed_plan.revert(place)
    assert migrated.execute(
        "select count(*) from pg_proc where proowner = 'authenticated'::regrole"
    ) == [(0,)]
    deployed_plan.verify()
    deployed_plan.deploy()
    deployed_plan.verify()


@pytest.mark.parametrize("policies", ["as they are", "mended", "no row security", "no tables"])
def test_verify_script_is_green_whatever_v1_is(
    deployed_plan: Plan, first_system: FirstSystem, people: People, policies: str
) -> None:
    """The functions end as a signed-in user's statements end, and nothing is left behind."""
    first_system.begin(people.open_request, people.ben, people.rosa, TEXT)
    if policies == "mended":
        first_system.mend()
    if policies == "no row security":
        for table in TABLES:
            deployed_plan.database.execute(f"alter table public.{table} disable row level security")
    if policies == "no tables":
        deployed_plan.database.execute("drop table public.messages cascade")
        deployed_plan.run("verify", CHANGE)
        return
    deployed_plan.run("verify", CHANGE)
    assert first_system.counts() == (1, 2, 1)


@pytest.mark.parametrize(
    "breakage",
    [
        f"alter function {START_SIGNATURE} owner to postgres",
        f"alter function {SEND_SIGNATURE} owner to postgres",
        f"alter function {START_SIGNATURE} security invoker",
        f"alter function {SEND_SIGNATURE} reset search_path",
        f"alter function {SEND_SIGNATURE} reset row_security",
        f"grant execute on function {START_SIGNATURE} to authenticated",
        f"grant execute on function {SEND_SIGNATURE} to public",
        "grant execute on function messaging.conversation_v1(uuid, uuid) to service_role",
        "grant usage on schema messaging to authenticated",
        "grant create on schema messaging to authenticated",
        """
        create or replace function messaging.lock_conversation_v1(
            p_conversation_id uuid, p_user_id uuid
        ) returns text language sql as $$ select 'active' $$
        """,
        "drop function messaging.failure_of_v1(text, text, text, text, text)",
    ],
)
def test_verify_script_sees_what_is_broken(
    deployed_plan: Plan, first_system: FirstSystem, breakage: str
) -> None:
    """Green as deployed, red after each breakage."""
    deployed_plan.run("verify", CHANGE)
    deployed_plan.database.connect(superuser=True).execute(breakage.encode())
    with pytest.raises((psycopg.errors.AssertFailure, psycopg.errors.UndefinedFunction)):
        deployed_plan.run("verify", CHANGE)


def test_rights_are_compared_and_not_only_read_off(
    deployed_plan: Plan, mended: FirstSystem
) -> None:
    """A policy that holds signed-in users alone shows whether the functions are held too."""
    script = (data_directory("migrations") / "verify" / f"{CHANGE}.sql").read_text("utf-8")
    rights = script[script.index("do $rights$") : script.index("$rights$;") + len("$rights$;")]
    deployed_plan.database.execute(rights)
    deployed_plan.database.connect(superuser=True).execute(
        f"alter function {START_SIGNATURE} owner to postgres".encode()
    )
    with pytest.raises(psycopg.errors.AssertFailure, match="start_conversation_v1"):
        deployed_plan.database.execute(rights)
