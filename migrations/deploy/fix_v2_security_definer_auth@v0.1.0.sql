-- Deploy care_collective_messaging:fix_v2_security_definer_auth to pg
--
-- What: the three functions ask first whether the caller is who they say they are; then, and in the
--     same transaction, signed-in users are given EXECUTE.
-- Why: the functions run with the rights of their owner, past row level security.
-- Requires: messaging_system_v2_atomic.
-- Transaction: yes.
--
-- squawk wants timeouts; replacing a function takes no lock that an application could feel.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

-- The one function with another search path than the empty one: auth.uid() is not ours, has none of
-- its own, and casts to "uuid". With the empty path, temporary types of the caller come first.
create function messaging.caller_id()
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $function$
begin
    return auth.uid();
exception
    -- Claims that are no JSON, or a "sub" that is no uuid: then nobody is signed in.
    when others then
        return null;
end;
$function$;

revoke all
    on function messaging.caller_id()
    from public, anon, authenticated, service_role;

comment on function messaging.caller_id() is
    'The signed-in user, or null; never an error, whatever the claims are.';

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
