-- Deploy care_collective_messaging:messaging_system_v2_atomic to pg
--
-- What: second version. HTTP statuses are read from messaging.error_codes; starting and writing ask
--     first whether the user is admitted and then whether the text is allowed, and stand in parts
--     that another route can use; the times of messages only grow within a conversation; an
--     unexpected error leaves its SQLSTATE for the log.
-- Why: limits and moderation in the functions that write hold for whoever calls them.
-- Requires: error_codes, event_log, limits, messaging_system_v2_atomic@v0.1.0, moderation.
-- Transaction: yes.
--
-- The first version, script messaging_system_v2_atomic@v0.1.0, makes the schema, the tables with
-- their policies, and the functions that are not named here.
-- The functions of the application leave out what is for the log, until the next change writes it.
--
-- squawk wants timeouts; replacing a function takes no lock that an application could feel.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

-- Answers ----------------------------------------------------------------------------------------

create or replace function messaging.http_status(
    p_code text
)
returns integer
language sql
stable
parallel safe
set search_path = ''
return (
    select entry.http_status
    from messaging.error_codes as entry
    where entry.code = p_code
);

revoke all
    on function messaging.http_status(text)
    from public, anon, authenticated, service_role;

comment on function messaging.http_status(text) is
    'HTTP status of an error code, from messaging.error_codes. Null for a code that is none.';

-- In plpgsql, which keeps its plan from call to call.
create or replace function messaging.request_id()
returns text
language plpgsql
volatile
set search_path = ''
as $function$
begin
    return pg_catalog.concat(
        'v2_',
        pg_catalog.floor(
            extract(epoch from pg_catalog.clock_timestamp()) * 1000
        )::pg_catalog.int8,
        '_',
        -- It tells calls of one millisecond apart and is no secret, so it need not cost a read of
        -- the system's random numbers, as a uuid does.
        pg_catalog.lpad(
            pg_catalog.to_hex((pg_catalog.random() * 281474976710655)::pg_catalog.int8), 12, '0'
        )
    );
end;
$function$;

revoke all
    on function messaging.request_id()
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
stable
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

-- In plpgsql, as request_id() is.
create or replace function messaging.trim_whitespace(
    p_text text
)
returns text
language plpgsql
immutable
strict
parallel safe
set search_path = ''
as $function$
begin
    return pg_catalog.btrim(
        p_text,
        E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003'
        '\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'
    );
end;
$function$;

revoke all
    on function messaging.trim_whitespace(text)
    from public, anon, authenticated, service_role;

-- Starting a conversation ------------------------------------------------------------------------

create function messaging.start_failed(
    p_request_id text,
    p_sqlstate text,
    p_error_message text,
    p_constraint text,
    p_initial_message text
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $function$
begin
    if p_sqlstate = '23503' and p_constraint = 'conversations_v2_helper_id_fkey' then
        -- The token outlived the account.
        return messaging.failure(
            p_request_id,
            'unauthorized',
            'account_not_found',
            'Your account no longer exists'
        );
    end if;
    if p_sqlstate = '23503' then
        -- The owner's account is gone, and so is the request to everybody.
        return messaging.failure(
            p_request_id,
            'not_found',
            'help_request_not_found',
            'Help request not found'
        );
    end if;
    return messaging.unexpected(
        p_request_id,
        'Failed to create conversation',
        p_sqlstate,
        p_error_message,
        p_initial_message
    );
end;
$function$;

revoke all
    on function messaging.start_failed(text, text, text, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.start_failed(text, text, text, text, text) is
    'Answer to an error that ended the beginning of a conversation.';

-- What nearly every call does is one statement; only a call that wrote nothing is asked why.
create function messaging.write_conversation(
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
    v_refusal pg_catalog.jsonb;
begin
    -- Nobody needs 64 KiB to say 1,000 characters; do not even trim them.
    v_message := case
        when pg_catalog.octet_length(p_initial_message) <= 65536
            then messaging.trim_whitespace(p_initial_message)
    end;
    if (pg_catalog.char_length(v_message) between 10 and 1000) is not true then
        if pg_catalog.octet_length(p_initial_message) > 65536
            or pg_catalog.char_length(v_message) > 1000
        then
            return messaging.failure(
                p_request_id,
                'validation_error',
                'message_too_long',
                'Initial message cannot exceed 1000 characters'
            );
        end if;
        return messaging.failure(
            p_request_id,
            'validation_error',
            'message_too_short',
            'Initial message must be at least 10 characters long'
        );
    end if;

    v_refusal := messaging.check_content(p_request_id, v_message);
    if v_refusal is not null then
        return v_refusal;
    end if;

    -- The loop turns only where what was in the way is gone meanwhile.
    loop
        -- Share, not key share: whoever closes the request waits for us or we for them, and then
        -- see what they did. Several helpers may still answer at the same moment.
        insert into public.conversations_v2 (
            help_request_id,
            requester_id,
            helper_id,
            initial_message
        )
        select
            request.id,
            request.user_id,
            p_helper_id,
            v_message
        from public.help_requests as request
        where request.id = p_help_request_id
            and request.user_id is distinct from p_helper_id
            and request.status::pg_catalog.text in ('open', 'in_progress')
        for share
        on conflict on constraint conversations_v2_help_request_id_helper_id_key do nothing
        returning conversations_v2.id into v_conversation_id;

        if v_conversation_id is not null then
            return pg_catalog.jsonb_build_object(
                'success', true,
                'message', 'Conversation created successfully',
                'request_id', p_request_id,
                'conversation_id', v_conversation_id
            );
        end if;

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
end;
$function$;

revoke all
    on function messaging.write_conversation(uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.write_conversation(uuid, uuid, text, text) is
    'Begins a conversation with its first message. Trusts p_helper_id, and that they were admitted '
    'by messaging.admit_start(): callers have asked. They answer errors with start_failed().';

create function messaging.insert_conversation(
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
    v_constraint pg_catalog.text;
begin
    return messaging.write_conversation(
        p_help_request_id,
        p_helper_id,
        p_initial_message,
        p_request_id
    );
exception
    -- Beyond read committed the transaction can only be tried again, which is for its owner to do.
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        get stacked diagnostics v_constraint = constraint_name;
        return messaging.start_failed(
            p_request_id, sqlstate, sqlerrm, v_constraint, p_initial_message
        );
end;
$function$;

revoke all
    on function messaging.insert_conversation(uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.insert_conversation(uuid, uuid, text, text) is
    'write_conversation() for a route that has admitted the helper; an error is an answer.';

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
    v_constraint pg_catalog.text;
begin
    return coalesce(
        messaging.admit_start(p_request_id, p_helper_id),
        messaging.write_conversation(
            p_help_request_id,
            p_helper_id,
            p_initial_message,
            p_request_id
        )
    );
exception
    -- Beyond read committed the transaction can only be tried again, which is for its owner to do.
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        get stacked diagnostics v_constraint = constraint_name;
        return messaging.start_failed(
            p_request_id, sqlstate, sqlerrm, v_constraint, p_initial_message
        );
end;
$function$;

revoke all
    on function messaging.create_conversation(uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.create_conversation(uuid, uuid, text, text) is
    'Begins a conversation of an admitted helper. Trusts p_helper_id: callers have checked it.';

-- Writing a message ------------------------------------------------------------------------------

create function messaging.write_message(
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
    v_refusal pg_catalog.jsonb;
begin
    v_content := case
        when pg_catalog.octet_length(p_content) <= 65536
            then messaging.trim_whitespace(p_content)
    end;
    if (pg_catalog.char_length(v_content) between 1 and 1000) is not true then
        if pg_catalog.octet_length(p_content) > 65536
            or pg_catalog.char_length(v_content) > 1000
        then
            return messaging.failure(
                p_request_id,
                'validation_error',
                'message_too_long',
                'Message cannot exceed 1000 characters'
            );
        end if;
        return messaging.failure(
            p_request_id,
            'validation_error',
            'message_empty',
            'Message content cannot be empty'
        );
    end if;

    v_refusal := messaging.check_content(p_request_id, v_content);
    if v_refusal is not null then
        return v_refusal;
    end if;

    -- The loop turns only where the conversation became active meanwhile.
    loop
        -- Whoever closes or blocks the conversation waits for us, or we for them. Two people
        -- writing at once take turns: the trigger updates the row, and a share lock on both sides
        -- would deadlock. A stranger's call finds no row, hence locks none.
        -- The clock is read under the lock, so that the order of times is the order of commits;
        -- and where it stood still or was set back, the message still comes after the one before.
        insert into public.messages_v2 (
            conversation_id,
            sender_id,
            content,
            created_at,
            updated_at
        )
        select
            turn.conversation_id,
            p_sender_id,
            v_content,
            turn.now,
            turn.now
        from (
            select
                locked.id as conversation_id,
                greatest(
                    pg_catalog.clock_timestamp(), locked.last_message_at + interval '1 microsecond'
                ) as now
            from (
                select
                    conversation.id,
                    conversation.last_message_at
                from public.conversations_v2 as conversation
                where conversation.id = p_conversation_id
                    and p_sender_id in (conversation.requester_id, conversation.helper_id)
                    and conversation.status = 'active'
                for no key update
            ) as locked
        ) as turn
        returning messages_v2.id into v_message_id;

        if v_message_id is not null then
            return pg_catalog.jsonb_build_object(
                'success', true,
                'message', 'Message sent successfully',
                'request_id', p_request_id,
                'message_id', v_message_id
            );
        end if;

        select conversation.status
        into v_status
        from public.conversations_v2 as conversation
        where conversation.id = p_conversation_id
            and p_sender_id in (conversation.requester_id, conversation.helper_id);

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
    end loop;
end;
$function$;

revoke all
    on function messaging.write_message(uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.write_message(uuid, uuid, text, text) is
    'Writes a follow-up message. Trusts p_sender_id, and that messaging.admit_message has admitted '
    'them: callers have asked, and answer errors.';

create function messaging.insert_message(
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
begin
    return messaging.write_message(
        p_conversation_id,
        p_sender_id,
        p_content,
        p_request_id
    );
exception
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        return messaging.unexpected(
            p_request_id, 'Failed to send message', sqlstate, sqlerrm, p_content
        );
end;
$function$;

revoke all
    on function messaging.insert_message(uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.insert_message(uuid, uuid, text, text) is
    'write_message() for a route that has admitted the sender; an error is an answer.';

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
begin
    return coalesce(
        messaging.admit_message(p_request_id, p_sender_id),
        messaging.write_message(
            p_conversation_id,
            p_sender_id,
            p_content,
            p_request_id
        )
    );
exception
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        return messaging.unexpected(
            p_request_id, 'Failed to send message', sqlstate, sqlerrm, p_content
        );
end;
$function$;

revoke all
    on function messaging.send_message(uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.send_message(uuid, uuid, text, text) is
    'Writes a message of a sender who is admitted. Trusts p_sender_id: callers have checked it.';

-- Reading ----------------------------------------------------------------------------------------

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
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        return messaging.unexpected(
            p_request_id, 'Failed to fetch conversation', sqlstate, sqlerrm
        );
end;
$function$;

revoke all
    on function messaging.get_conversation(uuid, uuid, text)
    from public, anon, authenticated, service_role;

-- What the application calls ----------------------------------------------------------------------
-- As fix_v2_security_definer_auth@v0.1.0 left them, identity first; but for what is for the log.

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
