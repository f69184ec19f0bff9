-- Revert care_collective_messaging:fix_v2_security_definer_auth from pg
--
-- What: the three functions without the event log, with their identity checks and grants: as the
--     second version of messaging_system_v2_atomic left them.
-- Why: event_log can then be reverted.
-- Requires: nothing.
-- Transaction: yes.
--
-- squawk wants timeouts; replacing a function takes no lock that an application could feel.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

create or replace function public.create_conversation_atomic(
    p_help_request_id uuid,
    p_helper_id uuid,
    p_initial_message text
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_helper_id is distinct from v_caller_id then
        return messaging.failure(
            messaging.request_id(),
            'permission_denied',
            'not_the_caller',
            'Cannot create conversation on behalf of another user'
        );
    end if;
    return messaging.create_conversation(
        p_help_request_id,
        p_helper_id,
        p_initial_message,
        messaging.request_id()
    ) - 'internal';
end;
$function$;

revoke all
    on function public.create_conversation_atomic(uuid, uuid, text)
    from public, anon, authenticated, service_role;
grant execute
    on function public.create_conversation_atomic(uuid, uuid, text)
    to authenticated;

create or replace function public.send_message_v2(
    p_conversation_id uuid,
    p_sender_id uuid,
    p_content text
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_sender_id is distinct from v_caller_id then
        return messaging.failure(
            messaging.request_id(),
            'permission_denied',
            'not_the_caller',
            'Cannot send message on behalf of another user'
        );
    end if;
    return messaging.send_message(
        p_conversation_id,
        p_sender_id,
        p_content,
        messaging.request_id()
    ) - 'internal';
end;
$function$;

revoke all
    on function public.send_message_v2(uuid, uuid, text)
    from public, anon, authenticated, service_role;
grant execute
    on function public.send_message_v2(uuid, uuid, text)
    to authenticated;

create or replace function public.get_conversation_v2(
    p_conversation_id uuid,
    p_user_id uuid
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_user_id is distinct from v_caller_id then
        return messaging.failure(
            messaging.request_id(),
            'permission_denied',
            'not_the_caller',
            'Cannot access conversation for another user'
        );
    end if;
    return messaging.get_conversation(
        p_conversation_id,
        p_user_id,
        messaging.request_id()
    ) - 'internal';
end;
$function$;

revoke all
    on function public.get_conversation_v2(uuid, uuid)
    from public, anon, authenticated, service_role;
grant execute
    on function public.get_conversation_v2(uuid, uuid)
    to authenticated;

commit;
