-- Deploy care_collective_messaging:v1_conversations to pg
--
-- What: start and continue conversations of V1 with the rights of a signed-in user, and find them
--     with an explicit participant check.
-- Why: while the rollout goes on, both systems are in use. The two functions that write belong to
--     role authenticated: they run with what any signed-in user may do, under V1's policies, and so
--     are the legacy path and no second door. A security invoker function would not do: within a
--     security definer function the invoker is its owner, whom no policy holds.
-- Requires: fix_v2_security_definer_auth.
--     The tables of V1 are needed only when a function is called.
-- Transaction: yes.
--
-- squawk wants timeouts; nothing here takes a lock that an application could feel.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

-- To give a function away takes SET on the new owner, to grant it afterwards takes INHERIT; before
-- version 16 a membership had both or neither.
do $membership$
declare
    v_right text;
begin
    foreach v_right in array
        case
            when pg_catalog.current_setting('server_version_num')::integer >= 160000
                then array['SET', 'USAGE']
            else array['MEMBER', 'USAGE']
        end
    loop
        if not pg_catalog.pg_has_role(current_user, 'authenticated', v_right) then
            raise exception using
                errcode = 'insufficient_privilege',
                message = pg_catalog.format(
                    'role %I must be a member of role authenticated to migrate', current_user
                ),
                detail = pg_catalog.format(
                    'The functions that write V1 belong to authenticated, so that they obey V1''s '
                    'policies; to hand them over takes membership with SET and INHERIT, and '
                    'pg_has_role says no to %s.',
                    v_right
                ),
                hint = pg_catalog.format(
                    case
                        when pg_catalog.current_setting('server_version_num')::integer >= 160000
                            then 'grant authenticated to %I with inherit true, set true'
                        else 'grant authenticated to %I; alter role %1$I inherit'
                    end,
                    current_user
                );
        end if;
    end loop;
end;
$membership$;

-- Find -------------------------------------------------------------------------------------------
-- V1 may be missing when this is deployed, and may go later: the functions look before they read.
-- With row_security off a look-up that a policy would cut short fails, and does not overlook.

create function messaging.v1_exists()
returns boolean
language sql
stable
set search_path = ''
return pg_catalog.to_regclass('public.conversations') is not null
    and pg_catalog.to_regclass('public.conversation_participants') is not null
    and pg_catalog.to_regclass('public.messages') is not null;

revoke all
    on function messaging.v1_exists()
    from public, anon, authenticated, service_role;

comment on function messaging.v1_exists() is
    'Whether the three tables of V1 are there.';

create function messaging.conversation_v1(
    p_conversation_id uuid,
    p_user_id uuid
)
returns table (
    id uuid,
    help_request_id uuid,
    created_by uuid,
    other_user_id uuid,
    status text,
    created_at timestamptz,
    updated_at timestamptz,
    last_message_at timestamptz
)
language plpgsql
stable
rows 1
set search_path = ''
set row_security = off
as $function$
begin
    if not messaging.v1_exists() then
        return;
    end if;
    return query
    select
        conversation.id,
        conversation.help_request_id,
        conversation.created_by,
        other.user_id,
        conversation.status::pg_catalog.text,
        conversation.created_at,
        conversation.updated_at,
        conversation.last_message_at
    from public.conversation_participants as participant
    join public.conversations as conversation
        on conversation.id = participant.conversation_id
    -- Two people talk about a request; where a moderator has joined them, it is still the two.
    left join lateral (
        select fellow.user_id
        from public.conversation_participants as fellow
        where fellow.conversation_id = conversation.id
            and fellow.user_id <> p_user_id
            and fellow.left_at is null
        order by
            fellow.role::pg_catalog.text = 'moderator',
            fellow.joined_at,
            fellow.user_id
        limit 1
    ) as other on true
    where participant.conversation_id = p_conversation_id
        and participant.user_id = p_user_id
        and participant.left_at is null;
end;
$function$;

revoke all
    on function messaging.conversation_v1(uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.conversation_v1(uuid, uuid) is
    'A V1 conversation that the user takes part in, with the other one; no row for anybody else, '
    'nor where V1 is missing.';

create function messaging.pair_conversation_v1(
    p_help_request_id uuid,
    p_helper_id uuid,
    p_requester_id uuid
)
returns uuid
language plpgsql
stable
set search_path = ''
set row_security = off
as $function$
begin
    if not messaging.v1_exists() then
        return null;
    end if;
    -- What V1's failed attempts have left behind has no participants, and is in nobody's way.
    return (
        select conversation.id
        from public.conversations as conversation
        where conversation.help_request_id = p_help_request_id
            and exists (
                select
                from public.conversation_participants as participant
                where participant.conversation_id = conversation.id
                    and participant.user_id = p_helper_id
                    and participant.left_at is null
                    and participant.role::pg_catalog.text <> 'moderator'
            )
            and exists (
                select
                from public.conversation_participants as participant
                where participant.conversation_id = conversation.id
                    and participant.user_id = p_requester_id
            )
        order by
            conversation.created_at,
            conversation.id
        limit 1
    );
end;
$function$;

revoke all
    on function messaging.pair_conversation_v1(uuid, uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.pair_conversation_v1(uuid, uuid, uuid) is
    'The first V1 conversation of a helper with the owner of a request about it, or null.';

create function messaging.is_answered_v1(
    p_help_request_id uuid,
    p_requester_id uuid
)
returns boolean
language plpgsql
stable
set search_path = ''
set row_security = off
as $function$
begin
    if not messaging.v1_exists() then
        return false;
    end if;
    return exists (
        select
        from public.conversations as conversation
        where conversation.help_request_id = p_help_request_id
            and exists (
                select
                from public.conversation_participants as participant
                where participant.conversation_id = conversation.id
                    and participant.user_id = p_requester_id
            )
    );
end;
$function$;

revoke all
    on function messaging.is_answered_v1(uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.is_answered_v1(uuid, uuid) is
    'Whether the owner of a request has a conversation about it in V1.';

create function messaging.lock_conversation_v1(
    p_conversation_id uuid,
    p_user_id uuid
)
returns text
language plpgsql
volatile
set search_path = ''
set row_security = off
as $function$
declare
    v_status pg_catalog.text;
begin
    if not messaging.v1_exists() then
        return null;
    end if;
    -- Whoever blocks or copies the conversation waits for us, or we for them. A stranger's call
    -- finds no row, hence locks none.
    select conversation.status::pg_catalog.text
    into v_status
    from public.conversations as conversation
    where conversation.id = p_conversation_id
        and exists (
            select
            from public.conversation_participants as participant
            where participant.conversation_id = conversation.id
                and participant.user_id = p_user_id
                and participant.left_at is null
        )
    for no key update of conversation;

    return v_status;
end;
$function$;

revoke all
    on function messaging.lock_conversation_v1(uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.lock_conversation_v1(uuid, uuid) is
    'Status of a V1 conversation that the user takes part in, locked against changes; null for '
    'anybody else.';

-- Write, with the rights of a signed-in user -----------------------------------------------------
-- The keys are made beforehand: `returning` would ask for the policies for reading, which V1 does
-- not have in order. Each statement sees what the one before it wrote, as V1's policies need it.
-- No setting of the caller turns the policies into errors; and where a dump was restored without
-- its owners, the functions refuse to be the second door that they would be then.

create function messaging.start_conversation_v1(
    p_conversation_id uuid,
    p_help_request_id uuid,
    p_helper_id uuid,
    p_requester_id uuid,
    p_message_id uuid,
    p_content text,
    p_now timestamptz
)
returns void
language plpgsql
volatile
security definer
set search_path = ''
set row_security = on
as $function$
begin
    if current_user <> 'authenticated' then
        raise exception using
            errcode = 'insufficient_privilege',
            message = 'messaging.start_conversation_v1 does not belong to authenticated',
            hint = 'Grant authenticated create on schema messaging, give it the function, and '
                'revoke create again.';
    end if;
    insert into public.conversations (
        id,
        help_request_id,
        created_by,
        created_at,
        updated_at,
        last_message_at
    )
    values (
        p_conversation_id,
        p_help_request_id,
        p_helper_id,
        p_now,
        p_now,
        p_now
    );
    insert into public.conversation_participants (conversation_id, user_id)
    values (p_conversation_id, p_helper_id);
    insert into public.conversation_participants (conversation_id, user_id)
    values (p_conversation_id, p_requester_id);
    insert into public.messages (
        id,
        conversation_id,
        sender_id,
        recipient_id,
        help_request_id,
        content,
        created_at,
        updated_at
    )
    values (
        p_message_id,
        p_conversation_id,
        p_helper_id,
        p_requester_id,
        p_help_request_id,
        p_content,
        p_now,
        p_now
    );
end;
$function$;

comment on function messaging.start_conversation_v1(
    uuid, uuid, uuid, uuid, uuid, text, timestamptz
) is
    'The statements with which V1 begins a conversation. Belongs to authenticated: V1''s policies '
    'and privileges decide, and its error is the caller''s.';

create function messaging.send_message_v1(
    p_message_id uuid,
    p_conversation_id uuid,
    p_help_request_id uuid,
    p_sender_id uuid,
    p_recipient_id uuid,
    p_content text,
    p_now timestamptz
)
returns void
language plpgsql
volatile
security definer
set search_path = ''
set row_security = on
as $function$
begin
    if current_user <> 'authenticated' then
        raise exception using
            errcode = 'insufficient_privilege',
            message = 'messaging.send_message_v1 does not belong to authenticated',
            hint = 'Grant authenticated create on schema messaging, give it the function, and '
                'revoke create again.';
    end if;
    insert into public.messages (
        id,
        conversation_id,
        sender_id,
        recipient_id,
        help_request_id,
        content,
        created_at,
        updated_at
    )
    values (
        p_message_id,
        p_conversation_id,
        p_sender_id,
        p_recipient_id,
        p_help_request_id,
        p_content,
        p_now,
        p_now
    );
end;
$function$;

comment on function messaging.send_message_v1(
    uuid, uuid, uuid, uuid, uuid, text, timestamptz
) is
    'The statement with which V1 writes a message. Belongs to authenticated: V1''s policies and '
    'privileges decide, and its error is the caller''s.';

-- The new owner needs CREATE on the schema for this one moment, and must not keep the EXECUTE that
-- owners have: the functions are called by ours alone.
grant create
    on schema messaging
    to authenticated;

alter function messaging.start_conversation_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)
    owner to authenticated;
revoke all
    on function messaging.start_conversation_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.start_conversation_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)
    to current_user;

alter function messaging.send_message_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)
    owner to authenticated;
revoke all
    on function messaging.send_message_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.send_message_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)
    to current_user;

revoke create
    on schema messaging
    from authenticated;

-- What a call does, for a caller whose identity has been checked ----------------------------------

create function messaging.failure_of_v1(
    p_request_id text,
    p_message text,
    p_sqlstate text,
    p_error_message text,
    p_content text
)
returns jsonb
language sql
stable
set search_path = ''
return messaging.failure(
    p_request_id,
    'rpc_error',
    case when messaging.v1_exists() then 'v1_failed' else 'v1_missing' end,
    p_message
) || pg_catalog.jsonb_build_object(
    'internal',
    messaging.unexpected(
        p_request_id,
        p_message,
        p_sqlstate,
        p_error_message,
        p_content
    ) -> 'internal'
);

revoke all
    on function messaging.failure_of_v1(text, text, text, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.failure_of_v1(text, text, text, text, text) is
    'Answer to a call that V1 could not serve; what it said is for the event log alone.';

create function messaging.insert_conversation_v1(
    p_help_request_id uuid,
    p_helper_id uuid,
    p_requester_id uuid,
    p_initial_message text,
    p_request_id text
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_conversation_id constant pg_catalog.uuid := pg_catalog.gen_random_uuid();
    v_message pg_catalog.text;
    v_refusal pg_catalog.jsonb;
begin
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
    v_refusal := messaging.check_content(p_request_id, v_message);
    if v_refusal is not null then
        return v_refusal;
    end if;
    if not messaging.v1_exists() then
        return messaging.failure_of_v1(
            p_request_id,
            'Failed to create conversation',
            '42P01',
            'a table of V1 does not exist',
            null
        );
    end if;

    -- All of it or nothing: V1 lost a conversation half way, and left the first half.
    begin
        perform messaging.start_conversation_v1(
            v_conversation_id,
            p_help_request_id,
            p_helper_id,
            p_requester_id,
            pg_catalog.gen_random_uuid(),
            v_message,
            pg_catalog.clock_timestamp()
        );
    exception
        when serialization_failure or deadlock_detected then
            raise;
        when others then
            return messaging.failure_of_v1(
                p_request_id,
                'Failed to create conversation',
                sqlstate,
                sqlerrm,
                v_message
            );
    end;
    return messaging.success(
        p_request_id,
        'Conversation created successfully',
        pg_catalog.jsonb_build_object('conversation_id', v_conversation_id)
    );
end;
$function$;

revoke all
    on function messaging.insert_conversation_v1(uuid, uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.insert_conversation_v1(uuid, uuid, uuid, text, text) is
    'Begins a V1 conversation with its first message. Callers have checked who calls, and hold the '
    'lock on the request.';

create function messaging.insert_message_v1(
    p_conversation_id uuid,
    p_sender_id uuid,
    p_content text,
    p_status text,
    p_request_id text
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_message_id constant pg_catalog.uuid := pg_catalog.gen_random_uuid();
    v_content pg_catalog.text;
    v_refusal pg_catalog.jsonb;
    v_help_request_id pg_catalog.uuid;
    v_recipient_id pg_catalog.uuid;
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
    v_refusal := messaging.check_content(p_request_id, v_content);
    if v_refusal is not null then
        return v_refusal;
    end if;

    select
        conversation.help_request_id,
        conversation.other_user_id
    into
        v_help_request_id,
        v_recipient_id
    from messaging.conversation_v1(p_conversation_id, p_sender_id) as conversation;

    -- A conversation that everybody else has left is as good as closed.
    if p_status is distinct from 'active' or v_recipient_id is null then
        return messaging.failure(
            p_request_id,
            'permission_denied',
            'conversation_not_active',
            'Not authorized to send messages in this conversation'
        );
    end if;

    begin
        perform messaging.send_message_v1(
            v_message_id,
            p_conversation_id,
            v_help_request_id,
            p_sender_id,
            v_recipient_id,
            v_content,
            pg_catalog.clock_timestamp()
        );
    exception
        when serialization_failure or deadlock_detected then
            raise;
        when others then
            return messaging.failure_of_v1(
                p_request_id,
                'Failed to send message',
                sqlstate,
                sqlerrm,
                v_content
            );
    end;
    return messaging.success(
        p_request_id,
        'Message sent successfully',
        pg_catalog.jsonb_build_object('message_id', v_message_id)
    );
end;
$function$;

revoke all
    on function messaging.insert_message_v1(uuid, uuid, text, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.insert_message_v1(uuid, uuid, text, text, text) is
    'Writes a message into a V1 conversation. Callers have checked who calls, and hold the lock on '
    'the conversation, whose status p_status is.';

commit;
