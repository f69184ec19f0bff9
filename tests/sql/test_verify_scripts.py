"""The verify scripts of the plan go red where what they prove is broken."""

from __future__ import annotations

import psycopg
import pytest

from tests.plugins.databases import TestDatabase
from tests.plugins.messaging import Plan

ATOMIC = {
    "column dropped": "alter table public.messages_v2 drop column updated_at",
    "column nullable": "alter table public.conversations_v2 alter column status drop not null",
    "default gone": "alter table public.conversations_v2 alter column status drop default",
    "type changed": "alter table public.conversations_v2 alter column origin type varchar(20)",
    "check gone": "alter table public.conversations_v2 drop constraint conversations_v2_two_people",
    "check not valid": """
        alter table public.conversations_v2
            drop constraint conversations_v2_status_known,
            add constraint conversations_v2_status_known
                check (status in ('active', 'closed', 'archived', 'blocked')) not valid
    """,
    "length not trimmed": """
        alter table public.messages_v2
            drop constraint messages_v2_content_length,
            add constraint messages_v2_content_length
                check (char_length(content) between 1 and 1000)
    """,
    "unique gone": """
        alter table public.conversations_v2
            drop constraint conversations_v2_help_request_id_helper_id_key
    """,
    "no cascade": """
        alter table public.messages_v2
            drop constraint messages_v2_conversation_id_fkey,
            add constraint messages_v2_conversation_id_fkey
                foreign key (conversation_id) references public.conversations_v2 (id)
    """,
    "table gone": "drop table public.conversation_reads_v2 cascade",
    "index gone": "drop index public.messages_v2_sender_id_created_at_idx",
    "trigger gone": "drop trigger messages_v2_note_last_message on public.messages_v2",
    "trigger disabled": """
        alter table public.conversations_v2 disable trigger conversations_v2_set_updated_at
    """,
    "row security off": "alter table public.messages_v2 disable row level security",
    "policy gone": "drop policy messages_v2_select_participant on public.messages_v2",
    "policy widened": """
        alter policy conversations_v2_select_participant on public.conversations_v2 using (true)
    """,
    "policy for everybody": """
        alter policy messages_v2_select_participant on public.messages_v2 to public
    """,
    "policy added": "create policy anything on public.messages_v2 using (true)",
    "insert granted": "grant insert on public.messages_v2 to authenticated",
    "update of all columns": "grant update on public.conversations_v2 to authenticated",
    "column granted": "grant update (content) on public.messages_v2 to authenticated",
    "anon may read": "grant select on public.conversations_v2 to anon",
    "everybody may read": "grant select on public.conversation_reads_v2 to public",
    "select revoked": "revoke select on public.messages_v2 from authenticated",
    "internals opened": "grant usage on schema messaging to authenticated",
    "internals executable": """
        grant execute on function messaging.send_message(uuid, uuid, text, text) to public
    """,
    "functions for anon": """
        grant execute on function public.get_conversation_v2(uuid, uuid) to anon
    """,
    "functions for everybody": """
        grant execute on function public.send_message_v2(uuid, uuid, text) to public
    """,
    "function of the invoker": """
        alter function public.send_message_v2(uuid, uuid, text) security invoker
    """,
    "search path open": "alter function public.get_conversation_v2(uuid, uuid) reset search_path",
    "not streamed": "alter publication supabase_realtime drop table public.messages_v2",
    "white space forgotten": """
        create or replace function messaging.trim_whitespace(p_text text) returns text
        language sql immutable strict parallel safe set search_path = ''
        return pg_catalog.btrim(p_text)
    """,
    "status forgotten": """
        create or replace function messaging.http_status(p_code text) returns integer
        language sql stable parallel safe set search_path = '' return 500
    """,
    "request id changed": """
        create or replace function messaging.request_id() returns text
        language sql volatile set search_path = '' return 'v2'
    """,
    "called by users without a check": """
        create or replace function public.send_message_v2(
            p_conversation_id uuid, p_sender_id uuid, p_content text
        ) returns jsonb language sql volatile security definer set search_path = ''
        return messaging.send_message(p_conversation_id, p_sender_id, p_content, 'id')
    """,
    "limits not asked": """
        create or replace function messaging.send_message(
            p_conversation_id uuid, p_sender_id uuid, p_content text, p_request_id text
        ) returns jsonb language sql volatile set search_path = ''
        return messaging.insert_message(p_conversation_id, p_sender_id, p_content, p_request_id)
    """,
    "moderation not asked": """
        do $do$
        begin
            execute replace(
                pg_get_functiondef(
                    'messaging.write_message(uuid, uuid, text, text)'::regprocedure
                ),
                'if v_refusal is not null', 'if false'
            );
        end $do$
    """,
    "status from elsewhere": """
        create or replace function messaging.http_status(p_code text) returns integer
        language sql stable parallel safe set search_path = ''
        return case p_code
            when 'validation_error' then 400 when 'permission_denied' then 403
            when 'not_found' then 404 else 500
        end
    """,
    "error kept from the log": """
        create or replace function messaging.unexpected(
            p_request_id text, p_message text, p_sqlstate text, p_error_message text,
            p_content text default null
        ) returns jsonb language sql stable set search_path = ''
        return messaging.failure(p_request_id, 'server_error', 'unexpected', p_message)
    """,
    "error shown to the caller": """
        do $do$
        begin
            execute replace(
                replace(
                    pg_get_functiondef('public.send_message_v2(uuid, uuid, text)'::regprocedure),
                    'messaging.record_call(', 'coalesce(v_answer, messaging.record_call('
                ),
                $$=> 'v2'
    )$$, $$=> 'v2'
    ))$$
            );
        end $do$
    """,
}

IDENTITY = {
    "a call not logged": """
        do $do$
        begin
            execute replace(
                pg_get_functiondef('public.get_conversation_v2(uuid, uuid)'::regprocedure),
                'v_answer := messaging.failure', 'return messaging.failure'
            );
        end $do$
    """,
    "a call logged twice": """
        do $do$
        begin
            execute replace(
                pg_get_functiondef('public.get_conversation_v2(uuid, uuid)'::regprocedure),
                'return messaging.record_call(',
                $$perform messaging.record_call(
                    'getConversation', v_started_at, v_answer, v_caller_id,
                    p_conversation_id => p_conversation_id, p_version => 'v2'
                );
                return messaging.record_call($$
            );
        end $do$
    """,
    "execute revoked": """
        revoke execute on function public.send_message_v2(uuid, uuid, text) from authenticated
    """,
    "execute for service_role": """
        grant execute on function public.send_message_v2(uuid, uuid, text) to service_role
    """,
    "execute for everybody": """
        grant execute on function public.get_conversation_v2(uuid, uuid) to public
    """,
    "function of the invoker": """
        alter function public.get_conversation_v2(uuid, uuid) security invoker
    """,
    "search path open": "alter function public.get_conversation_v2(uuid, uuid) reset search_path",
    "setting added": """
        alter function public.get_conversation_v2(uuid, uuid) set row_security = off
    """,
    "null gets through": """
        create or replace function public.get_conversation_v2(
            p_conversation_id uuid, p_user_id uuid
        ) returns jsonb language plpgsql volatile security definer set search_path = ''
        as $$
        begin
            if p_user_id <> messaging.caller_id() then
                return messaging.failure(
                    'id', 'permission_denied', 'not_the_caller',
                    'Cannot access conversation for another user'
                );
            end if;
            return messaging.get_conversation(p_conversation_id, p_user_id, 'id');
        end $$
    """,
    "nobody in the name of nobody": """
        create or replace function public.send_message_v2(
            p_conversation_id uuid, p_sender_id uuid, p_content text
        ) returns jsonb language plpgsql volatile security definer set search_path = ''
        as $$
        begin
            if p_sender_id is distinct from messaging.caller_id() then
                return messaging.failure(
                    'id', 'permission_denied', 'not_the_caller',
                    'Cannot send message on behalf of another user'
                );
            end if;
            return messaging.send_message(p_conversation_id, p_sender_id, p_content, 'id');
        end $$
    """,
    "arguments before identity": """
        create or replace function public.send_message_v2(
            p_conversation_id uuid, p_sender_id uuid, p_content text
        ) returns jsonb language sql volatile security definer set search_path = ''
        return messaging.send_message(p_conversation_id, p_sender_id, p_content, 'id')
    """,
    "garbled claims raise": """
        create or replace function messaging.caller_id() returns uuid
        language sql stable set search_path = '' return auth.uid()
    """,
    "nobody gets in": """
        create or replace function messaging.caller_id() returns uuid
        language sql stable set search_path = '' return null::uuid
    """,
}


HANDMADE_MUTATIONS = {
    "row security off": "alter table public.messages_v2 disable row level security",
    "time nullable": "alter table public.messages_v2 alter column updated_at drop not null",
    "status short": """
        drop trigger conversations_v2_guard_block on public.conversations_v2;
        drop policy messages_v2_insert_sender on public.messages_v2;
        alter table public.conversations_v2 alter column status type varchar(20)
    """,
    "unnamed check": "alter table public.messages_v2 add check (content <> '')",
    "named check gone": """
        alter table public.messages_v2 drop constraint messages_v2_content_length
    """,
    "named check not valid": """
        alter table public.conversations_v2
            drop constraint conversations_v2_two_people,
            add constraint conversations_v2_two_people check (requester_id <> helper_id) not valid
    """,
    "policy for everybody": """
        alter policy messages_v2_select_participant on public.messages_v2 to public
    """,
    "function for everybody": """
        grant execute on function public.send_message_v2(uuid, uuid, text) to public
    """,
    "function of the invoker": """
        alter function public.send_message_v2(uuid, uuid, text) security invoker
    """,
    "search path open": "alter function public.get_conversation_v2(uuid, uuid) reset search_path",
    "function twice": """
        create function public.send_message_v2(uuid, text) returns jsonb
        language sql security definer set search_path = '' return '{}'::jsonb
    """,
    "function gone": "drop function public.get_conversation_v2(uuid, uuid)",
    "null gets through": IDENTITY["null gets through"],
}


@pytest.mark.parametrize("mutation", HANDMADE_MUTATIONS)
def test_mend_handmade_schema_goes_red(
    deployed_plan: Plan, migrated: TestDatabase, mutation: str
) -> None:
    """Green, one thing as it is made by hand, red."""
    deployed_plan.run("verify", "mend_handmade_schema")
    migrated.connect(superuser=True).execute(HANDMADE_MUTATIONS[mutation].encode())
    with pytest.raises(psycopg.Error):
        deployed_plan.run("verify", "mend_handmade_schema")


@pytest.mark.parametrize("mutation", ATOMIC)
def test_messaging_system_v2_atomic_goes_red(
    deployed_plan: Plan, migrated: TestDatabase, mutation: str
) -> None:
    """Green, one thing broken, red."""
    deployed_plan.run("verify", "messaging_system_v2_atomic")
    migrated.connect(superuser=True).execute(ATOMIC[mutation].encode())
    with pytest.raises(psycopg.Error):
        deployed_plan.run("verify", "messaging_system_v2_atomic")


@pytest.mark.parametrize("mutation", IDENTITY)
def test_fix_v2_security_definer_auth_goes_red(
    deployed_plan: Plan, migrated: TestDatabase, mutation: str
) -> None:
    """Green, one thing broken, red."""
    deployed_plan.run("verify", "fix_v2_security_definer_auth")
    migrated.connect(superuser=True).execute(IDENTITY[mutation].encode())
    with pytest.raises(psycopg.Error):
        deployed_plan.run("verify", "fix_v2_security_definer_auth")


def test_difference_is_named(deployed_plan: Plan, migrated: TestDatabase) -> None:
    """The verify script says which object differs, and how."""
    migrated.execute("alter table public.conversations_v2 alter column status drop default")
    migrated.execute("grant insert on public.messages_v2 to anon")
    with pytest.raises(psycopg.errors.AssertFailure) as caught:
        deployed_plan.run("verify", "messaging_system_v2_atomic")
    detail = caught.value.diag.message_detail or ""
    assert "column public.conversations_v2.status: expected text not null default" in detail
    assert "privileges of anon on public.messages_v2: expected nothing, found INSERT" in detail


def test_verify_scripts_are_green_at_each_point_of_the_plan(plan: Plan) -> None:
    """Each change is verified with and without those after it, on the way there and back."""
    for count in range(1, len(plan.changes) + 1):
        plan.deploy(count)
        plan.verify()
    for count in range(len(plan.changes) - 1, 0, -1):
        plan.revert(count)
        plan.verify()


@pytest.mark.parametrize(
    "mutation",
    [
        "drop index public.messages_v2_sender_id_idx",
        "drop index public.conversations_v2_helper_id_idx",
        "grant execute on function public.send_message_v2(uuid, uuid, text) to anon",
        "alter table public.messages_v2 disable row level security",
    ],
)
def test_first_version_goes_red(plan: Plan, database: TestDatabase, mutation: str) -> None:
    """Where the second version is not deployed, the script of the first one still proves it."""
    plan.deploy(3)
    plan.run("verify", plan.changes[1])
    database.execute(mutation)
    with pytest.raises(psycopg.errors.AssertFailure):
        plan.run("verify", plan.changes[1])


def test_verify_scripts_change_nothing(deployed_plan: Plan, migrated: TestDatabase) -> None:
    """They leave no row and no object behind, and take no row of others."""
    before = migrated.execute(
        "select count(*) from pg_class union all select count(*) from pg_proc"
    )
    deployed_plan.verify()
    after = migrated.execute("select count(*) from pg_class union all select count(*) from pg_proc")
    assert before == after
