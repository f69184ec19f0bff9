-- Deploy care_collective_messaging:merged_reading to pg
--
-- What: list_conversations, get_messages and get_conversation_version, which know both systems.
-- Why: until the last V1 conversation is copied, people have conversations in both; they see one
--     list. The functions run past the policies of V1, which recurse, so they ask themselves who
--     takes part. What was copied to V2 is V2's, and V1 is not asked about it.
-- Requires: conversation_reading, v1_conversations.
-- Transaction: yes.
--
-- squawk wants timeouts; making a function takes no lock that an application could feel.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

-- V1 ----------------------------------------------------------------------------------------------
-- The tables of V1 may be missing, or go one day: plpgsql looks for them only where it gets there.
-- With row_security off a list that a policy would cut short is an error, and not shorter.

create function messaging.conversation_version(
    p_conversation_id uuid,
    p_user_id uuid
)
returns text
language plpgsql
stable
set search_path = ''
as $function$
begin
    -- What was copied keeps its id: V2 comes first.
    return case
        when messaging.is_participant_v2(p_conversation_id, p_user_id) then 'v2'
        when exists (
            select
            from messaging.conversation_v1(p_conversation_id, p_user_id)
        ) then 'v1'
    end;
end;
$function$;

revoke all
    on function messaging.conversation_version(uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.conversation_version(uuid, uuid) is
    'Where a person finds a conversation: v1, v2, or null for nowhere.';

create function messaging.conversations_v1(
    p_user_id uuid
)
returns table (
    id uuid,
    last_message_at timestamptz
)
language plpgsql
stable
rows 20
set search_path = ''
set row_security = off
as $function$
begin
    if not messaging.v1_exists() then
        return;
    end if;
    -- The time of the newest message that is shown, not the column of V1, which clients keep.
    return query
    select
        participant.conversation_id,
        coalesce(
            (
                select message.created_at
                from public.messages as message
                where message.conversation_id = participant.conversation_id
                    and message.deleted_at is null
                order by message.created_at desc
                limit 1
            ),
            (
                select conversation.created_at
                from public.conversations as conversation
                where conversation.id = participant.conversation_id
            )
        )
    from public.conversation_participants as participant
    where participant.user_id = p_user_id
        and participant.left_at is null
        and not messaging.is_participant_v2(participant.conversation_id, p_user_id);
end;
$function$;

revoke all
    on function messaging.conversations_v1(uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.conversations_v1(uuid) is
    'The conversations that a person has in V1 and not in V2, with the time of the newest message.';

create function messaging.describe_conversations_v1(
    p_conversation_ids uuid[],
    p_user_id uuid
)
returns setof messaging.listed_conversation
language plpgsql
stable
rows 20
set search_path = ''
set row_security = off
as $function$
begin
    if not messaging.v1_exists() then
        return;
    end if;
    -- V1 knows who started: the helper. The other one owns the request, if that is still there.
    return query
    select
        conversation.id,
        conversation.help_request_id,
        coalesce(
            (
                select request.user_id
                from public.help_requests as request
                where request.id = conversation.help_request_id
            ),
            case
                when conversation.created_by = p_user_id then other.user_id
                else p_user_id
            end
        ),
        conversation.created_by,
        (
            select message.content
            from public.messages as message
            where message.conversation_id = conversation.id
                and message.deleted_at is null
            order by
                message.created_at,
                message.id
            limit 1
        ),
        conversation.status::pg_catalog.text,
        null::pg_catalog.uuid,
        'v1',
        conversation.created_at,
        conversation.updated_at,
        coalesce(newest.created_at, conversation.created_at),
        messaging.describe_help_request(conversation.help_request_id),
        messaging.describe_person(other.user_id),
        (
            select pg_catalog.count(*)
            from public.messages as message
            where message.conversation_id = conversation.id
                and message.recipient_id = p_user_id
                and message.read_at is null
                and message.deleted_at is null
        ),
        case when newest.id is not null then pg_catalog.to_jsonb(newest) end,
        'v1'
    from public.conversations as conversation
    left join lateral (
        select participant.user_id
        from public.conversation_participants as participant
        where participant.conversation_id = conversation.id
            and participant.user_id <> p_user_id
        -- Two people as a rule. Of more: who is still there, is no moderator, and came first.
        order by
            participant.left_at is not null,
            participant.role::pg_catalog.text = 'moderator',
            participant.joined_at,
            participant.user_id
        limit 1
    ) as other
        on true
    left join lateral (
        select (messages.message).*
        from (
            select row(
                message.id,
                message.conversation_id,
                message.sender_id,
                message.content,
                message.created_at,
                message.updated_at
            )::messaging.message as message
            from public.messages as message
            where message.conversation_id = conversation.id
                and message.deleted_at is null
            order by
                message.created_at desc,
                message.id desc
            limit 1
        ) as messages
    ) as newest
        on true
    where conversation.id = any (p_conversation_ids);
end;
$function$;

revoke all
    on function messaging.describe_conversations_v1(uuid[], uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.describe_conversations_v1(uuid[], uuid) is
    'V1 conversations as lists show them to one of their people. Trusts p_user_id.';

create function messaging.read_messages_v1(
    p_conversation_id uuid,
    p_cursor text,
    p_newer boolean,
    p_count integer
)
returns setof messaging.message
language plpgsql
stable
rows 50
set search_path = ''
set row_security = off
as $function$
declare
    v_place_at pg_catalog.timestamptz;
    v_place_id pg_catalog.uuid;
begin
    select
        place.place_at,
        place.place_id
    into
        v_place_at,
        v_place_id
    from messaging.read_cursor(p_cursor, p_conversation_id, p_newer) as place;

    if p_newer then
        return query
        select
            message.id,
            message.conversation_id,
            message.sender_id,
            message.content,
            message.created_at,
            message.updated_at
        from public.messages as message
        where message.conversation_id = p_conversation_id
            and message.deleted_at is null
            and (message.created_at, message.id) > (v_place_at, v_place_id)
        order by
            message.created_at,
            message.id
        limit p_count;
    else
        return query
        select
            message.id,
            message.conversation_id,
            message.sender_id,
            message.content,
            message.created_at,
            message.updated_at
        from public.messages as message
        where message.conversation_id = p_conversation_id
            and message.deleted_at is null
            and (message.created_at, message.id) < (v_place_at, v_place_id)
        order by
            message.created_at desc,
            message.id desc
        limit p_count;
    end if;
end;
$function$;

revoke all
    on function messaging.read_messages_v1(uuid, text, boolean, integer)
    from public, anon, authenticated, service_role;

comment on function messaging.read_messages_v1(uuid, text, boolean, integer) is
    'What messaging.read_messages_v2() is for V2; deleted messages are left out.';

-- Both --------------------------------------------------------------------------------------------

create function public.get_conversation_version(
    p_conversation_id uuid
)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $function$
begin
    -- For nobody signed in it is null, as for a stranger.
    return messaging.conversation_version(p_conversation_id, messaging.caller_id());
end;
$function$;

revoke all
    on function public.get_conversation_version(uuid)
    from public, anon, authenticated, service_role;
grant execute
    on function public.get_conversation_version(uuid)
    to authenticated;

comment on function public.get_conversation_version(uuid) is
    'v1 or v2, to those who take part in the conversation; null to everybody else.';

create function public.list_conversations(
    p_page integer default 1,
    p_limit integer default 20
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $function$
declare
    v_request_id constant pg_catalog.text := messaging.request_id();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    v_refusal pg_catalog.jsonb;
    v_offset bigint;
    v_total_v1 bigint;
    v_ids_v1 pg_catalog.uuid[];
    v_ids_v2 pg_catalog.uuid[];
begin
    if v_caller_id is null then
        return messaging.failure(
            v_request_id,
            'unauthorized',
            'not_signed_in',
            'You must be signed in'
        );
    end if;
    v_refusal := messaging.refuse_page(v_request_id, p_page, p_limit);
    if v_refusal is not null then
        return v_refusal;
    end if;

    v_offset := (p_page::bigint - 1) * p_limit;
    with v1 as materialized (
        select
            legacy.id,
            legacy.last_message_at,
            'v1' as version
        from messaging.conversations_v1(v_caller_id) as legacy
    ),
    page as (
        select
            merged.id,
            merged.version
        from (
            select
                v1.id,
                v1.last_message_at,
                v1.version
            from v1
            union all
            select
                newest.id,
                newest.last_message_at,
                'v2'
            from messaging.newest_conversations_v2(v_caller_id, v_offset + p_limit) as newest
        ) as merged
        order by
            merged.last_message_at desc,
            merged.id desc
        offset v_offset
        limit p_limit
    )
    select
        (
            select pg_catalog.count(*)
            from v1
        ),
        array(
            select page.id
            from page
            where page.version = 'v1'
        ),
        array(
            select page.id
            from page
            where page.version = 'v2'
        )
    into
        v_total_v1,
        v_ids_v1,
        v_ids_v2;

    return messaging.conversation_page(
        v_request_id,
        array(
            select described
            from messaging.describe_conversations_v2(v_ids_v2, v_caller_id) as described
            union all
            select described
            from messaging.describe_conversations_v1(v_ids_v1, v_caller_id) as described
        ),
        p_page,
        p_limit,
        v_total_v1 + messaging.count_conversations_v2(v_caller_id)
    );
exception
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        raise log 'messaging % list_conversations: % %', v_request_id, sqlstate, sqlerrm;
        return messaging.unexpected(
            v_request_id,
            'Failed to list conversations',
            sqlstate,
            sqlerrm
        ) - 'internal';
end;
$function$;

revoke all
    on function public.list_conversations(integer, integer)
    from public, anon, authenticated, service_role;
grant execute
    on function public.list_conversations(integer, integer)
    to authenticated;

comment on function public.list_conversations(integer, integer) is
    'A page of the conversations of the signed-in user in V1 and V2, newest activity first.';

create function public.get_messages(
    p_conversation_id uuid,
    p_cursor text default null,
    p_limit integer default 50,
    p_direction text default 'older'
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $function$
declare
    v_request_id constant pg_catalog.text := messaging.request_id();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    v_refusal pg_catalog.jsonb;
    v_version pg_catalog.text;
    v_messages messaging.message[];
begin
    if v_caller_id is null then
        return messaging.failure(
            v_request_id,
            'unauthorized',
            'not_signed_in',
            'You must be signed in'
        );
    end if;
    v_refusal := messaging.refuse_message_page(
        v_request_id,
        p_conversation_id,
        p_cursor,
        p_limit,
        p_direction
    );
    if v_refusal is not null then
        return v_refusal;
    end if;

    v_version := messaging.conversation_version(p_conversation_id, v_caller_id);
    if v_version = 'v2' then
        v_messages := array(
            select message
            from messaging.read_messages_v2(
                p_conversation_id, p_cursor, p_direction = 'newer', p_limit + 1
            ) as message
        );
    elsif v_version = 'v1' then
        v_messages := array(
            select message
            from messaging.read_messages_v1(
                p_conversation_id, p_cursor, p_direction = 'newer', p_limit + 1
            ) as message
        );
    else
        return messaging.failure(
            v_request_id,
            'not_found',
            'conversation_not_found',
            'Conversation not found or you do not have access'
        );
    end if;

    return messaging.message_page(
        v_request_id,
        p_conversation_id,
        v_messages,
        p_cursor,
        p_limit,
        v_version
    );
exception
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        raise log 'messaging % get_messages: % %', v_request_id, sqlstate, sqlerrm;
        return messaging.unexpected(
            v_request_id,
            'Failed to fetch messages',
            sqlstate,
            sqlerrm
        ) - 'internal';
end;
$function$;

revoke all
    on function public.get_messages(uuid, text, integer, text)
    from public, anon, authenticated, service_role;
grant execute
    on function public.get_messages(uuid, text, integer, text)
    to authenticated;

comment on function public.get_messages(uuid, text, integer, text) is
    'A page of the messages of a V1 or V2 conversation: older or newer ones, nearest first.';

commit;
