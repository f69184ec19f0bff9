-- Revert care_collective_messaging:messaging_system_v2_atomic from pg
--
-- What: the functions as the first versions of this change and of fix_v2_security_definer_auth, the
--     scripts @v0.1.0, made them; without limits, moderation and what the log needs.
-- Why: limits and moderation can then be reverted.
-- Requires: nothing that calls messaging.insert_conversation() or messaging.insert_message().
-- Transaction: yes.
--
-- squawk warns of drops, which are what a revert is for, and wants timeouts that nothing here
-- needs.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, ban-drop-function

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

create or replace function messaging.get_conversation(
    p_conversation_id uuid,
    p_user_id uuid,
    p_request_id text
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_conversation pg_catalog.jsonb;
    v_messages pg_catalog.jsonb;
    v_has_more boolean;
begin
    select
        pg_catalog.jsonb_build_object(
            'id', conversation.id,
            'help_request_id', conversation.help_request_id,
            'requester_id', conversation.requester_id,
            'helper_id', conversation.helper_id,
            'initial_message', conversation.initial_message,
            'status', conversation.status,
            'origin', conversation.origin,
            'created_at', conversation.created_at,
            'updated_at', conversation.updated_at,
            'last_message_at', conversation.last_message_at,
            'version', 'v2'
        )
    into v_conversation
    from public.conversations_v2 as conversation
    where conversation.id = p_conversation_id
        and p_user_id in (conversation.requester_id, conversation.helper_id);

    if not found then
        return messaging.failure(
            p_request_id,
            'not_found',
            'conversation_not_found',
            'Conversation not found or you do not have access'
        );
    end if;

    -- One more than is shown tells whether there is more.
    select
        coalesce(
            pg_catalog.jsonb_agg(
                pg_catalog.jsonb_build_object(
                    'id', newest.id,
                    'conversation_id', newest.conversation_id,
                    'sender_id', newest.sender_id,
                    'content', newest.content,
                    'created_at', newest.created_at,
                    'updated_at', newest.updated_at
                )
                order by newest.created_at, newest.id
            ) filter (where newest.place <= 200),
            '[]'
        ),
        pg_catalog.count(*) > 200
    into
        v_messages,
        v_has_more
    from (
        select
            message.id,
            message.conversation_id,
            message.sender_id,
            message.content,
            message.created_at,
            message.updated_at,
            pg_catalog.row_number() over (
                order by
                    message.created_at desc,
                    message.id desc
            ) as place
        from public.messages_v2 as message
        where message.conversation_id = p_conversation_id
        order by
            message.created_at desc,
            message.id desc
        limit 201
    ) as newest;

    return messaging.success(
        p_request_id,
        'Conversation retrieved successfully',
        pg_catalog.jsonb_build_object(
            'conversation', v_conversation,
            'messages', v_messages,
            'has_more', v_has_more
        )
    );
exception
    when others then
        raise log 'messaging % get_conversation: % %', p_request_id, sqlstate, sqlerrm;
        return messaging.failure(
            p_request_id,
            'server_error',
            'unexpected',
            'Failed to fetch conversation'
        );
end;
$function$;

revoke all
    on function messaging.get_conversation(uuid, uuid, text)
    from public, anon, authenticated, service_role;

comment on function messaging.get_conversation(uuid, uuid, text) is
    'A conversation and its newest 200 messages, oldest first. Trusts p_user_id.';

create or replace function messaging.send_message(
    p_conversation_id uuid,
    p_sender_id uuid,
    p_content text,
    p_request_id text
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_content pg_catalog.text;
    v_status pg_catalog.text;
    v_message_id pg_catalog.uuid;
begin
    if pg_catalog.octet_length(p_content) > 65536 then
        return messaging.failure(
            p_request_id,
            'validation_error',
            'message_too_long',
            'Message cannot exceed 1000 characters'
        );
    end if;
    v_content := messaging.trim_whitespace(p_content);
    if v_content is null or v_content = '' then
        return messaging.failure(
            p_request_id,
            'validation_error',
            'message_empty',
            'Message content cannot be empty'
        );
    end if;
    if pg_catalog.char_length(v_content) > 1000 then
        return messaging.failure(
            p_request_id,
            'validation_error',
            'message_too_long',
            'Message cannot exceed 1000 characters'
        );
    end if;

    -- Whoever closes or blocks the conversation waits for us, or we for them. Two people writing at
    -- once take turns: the trigger updates the row, and a share lock on both sides would deadlock.
    -- A stranger's call finds no row, hence locks none.
    select conversation.status
    into v_status
    from public.conversations_v2 as conversation
    where conversation.id = p_conversation_id
        and p_sender_id in (conversation.requester_id, conversation.helper_id)
    for no key update;

    if not found then
        return messaging.failure(
            p_request_id,
            'permission_denied',
            'not_a_participant',
            'Not authorized to send messages in this conversation'
        );
    end if;
    if v_status <> 'active' then
        return messaging.failure(
            p_request_id,
            'permission_denied',
            'conversation_not_active',
            'Not authorized to send messages in this conversation'
        );
    end if;

    -- The clock is read under the lock, so that the order of times is the order of commits.
    insert into public.messages_v2 (
        conversation_id,
        sender_id,
        content,
        created_at,
        updated_at
    )
    select
        p_conversation_id,
        p_sender_id,
        v_content,
        clock.now,
        clock.now
    from (select pg_catalog.clock_timestamp() as now) as clock
    returning messages_v2.id into v_message_id;

    return messaging.success(
        p_request_id,
        'Message sent successfully',
        pg_catalog.jsonb_build_object('message_id', v_message_id)
    );
exception
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        raise log 'messaging % send_message: % %', p_request_id, sqlstate, sqlerrm;
        return messaging.failure(
            p_request_id,
            'server_error',
            'unexpected',
            'Failed to send message'
        );
end;
$function$;

revoke all
    on function messaging.send_message(uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.send_message(uuid, uuid, text, text) is
    'Writes a follow-up message. Trusts p_sender_id: callers have checked it.';

create or replace function messaging.create_conversation(
    p_help_request_id uuid,
    p_helper_id uuid,
    p_initial_message text,
    p_request_id text
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_message pg_catalog.text;
    v_requester_id pg_catalog.uuid;
    v_status pg_catalog.text;
    v_conversation_id pg_catalog.uuid;
    v_constraint pg_catalog.text;
begin
    -- Nobody needs 64 KiB to say 1,000 characters; do not even trim them.
    if pg_catalog.octet_length(p_initial_message) > 65536 then
        return messaging.failure(
            p_request_id,
            'validation_error',
            'message_too_long',
            'Initial message cannot exceed 1000 characters'
        );
    end if;
    v_message := messaging.trim_whitespace(p_initial_message);
    if v_message is null or pg_catalog.char_length(v_message) < 10 then
        return messaging.failure(
            p_request_id,
            'validation_error',
            'message_too_short',
            'Initial message must be at least 10 characters long'
        );
    end if;
    if pg_catalog.char_length(v_message) > 1000 then
        return messaging.failure(
            p_request_id,
            'validation_error',
            'message_too_long',
            'Initial message cannot exceed 1000 characters'
        );
    end if;

    -- Share, not key share: whoever closes the request waits for us or we for them, and then see
    -- what they did. Several helpers may still answer at the same moment.
    select
        request.user_id,
        request.status::pg_catalog.text
    into
        v_requester_id,
        v_status
    from public.help_requests as request
    where request.id = p_help_request_id
    for share;

    if not found then
        return messaging.failure(
            p_request_id,
            'not_found',
            'help_request_not_found',
            'Help request not found'
        );
    end if;
    if v_requester_id is not distinct from p_helper_id then
        return messaging.failure(
            p_request_id,
            'validation_error',
            'own_help_request',
            'Cannot create conversation with yourself'
        );
    end if;
    if v_status is null or v_status not in ('open', 'in_progress') then
        return messaging.failure(
            p_request_id,
            'help_request_unavailable',
            'help_request_closed',
            'Help request is no longer available'
        );
    end if;

    -- The loop turns only where the conversation that was in the way is deleted meanwhile.
    loop
        insert into public.conversations_v2 (
            help_request_id,
            requester_id,
            helper_id,
            initial_message
        )
        values (
            p_help_request_id,
            v_requester_id,
            p_helper_id,
            v_message
        )
        on conflict on constraint conversations_v2_help_request_id_helper_id_key do nothing
        returning conversations_v2.id into v_conversation_id;

        if found then
            return messaging.success(
                p_request_id,
                'Conversation created successfully',
                pg_catalog.jsonb_build_object('conversation_id', v_conversation_id)
            );
        end if;

        select conversation.id
        into v_conversation_id
        from public.conversations_v2 as conversation
        where conversation.help_request_id = p_help_request_id
            and conversation.helper_id = p_helper_id;

        if found then
            return messaging.failure(
                p_request_id,
                'conversation_exists',
                'duplicate_conversation',
                'Conversation already exists for this help request and helper',
                pg_catalog.jsonb_build_object('conversation_id', v_conversation_id)
            );
        end if;
    end loop;
exception
    when foreign_key_violation then
        get stacked diagnostics v_constraint = constraint_name;
        if v_constraint = 'conversations_v2_helper_id_fkey' then
            -- The token outlived the account.
            return messaging.failure(
                p_request_id,
                'unauthorized',
                'account_not_found',
                'Your account no longer exists'
            );
        end if;
        -- The owner's account is gone, and so is the request to everybody.
        return messaging.failure(
            p_request_id,
            'not_found',
            'help_request_not_found',
            'Help request not found'
        );
    -- Beyond read committed the transaction can only be tried again, which is for its owner to do.
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        raise log 'messaging % create_conversation: % %', p_request_id, sqlstate, sqlerrm;
        return messaging.failure(
            p_request_id,
            'server_error',
            'unexpected',
            'Failed to create conversation'
        );
end;
$function$;

revoke all
    on function messaging.create_conversation(uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.create_conversation(uuid, uuid, text, text) is
    'Begins a conversation with its first message. Trusts p_helper_id: callers have checked it.';

drop function messaging.insert_message(uuid, uuid, text, text);
drop function messaging.insert_conversation(uuid, uuid, text, text);
drop function messaging.write_message(uuid, uuid, text, text);
drop function messaging.write_conversation(uuid, uuid, text, text);
drop function messaging.start_failed(text, text, text, text, text);

create or replace function messaging.trim_whitespace(
    p_text text
)
returns text
language sql
immutable
strict
parallel safe
set search_path = ''
return pg_catalog.btrim(
    p_text,
    E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003'
    '\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'
);

revoke all
    on function messaging.trim_whitespace(text)
    from public, anon, authenticated, service_role;

create or replace function messaging.failure(
    p_request_id text,
    p_code text,
    p_reason text,
    p_message text,
    p_extra jsonb default '{}'
)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
return pg_catalog.jsonb_build_object(
    'success', false,
    'error', p_code,
    'message', p_message,
    'http_status', messaging.http_status(p_code),
    'details', pg_catalog.jsonb_build_object('reason', p_reason) || p_extra,
    'request_id', p_request_id
) || p_extra;

revoke all
    on function messaging.failure(text, text, text, text, jsonb)
    from public, anon, authenticated, service_role;

create or replace function messaging.request_id()
returns text
language sql
volatile
set search_path = ''
return pg_catalog.format(
    'v2_%s_%s',
    pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp()) * 1000)::bigint,
    pg_catalog.substr(pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', ''), 1, 12)
);

revoke all
    on function messaging.request_id()
    from public, anon, authenticated, service_role;

create or replace function messaging.http_status(
    p_code text
)
returns integer
language sql
immutable
parallel safe
set search_path = ''
return case p_code
    when 'conversation_exists' then 409
    when 'help_request_unavailable' then 400
    when 'permission_denied' then 403
    when 'validation_error' then 400
    when 'not_found' then 404
    when 'unauthorized' then 401
    when 'rate_limit_exceeded' then 429
    when 'rpc_error' then 500
    when 'server_error' then 500
end;

revoke all
    on function messaging.http_status(text)
    from public, anon, authenticated, service_role;

comment on function messaging.http_status(text) is
    'HTTP status of an error code; the only place that knows it. Null for a code that is none.';

commit;
