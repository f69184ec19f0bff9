-- Revert care_collective_messaging:fix_v2_security_definer_auth from pg
--
-- What: take EXECUTE back, then the identity checks: the functions as the change before left them.
-- Why: without the checks nobody may call them.
-- Requires: nothing.
-- Transaction: yes.
--
-- squawk warns of drops, which are what a revert is for, and wants timeouts that nothing here
-- needs.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, ban-drop-function

begin;

revoke all
    on function public.create_conversation_atomic(uuid, uuid, text)
    from public, anon, authenticated, service_role;

create or replace function public.create_conversation_atomic(
    p_help_request_id uuid,
    p_helper_id uuid,
    p_initial_message text
)
returns jsonb
language sql
volatile
security definer
set search_path = ''
return messaging.create_conversation(
    p_help_request_id,
    p_helper_id,
    p_initial_message,
    messaging.request_id()
);

revoke all
    on function public.send_message_v2(uuid, uuid, text)
    from public, anon, authenticated, service_role;

create or replace function public.send_message_v2(
    p_conversation_id uuid,
    p_sender_id uuid,
    p_content text
)
returns jsonb
language sql
volatile
security definer
set search_path = ''
return messaging.send_message(
    p_conversation_id,
    p_sender_id,
    p_content,
    messaging.request_id()
);

revoke all
    on function public.get_conversation_v2(uuid, uuid)
    from public, anon, authenticated, service_role;

create or replace function public.get_conversation_v2(
    p_conversation_id uuid,
    p_user_id uuid
)
returns jsonb
language sql
volatile
security definer
set search_path = ''
return messaging.get_conversation(
    p_conversation_id,
    p_user_id,
    messaging.request_id()
);

drop function messaging.caller_id();

commit;
