-- Deploy care_collective_messaging:fix_v2_security_definer_auth to pg
--
-- What: second version. Each call of the three functions leaves one row in the event log, whoever
--     calls and whatever is answered.
-- Why: metrics and alerts count calls, those of strangers too.
-- Requires: event_log, fix_v2_security_definer_auth@v0.1.0, messaging_system_v2_atomic.
-- Transaction: yes.
--
-- The first version, script fix_v2_security_definer_auth@v0.1.0, makes messaging.caller_id(); the
-- tables come from messaging_system_v2_atomic@v0.1.0.
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
    v_started_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    v_answer pg_catalog.jsonb;
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_helper_id is distinct from v_caller_id then
        v_answer := messaging.failure(
            messaging.request_id(),
            'permission_denied',
            'not_the_caller',
            'Cannot create conversation on behalf of another user'
        );
    else
        v_answer := messaging.create_conversation(
            p_help_request_id,
            p_helper_id,
            p_initial_message,
            messaging.request_id()
        );
    end if;
    return messaging.record_call(
        'startHelpConversation',
        v_started_at,
        v_answer,
        v_caller_id,
        p_help_request_id => p_help_request_id,
        p_version => 'v2'
    );
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
    v_started_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    v_answer pg_catalog.jsonb;
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_sender_id is distinct from v_caller_id then
        v_answer := messaging.failure(
            messaging.request_id(),
            'permission_denied',
            'not_the_caller',
            'Cannot send message on behalf of another user'
        );
    else
        v_answer := messaging.send_message(
            p_conversation_id,
            p_sender_id,
            p_content,
            messaging.request_id()
        );
    end if;
    return messaging.record_call(
        'sendMessage',
        v_started_at,
        v_answer,
        v_caller_id,
        p_conversation_id => p_conversation_id,
        p_version => 'v2'
    );
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
    v_started_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    v_answer pg_catalog.jsonb;
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_user_id is distinct from v_caller_id then
        v_answer := messaging.failure(
            messaging.request_id(),
            'permission_denied',
            'not_the_caller',
            'Cannot access conversation for another user'
        );
    else
        v_answer := messaging.get_conversation(
            p_conversation_id,
            p_user_id,
            messaging.request_id()
        );
    end if;
    return messaging.record_call(
        'getConversation',
        v_started_at,
        v_answer,
        v_caller_id,
        p_conversation_id => p_conversation_id,
        p_version => 'v2'
    );
end;
$function$;

revoke all
    on function public.get_conversation_v2(uuid, uuid)
    from public, anon, authenticated, service_role;
grant execute
    on function public.get_conversation_v2(uuid, uuid)
    to authenticated;

commit;
