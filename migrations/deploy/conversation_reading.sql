-- Deploy care_collective_messaging:conversation_reading to pg
--
-- What: list_conversations_v2, get_messages_v2 and mark_conversation_read_v2, the indexes that have
--     a person's conversations in the order of their last message, and one that knows who wrote.
-- Why: a page costs what is on it. Lists take the ids of a page from the indexes and look at
--     nothing else before; pages of messages go on from a cursor, so that the thousandth is as
--     fast as the first. What reads V1 as well uses the same functions.
-- Requires: conversation_status, fix_v2_security_definer_auth.
-- Transaction: yes.
--
-- squawk wants literal settings; carecli brings its own, and the block below covers the rest. The
-- indexes are made in the transaction: nobody is on V2 before the rollout begins.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

create index conversations_v2_requester_id_last_message_at_id_idx
    on public.conversations_v2 (requester_id, last_message_at, id);
create index conversations_v2_helper_id_last_message_at_id_idx
    on public.conversations_v2 (helper_id, last_message_at, id);

-- With the sender in the index, unread messages are counted without a look at each of them: that
-- is what most of a list used to cost, all of it far apart on the disk.
create index messages_v2_conversation_id_created_at_id_sender_id_idx
    on public.messages_v2 (conversation_id, created_at, id)
    include (sender_id);

-- They do what these did.
drop index public.conversations_v2_requester_id_idx;
drop index public.messages_v2_conversation_id_created_at_id_idx;

-- The shapes of answers ---------------------------------------------------------------------------
-- A type each, whose columns are the keys of the answer, so that V1 and V2 cannot differ in them.

create type messaging.message as (
    id uuid,
    conversation_id uuid,
    sender_id uuid,
    content text,
    created_at timestamptz,
    updated_at timestamptz
);

comment on type messaging.message is
    'A message as answers show it.';
comment on column messaging.message.id is
    'Key; null for the first message of a V2 conversation, which is part of the conversation.';
comment on column messaging.message.conversation_id is
    'Where it was written.';
comment on column messaging.message.sender_id is
    'Who wrote it.';
comment on column messaging.message.content is
    'The text.';
comment on column messaging.message.created_at is
    'When it was sent.';
comment on column messaging.message.updated_at is
    'When it last changed.';

create type messaging.listed_conversation as (
    id uuid,
    help_request_id uuid,
    requester_id uuid,
    helper_id uuid,
    initial_message text,
    status text,
    blocked_by uuid,
    origin text,
    created_at timestamptz,
    updated_at timestamptz,
    last_message_at timestamptz,
    help_request jsonb,
    other_participant jsonb,
    unread_count bigint,
    last_message jsonb,
    version text
);

comment on type messaging.listed_conversation is
    'A conversation as lists show it to one of its people.';
comment on column messaging.listed_conversation.id is
    'Key.';
comment on column messaging.listed_conversation.help_request_id is
    'What it is about; null: that is gone.';
comment on column messaging.listed_conversation.requester_id is
    'Owner of the request.';
comment on column messaging.listed_conversation.helper_id is
    'Who answered it.';
comment on column messaging.listed_conversation.initial_message is
    'The first message; null: there is none.';
comment on column messaging.listed_conversation.status is
    'active, closed, archived or blocked.';
comment on column messaging.listed_conversation.blocked_by is
    'Who blocked it, where that is known.';
comment on column messaging.listed_conversation.origin is
    'v2, v1_backfill, or v1 for one that is there only.';
comment on column messaging.listed_conversation.created_at is
    'When it began.';
comment on column messaging.listed_conversation.updated_at is
    'When it last changed.';
comment on column messaging.listed_conversation.last_message_at is
    'When somebody last wrote; lists are in this order.';
comment on column messaging.listed_conversation.help_request is
    'id, title, category, urgency and status of what it is about.';
comment on column messaging.listed_conversation.other_participant is
    'id and name of the one whom the reader talks with.';
comment on column messaging.listed_conversation.unread_count is
    'Messages of the other one that the reader has not read, the first one included.';
comment on column messaging.listed_conversation.last_message is
    'The newest message: the first one where nothing followed.';
comment on column messaging.listed_conversation.version is
    'v1 or v2.';

-- Pages of conversations --------------------------------------------------------------------------
-- The functions that only read are stable: all their statements see the data of one moment, so a
-- total and its page agree.

create function messaging.refuse_page(
    p_request_id text,
    p_page integer,
    p_limit integer
)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
return case
    when p_page is null or p_page < 1 then
        messaging.failure(
            p_request_id,
            'validation_error',
            'invalid_page',
            'Page must be 1 or more'
        )
    when p_limit is null or p_limit not between 1 and 100 then
        messaging.failure(
            p_request_id,
            'validation_error',
            'invalid_limit',
            'Limit must be between 1 and 100'
        )
end;

revoke all
    on function messaging.refuse_page(text, integer, integer)
    from public, anon, authenticated, service_role;

comment on function messaging.refuse_page(text, integer, integer) is
    'The answer to a page or limit that there is not; null where both are sound.';

create function messaging.newest_conversations_v2(
    p_user_id uuid,
    p_count bigint
)
returns table (
    id uuid,
    last_message_at timestamptz
)
language plpgsql
stable
rows 20
set search_path = ''
as $function$
begin
    -- Nobody is both requester and helper of a conversation: no row comes twice.
    return query
    select
        mine.id,
        mine.last_message_at
    from (
        (
            select
                conversation.id,
                conversation.last_message_at
            from public.conversations_v2 as conversation
            where conversation.requester_id = p_user_id
            order by
                conversation.last_message_at desc,
                conversation.id desc
            limit p_count
        )
        union all
        (
            select
                conversation.id,
                conversation.last_message_at
            from public.conversations_v2 as conversation
            where conversation.helper_id = p_user_id
            order by
                conversation.last_message_at desc,
                conversation.id desc
            limit p_count
        )
    ) as mine
    order by
        mine.last_message_at desc,
        mine.id desc
    limit p_count;
end;
$function$;

revoke all
    on function messaging.newest_conversations_v2(uuid, bigint)
    from public, anon, authenticated, service_role;

comment on function messaging.newest_conversations_v2(uuid, bigint) is
    'So many V2 conversations of a person, those with the newest last message.';

create function messaging.count_conversations_v2(
    p_user_id uuid
)
returns bigint
language plpgsql
stable
set search_path = ''
as $function$
begin
    return (
        select pg_catalog.count(*)
        from public.conversations_v2 as conversation
        where conversation.requester_id = p_user_id
    ) + (
        select pg_catalog.count(*)
        from public.conversations_v2 as conversation
        where conversation.helper_id = p_user_id
    );
end;
$function$;

revoke all
    on function messaging.count_conversations_v2(uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.count_conversations_v2(uuid) is
    'How many V2 conversations a person has.';

create function messaging.describe_help_request(
    p_help_request_id uuid
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $function$
begin
    return (
        select pg_catalog.jsonb_build_object(
            'id', request.id,
            'title', request.title,
            'category', request.category,
            'urgency', request.urgency,
            'status', request.status
        )
        from public.help_requests as request
        where request.id = p_help_request_id
    );
end;
$function$;

revoke all
    on function messaging.describe_help_request(uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.describe_help_request(uuid) is
    'A help request as lists of conversations show it.';

create function messaging.describe_person(
    p_user_id uuid
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $function$
begin
    if p_user_id is null then
        return null;
    end if;
    -- An application may have no names, or keep them elsewhere.
    return pg_catalog.jsonb_build_object(
        'id', p_user_id,
        'name', (
            select pg_catalog.to_jsonb(profile) -> 'name'
            from public.profiles as profile
            where profile.id = p_user_id
        )
    );
end;
$function$;

revoke all
    on function messaging.describe_person(uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.describe_person(uuid) is
    'A person as lists of conversations show it: id, and name where profiles has one.';

create function messaging.describe_conversations_v2(
    p_conversation_ids uuid[],
    p_user_id uuid
)
returns setof messaging.listed_conversation
language plpgsql
stable
rows 20
set search_path = ''
as $function$
begin
    -- Subqueries rather than joins: each is a look into an index, whatever the planner believes of
    -- the sizes of the tables.
    return query
    select
        conversation.id,
        conversation.help_request_id,
        conversation.requester_id,
        conversation.helper_id,
        conversation.initial_message,
        conversation.status,
        conversation.blocked_by,
        conversation.origin,
        conversation.created_at,
        conversation.updated_at,
        conversation.last_message_at,
        messaging.describe_help_request(conversation.help_request_id),
        messaging.describe_person(
            case
                when conversation.helper_id = p_user_id then conversation.requester_id
                else conversation.helper_id
            end
        ),
        -- The first message is the helper's.
        case
            when conversation.helper_id <> p_user_id
                and conversation.created_at > state.last_read_at
            then 1
            else 0
        end + (
            select pg_catalog.count(*)
            from public.messages_v2 as message
            where message.conversation_id = conversation.id
                and message.created_at > state.last_read_at
                and message.sender_id <> p_user_id
        ),
        coalesce(
            (
                select pg_catalog.to_jsonb(
                    row(
                        message.id,
                        message.conversation_id,
                        message.sender_id,
                        message.content,
                        message.created_at,
                        message.updated_at
                    )::messaging.message
                )
                from public.messages_v2 as message
                where message.conversation_id = conversation.id
                order by
                    message.created_at desc,
                    message.id desc
                limit 1
            ),
            pg_catalog.to_jsonb(
                row(
                    null,
                    conversation.id,
                    conversation.helper_id,
                    conversation.initial_message,
                    conversation.created_at,
                    conversation.created_at
                )::messaging.message
            )
        ),
        'v2'
    from public.conversations_v2 as conversation
    cross join lateral (
        select coalesce(
            (
                select readings.last_read_at
                from public.conversation_reads_v2 as readings
                where readings.conversation_id = conversation.id
                    and readings.user_id = p_user_id
            ),
            '-infinity'
        ) as last_read_at
        -- Found once a conversation, not wherever it is used.
        offset 0
    ) as state
    where conversation.id = any (p_conversation_ids);
end;
$function$;

revoke all
    on function messaging.describe_conversations_v2(uuid[], uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.describe_conversations_v2(uuid[], uuid) is
    'V2 conversations as lists show them to one of their people. Trusts p_user_id.';

create function messaging.conversation_page(
    p_request_id text,
    p_conversations messaging.listed_conversation[],
    p_page integer,
    p_limit integer,
    p_total bigint
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $function$
begin
    return messaging.success(
        p_request_id,
        'Conversations retrieved successfully',
        pg_catalog.jsonb_build_object(
            'conversations', (
                select coalesce(
                    pg_catalog.jsonb_agg(
                        pg_catalog.to_jsonb(listed)
                        order by
                            listed.last_message_at desc,
                            listed.id desc
                    ),
                    '[]'
                )
                from pg_catalog.unnest(p_conversations) as listed
            ),
            'pagination', pg_catalog.jsonb_build_object(
                'page', p_page,
                'limit', p_limit,
                'total', p_total,
                'has_more', p_page::bigint * p_limit < p_total
            )
        )
    );
end;
$function$;

revoke all
    on function messaging.conversation_page(
        text, messaging.listed_conversation[], integer, integer, bigint
    )
    from public, anon, authenticated, service_role;

comment on function messaging.conversation_page(
    text, messaging.listed_conversation[], integer, integer, bigint
) is
    'The answer with one page of conversations, newest activity first.';

create function public.list_conversations_v2(
    p_user_id uuid,
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
    v_conversation_ids pg_catalog.uuid[];
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_user_id is distinct from v_caller_id then
        return messaging.failure(
            v_request_id,
            'permission_denied',
            'not_the_caller',
            'Cannot access conversation for another user'
        );
    end if;
    v_refusal := messaging.refuse_page(v_request_id, p_page, p_limit);
    if v_refusal is not null then
        return v_refusal;
    end if;

    v_offset := (p_page::bigint - 1) * p_limit;
    v_conversation_ids := array(
        select newest.id
        from messaging.newest_conversations_v2(p_user_id, v_offset + p_limit) as newest
        order by
            newest.last_message_at desc,
            newest.id desc
        offset v_offset
    );
    return messaging.conversation_page(
        v_request_id,
        array(
            select described
            from messaging.describe_conversations_v2(
                v_conversation_ids, p_user_id
            ) as described
        ),
        p_page,
        p_limit,
        messaging.count_conversations_v2(p_user_id)
    );
exception
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        raise log 'messaging % list_conversations_v2: % %', v_request_id, sqlstate, sqlerrm;
        return messaging.unexpected(
            v_request_id,
            'Failed to list conversations',
            sqlstate,
            sqlerrm
        ) - 'internal';
end;
$function$;

revoke all
    on function public.list_conversations_v2(uuid, integer, integer)
    from public, anon, authenticated, service_role;
grant execute
    on function public.list_conversations_v2(uuid, integer, integer)
    to authenticated;

comment on function public.list_conversations_v2(uuid, integer, integer) is
    'A page of the V2 conversations of the user, newest activity first.';

-- Pages of messages -------------------------------------------------------------------------------
-- A cursor is the place of one message in the order of (created_at, id), which is total: going on
-- from it neither skips nor repeats, whatever is written meanwhile. It names its conversation, so
-- that one of another conversation is seen to be one.

create function messaging.make_cursor(
    p_conversation_id uuid,
    p_created_at timestamptz,
    p_id uuid
)
returns text
language sql
immutable
parallel safe
set search_path = ''
return pg_catalog.rtrim(
    pg_catalog.translate(
        pg_catalog.encode(
            pg_catalog.convert_to(
                pg_catalog.format(
                    '%s_%s_%s',
                    (extract(epoch from p_created_at) * 1000000)::bigint,
                    p_id,
                    p_conversation_id
                ),
                'UTF8'
            ),
            'base64'
        ),
        E'+/\n',
        '-_'
    ),
    '='
);

revoke all
    on function messaging.make_cursor(uuid, timestamptz, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.make_cursor(uuid, timestamptz, uuid) is
    'The place of a message: base64url of <microseconds since 1970>_<message>_<conversation>.';

create function messaging.read_cursor(
    p_cursor text,
    p_conversation_id uuid,
    p_newer boolean,
    out place_at timestamptz,
    out place_id uuid
)
language plpgsql
stable
set search_path = ''
as $function$
declare
    v_text pg_catalog.text;
    v_parts pg_catalog.text[];
    v_microseconds bigint;
begin
    -- A place by time alone lies beyond all messages of that moment: they are not of the page.
    place_id := case
        when p_newer then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
        else '00000000-0000-0000-0000-000000000000'
    end;
    if p_cursor is null then
        place_at := case when p_newer then '-infinity' else 'infinity' end;
        return;
    end if;
    if pg_catalog.octet_length(p_cursor) > 200 then
        return;
    end if;

    v_parts := pg_catalog.regexp_match(
        p_cursor,
        '^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d(?::?\d\d)?)?$'
    );
    if v_parts is not null then
        begin
            -- Without an offset it is UTC, not what the session happens to be set to.
            place_at := (v_parts[1] || coalesce(v_parts[2], 'Z'))::pg_catalog.timestamptz;
        exception
            when data_exception then
                null;
        end;
        return;
    end if;

    -- A remainder of one character is no base64, and would be an error.
    if p_cursor !~ '^[A-Za-z0-9_-]+$' or pg_catalog.length(p_cursor) % 4 = 1 then
        return;
    end if;
    -- Escaped, because it may be bytes that are no text.
    v_text := pg_catalog.encode(
        pg_catalog.decode(
            pg_catalog.rpad(
                pg_catalog.translate(p_cursor, '-_', '+/'),
                (pg_catalog.length(p_cursor) + 3) / 4 * 4,
                '='
            ),
            'base64'
        ),
        'escape'
    );
    -- Only told whether it matches: to be given the parts as well costs a hundred times as much.
    if v_text !~ '^-?\d{1,18}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_[0-9a-f-]{36}$' then
        return;
    end if;
    v_parts := pg_catalog.string_to_array(v_text, '_');
    if v_parts[3] is distinct from p_conversation_id::pg_catalog.text then
        return;
    end if;
    -- The years 1 to 9999: beyond them is no time that we have given.
    v_microseconds := v_parts[1]::bigint;
    if v_microseconds not between -62135596800000000 and 253402300799999999 then
        return;
    end if;
    -- Days and the rest apart: a double has no room for all microseconds.
    place_at := (
        timestamp '1970-01-01'
        + v_microseconds / 86400000000 * interval '1 day'
        + v_microseconds % 86400000000 * interval '1 microsecond'
    ) at time zone 'UTC';
    place_id := v_parts[2]::pg_catalog.uuid;
end;
$function$;

revoke all
    on function messaging.read_cursor(text, uuid, boolean)
    from public, anon, authenticated, service_role;

comment on function messaging.read_cursor(text, uuid, boolean) is
    'Where a page of messages begins; place_at is null where the cursor is none of ours.';

create function messaging.refuse_message_page(
    p_request_id text,
    p_conversation_id uuid,
    p_cursor text,
    p_limit integer,
    p_direction text
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $function$
begin
    if p_limit is null or p_limit not between 1 and 100 then
        return messaging.refuse_page(p_request_id, 1, p_limit);
    end if;
    if p_direction is null or p_direction not in ('older', 'newer') then
        return messaging.failure(
            p_request_id,
            'validation_error',
            'invalid_direction',
            'Direction must be older or newer'
        );
    end if;
    if not exists (
        select
        from messaging.read_cursor(p_cursor, p_conversation_id, p_direction = 'newer') as place
        where place.place_at is not null
    ) then
        return messaging.failure(
            p_request_id,
            'validation_error',
            'invalid_cursor',
            'Cursor must be one from an earlier page of this conversation, or an ISO 8601 timestamp'
        );
    end if;
    return null;
end;
$function$;

revoke all
    on function messaging.refuse_message_page(text, uuid, text, integer, text)
    from public, anon, authenticated, service_role;

comment on function messaging.refuse_message_page(text, uuid, text, integer, text) is
    'The answer to a cursor, limit or direction that there is not; null where all are sound.';

create function messaging.read_messages_v2(
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
        from public.messages_v2 as message
        where message.conversation_id = p_conversation_id
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
        from public.messages_v2 as message
        where message.conversation_id = p_conversation_id
            and (message.created_at, message.id) < (v_place_at, v_place_id)
        order by
            message.created_at desc,
            message.id desc
        limit p_count;
    end if;
end;
$function$;

revoke all
    on function messaging.read_messages_v2(uuid, text, boolean, integer)
    from public, anon, authenticated, service_role;

comment on function messaging.read_messages_v2(uuid, text, boolean, integer) is
    'So many V2 messages from a cursor on, the nearest first; or from the newest or oldest one on.';

create function messaging.message_page(
    p_request_id text,
    p_conversation_id uuid,
    p_messages messaging.message[],
    p_cursor text,
    p_limit integer,
    p_version text
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $function$
declare
    -- One more than is shown tells whether there is more.
    v_has_more constant boolean := pg_catalog.cardinality(p_messages) > p_limit;
    v_shown constant messaging.message[] := p_messages[:p_limit];
    v_last constant messaging.message := v_shown[pg_catalog.cardinality(v_shown)];
begin
    return messaging.success(
        p_request_id,
        'Messages retrieved successfully',
        pg_catalog.jsonb_build_object(
            'conversation_id', p_conversation_id,
            'version', p_version,
            'messages', pg_catalog.to_jsonb(v_shown),
            'pagination', pg_catalog.jsonb_build_object(
                -- Past the end the place stays the same, so that one may ask again later.
                'cursor', case
                    when v_last.id is null then p_cursor
                    else messaging.make_cursor(
                        v_last.conversation_id, v_last.created_at, v_last.id
                    )
                end,
                'limit', p_limit,
                'has_more', v_has_more
            )
        )
    );
end;
$function$;

revoke all
    on function messaging.message_page(
        text, uuid, messaging.message[], text, integer, text
    )
    from public, anon, authenticated, service_role;

comment on function messaging.message_page(
    text, uuid, messaging.message[], text, integer, text
) is
    'The answer with one page of messages, of which one too many was read.';

create function messaging.is_participant_v2(
    p_conversation_id uuid,
    p_user_id uuid
)
returns boolean
language plpgsql
stable
set search_path = ''
as $function$
begin
    return exists (
        select
        from public.conversations_v2 as conversation
        where conversation.id = p_conversation_id
            and p_user_id in (conversation.requester_id, conversation.helper_id)
    );
end;
$function$;

revoke all
    on function messaging.is_participant_v2(uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.is_participant_v2(uuid, uuid) is
    'Whether the person is one of the two of a V2 conversation; false where there is none.';

create function public.get_messages_v2(
    p_conversation_id uuid,
    p_user_id uuid,
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
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_user_id is distinct from v_caller_id then
        return messaging.failure(
            v_request_id,
            'permission_denied',
            'not_the_caller',
            'Cannot access conversation for another user'
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
    if not messaging.is_participant_v2(p_conversation_id, p_user_id) then
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
        array(
            select message
            from messaging.read_messages_v2(
                p_conversation_id, p_cursor, p_direction = 'newer', p_limit + 1
            ) as message
        ),
        p_cursor,
        p_limit,
        'v2'
    );
exception
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        raise log 'messaging % get_messages_v2: % %', v_request_id, sqlstate, sqlerrm;
        return messaging.unexpected(
            v_request_id,
            'Failed to fetch messages',
            sqlstate,
            sqlerrm
        ) - 'internal';
end;
$function$;

revoke all
    on function public.get_messages_v2(uuid, uuid, text, integer, text)
    from public, anon, authenticated, service_role;
grant execute
    on function public.get_messages_v2(uuid, uuid, text, integer, text)
    to authenticated;

comment on function public.get_messages_v2(uuid, uuid, text, integer, text) is
    'A page of messages of a V2 conversation after its first: older or newer ones, nearest first.';

-- Read state --------------------------------------------------------------------------------------

create function messaging.mark_conversation_read(
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
    v_last_message_at pg_catalog.timestamptz;
begin
    select conversation.last_message_at
    into v_last_message_at
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

    -- The time of the last message that we see, not the clock: what is committed from here on is
    -- later than that, and stays unread.
    insert into public.conversation_reads_v2 as readings (
        conversation_id,
        user_id,
        last_read_at
    )
    values (
        p_conversation_id,
        p_user_id,
        v_last_message_at
    )
    on conflict on constraint conversation_reads_v2_pkey do update
        set last_read_at = excluded.last_read_at
        where readings.last_read_at < excluded.last_read_at;

    return messaging.success(
        p_request_id,
        'Conversation marked as read',
        pg_catalog.jsonb_build_object(
            'conversation_id', p_conversation_id,
            'unread_count', 0
        )
    );
exception
    -- The conversation was deleted while we looked at it.
    when foreign_key_violation then
        return messaging.failure(
            p_request_id,
            'not_found',
            'conversation_not_found',
            'Conversation not found or you do not have access'
        );
    -- Beyond read committed the transaction can only be tried again, which is for its owner to do.
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        return messaging.unexpected(
            p_request_id,
            'Failed to mark conversation as read',
            sqlstate,
            sqlerrm
        );
end;
$function$;

revoke all
    on function messaging.mark_conversation_read(uuid, uuid, text)
    from public, anon, authenticated, service_role;

comment on function messaging.mark_conversation_read(uuid, uuid, text) is
    'Notes that a person has read all of a conversation. Trusts p_user_id.';

create function public.mark_conversation_read_v2(
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
    v_request_id constant pg_catalog.text := messaging.request_id();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    v_answer pg_catalog.jsonb;
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_user_id is distinct from v_caller_id then
        v_answer := messaging.failure(
            v_request_id,
            'permission_denied',
            'not_the_caller',
            'Cannot access conversation for another user'
        );
    else
        v_answer := messaging.mark_conversation_read(
            p_conversation_id,
            p_user_id,
            v_request_id
        );
    end if;
    return messaging.record_call(
        'markConversationRead',
        v_started_at,
        v_answer,
        v_caller_id,
        p_conversation_id => p_conversation_id,
        p_version => 'v2'
    );
end;
$function$;

revoke all
    on function public.mark_conversation_read_v2(uuid, uuid)
    from public, anon, authenticated, service_role;
grant execute
    on function public.mark_conversation_read_v2(uuid, uuid)
    to authenticated;

comment on function public.mark_conversation_read_v2(uuid, uuid) is
    'Notes that the user has read all there is in a V2 conversation.';

commit;
