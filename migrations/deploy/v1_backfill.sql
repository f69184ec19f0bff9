-- Deploy care_collective_messaging:v1_backfill to pg
--
-- What: functions that copy V1 conversations into V2 a batch at a time, compare what is in both,
--     and tell how far the copying has got; the table that notes what was copied.
-- Why: conversations that began in V1 are to go on in V2, beside live traffic and without losing a
--     word. Rules, where the two systems differ:
--     - The owner of the request is the requester, the other participant the helper. Ids and times
--       stay; texts are trimmed as everywhere in V2.
--     - V2's initial message is the helper's. The first message takes that place where the helper
--       wrote it and it has 10 to 1,000 characters; else a placeholder stands there, and the first
--       message becomes a follow-up like all others: nobody is made the author of another's words.
--     - A message that was taken back (deleted_at) is not copied.
--     - Read state: everything from the other one is read up to the first message that V1 calls
--       unread, so nothing unread becomes read. It only moves forward, also in later runs.
--     - A status that changes in V1 later is taken over where nobody has changed it in V2, but for
--       one: V1 does not lift a block.
--     - What does not fit into V2 is skipped, with a reason; see the two functions on top.
-- Requires: v1_conversations.
--     Where the V1 tables are missing there is nothing to copy.
-- Transaction: yes.
--
-- squawk wants timeouts; the foreign key is of a table that nobody knows yet to one of our own.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

-- What was copied, and how far the running pass is ------------------------------------------------

create table messaging.v1_backfill_conversations (
    conversation_id uuid not null,
    initial_message_id uuid,
    v1_status text not null,
    copied_at timestamptz not null default pg_catalog.clock_timestamp(),
    constraint v1_backfill_conversations_pkey
        primary key (conversation_id),
    constraint v1_backfill_conversations_conversation_id_fkey
        foreign key (conversation_id)
        references public.conversations_v2 (id)
        on delete cascade
);

revoke all
    on table messaging.v1_backfill_conversations
    from public, anon, authenticated, service_role;

comment on table messaging.v1_backfill_conversations is
    'Conversations that were copied from V1, and what V2 has no place for. Needed by later runs.';
comment on column messaging.v1_backfill_conversations.conversation_id is
    'The conversation, in V1 and in V2.';
comment on column messaging.v1_backfill_conversations.initial_message_id is
    'Key in V1 of the message that became initial_message; null: a placeholder stands there.';
comment on column messaging.v1_backfill_conversations.v1_status is
    'Status in V1 when it was last looked at.';
comment on column messaging.v1_backfill_conversations.copied_at is
    'When it was copied.';

create table messaging.v1_backfill_progress (
    only_row boolean not null default true,
    conversation_id uuid,
    message_created_at timestamptz,
    message_id uuid,
    started_at timestamptz,
    finished_at timestamptz,
    constraint v1_backfill_progress_pkey
        primary key (only_row),
    constraint v1_backfill_progress_only_row
        check (only_row),
    constraint v1_backfill_progress_place
        check (
            (message_id is null) = (message_created_at is null)
            and (message_id is null or conversation_id is not null)
        )
);

revoke all
    on table messaging.v1_backfill_progress
    from public, anon, authenticated, service_role;

comment on table messaging.v1_backfill_progress is
    'How far the running pass over V1 is; its row is the lock that keeps a second one out.';
comment on column messaging.v1_backfill_progress.only_row is
    'Key: there is one row.';
comment on column messaging.v1_backfill_progress.conversation_id is
    'The last conversation that was looked at; null: none yet.';
comment on column messaging.v1_backfill_progress.message_created_at is
    'Where the pass is in the middle of that conversation: time of its last message; else null.';
comment on column messaging.v1_backfill_progress.message_id is
    'Where the pass is in the middle of that conversation: key of its last message; else null.';
comment on column messaging.v1_backfill_progress.started_at is
    'When the pass began.';
comment on column messaging.v1_backfill_progress.finished_at is
    'When the pass reached the end; null: it is running, or was interrupted.';

insert into messaging.v1_backfill_progress (only_row)
values (true);

-- What is to become of each row of V1 -------------------------------------------------------------

create function messaging.v1_is_there()
returns boolean
language plpgsql
stable
set search_path = ''
as $function$
declare
    v_table pg_catalog.text;
begin
    if not messaging.v1_exists() then
        return false;
    end if;
    foreach v_table in array array[
        'public.conversations', 'public.conversation_participants', 'public.messages'
    ] loop
        -- Half of V1 would look like the whole of it.
        if pg_catalog.row_security_active(v_table) then
            raise exception using
                errcode = 'insufficient_privilege',
                message = pg_catalog.format(
                    'row level security hides rows of %s from %s', v_table, current_user
                ),
                hint = 'The owner of the messaging functions has to own the V1 tables, or have '
                    'the attribute BYPASSRLS.';
        end if;
    end loop;
    return true;
end;
$function$;

revoke all
    on function messaging.v1_is_there()
    from public, anon, authenticated, service_role;

comment on function messaging.v1_is_there() is
    'Whether the V1 tables are there; an error where row level security would hide rows of them.';

-- The plans must not be those of the small tables that the first batch meets, nor follow statistics
-- that know nothing of the rows of the last minute. What reads is planned anew each time; not so
-- what writes, or triggers and foreign keys would be planned for every row: there, and here, the
-- planner is kept from scanning whole tables, and `offset 0` makes it look up a row by its key
-- where it would take a whole table, or the whole range, for one row.
create function messaging.v1_conversations_between(
    p_from uuid,
    p_until uuid
)
returns table (
    conversation_id uuid,
    help_request_id uuid,
    requester_id uuid,
    helper_id uuid,
    status text,
    created_at timestamptz,
    updated_at timestamptz,
    last_message_at timestamptz,
    newest_at timestamptz,
    initial_message_id uuid,
    initial_message text,
    is_noted boolean,
    outcome text,
    reason text
)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $function$
declare
    -- That of messaging.trim_whitespace(), which takes far longer than what it calls.
    v_white_space constant pg_catalog.text :=
        E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003'
        '\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';
    v_placeholder constant pg_catalog.text :=
        '[Initial message not available - migrated from V1]';
begin
    return query
    -- Materialized: the reason has sub-selects, and would be worked out wherever it is used.
    with fact as materialized (
        select
            v1.id,
            v1.help_request_id,
            v1.status::pg_catalog.text as status,
            v1.created_at,
            v1.updated_at,
            request.user_id as owner_id,
            coalesce(copy.requester_id, request.user_id) as requester_id,
            coalesce(copy.helper_id, people.helper_id) as helper_id,
            people.helper_id as other_id,
            people.number = 2 and people.owners = 1 as is_pair,
            copy.id is not null as is_there,
            note.conversation_id is not null as is_noted,
            note.initial_message_id as noted_message_id,
            copy.help_request_id as copied_help_request_id,
            copy.initial_message as copied_message,
            copy.created_at as copied_created_at,
            copy.last_message_at as copied_last_message_at,
            case
                when copy.id is not null then
                    case when copy.origin <> 'v1_backfill' then 'id_taken' end
                when request.id is null then 'no_help_request'
                when people.number <> 2 then 'not_two_people'
                when people.owners = 0 then 'owner_not_participant'
                when (
                    select pg_catalog.count(*) < 2
                    from auth.users as account
                    where account.id in (request.user_id, people.helper_id)
                ) then 'account_missing'
                when v1.status::pg_catalog.text not in ('active', 'closed', 'archived', 'blocked')
                    then 'status_unknown'
                when exists (
                    select
                    from public.conversations_v2 as pair
                    where pair.help_request_id = v1.help_request_id
                        and pair.helper_id = people.helper_id
                    offset 0
                ) then 'pair_has_conversation'
            end as reason
        from public.conversations as v1
        left join public.help_requests as request
            on request.id = v1.help_request_id
        cross join lateral (
            select
                pg_catalog.count(distinct participant.user_id) as number,
                pg_catalog.count(*) filter (
                    where participant.user_id = request.user_id
                ) as owners,
                (
                    pg_catalog.array_agg(participant.user_id) filter (
                        where participant.user_id is distinct from request.user_id
                    )
                )[1] as helper_id
            from public.conversation_participants as participant
            where participant.conversation_id = v1.id
        ) as people
        left join lateral (
            select *
            from public.conversations_v2 as known
            where known.id = v1.id
            offset 0
        ) as copy
            on true
        left join lateral (
            select *
            from messaging.v1_backfill_conversations as known
            where known.conversation_id = v1.id
            offset 0
        ) as note
            on true
        where v1.id between p_from and p_until
    ),
    opened as (
        select
            fact.*,
            case
                when fact.is_noted then noted.id
                -- A copy that nobody noted: the note was lost with a revert.
                when fact.is_there then
                    case
                        when first.sender_id = fact.helper_id
                            and first.content = fact.copied_message
                            and not exists (
                                select
                                from public.messages_v2 as message
                                where message.id = first.id
                                offset 0
                            )
                            then first.id
                    end
                when first.sender_id = fact.helper_id
                    and pg_catalog.char_length(first.content) >= 10
                    then first.id
            end as opening_id,
            case
                when fact.is_noted then
                    case
                        when fact.noted_message_id is null then v_placeholder
                        when noted.deleted_at is null
                            then pg_catalog.btrim(noted.content, v_white_space)
                    end
                when fact.is_there then fact.copied_message
                when first.sender_id = fact.helper_id
                    and pg_catalog.char_length(first.content) >= 10
                    then first.content
                else v_placeholder
            end as opening,
            newest.created_at as newest_at
        from fact
        left join public.messages as noted
            on noted.id = fact.noted_message_id
        -- In order first, so that no more texts are trimmed than have to be.
        left join lateral (
            select
                earliest.id,
                earliest.sender_id,
                pg_catalog.btrim(earliest.content, v_white_space) as content
            from (
                select
                    message.id,
                    message.sender_id,
                    message.content
                from public.messages as message
                where message.conversation_id = fact.id
                    and fact.reason is null
                    and not fact.is_noted
                    and message.deleted_at is null
                    -- Not by an index on the sender, who may have written many.
                    and (message.sender_id in (fact.requester_id, fact.helper_id)) is true
                order by
                    message.created_at,
                    message.id
                offset 0
            ) as earliest
            where pg_catalog.char_length(pg_catalog.btrim(earliest.content, v_white_space))
                between 1 and 1000
            limit 1
        ) as first
            on true
        left join lateral (
            select latest.created_at
            from (
                select
                    message.created_at,
                    message.content
                from public.messages as message
                where message.conversation_id = fact.id
                    and fact.reason is null
                    and message.deleted_at is null
                    and (message.sender_id in (fact.requester_id, fact.helper_id)) is true
                order by message.created_at desc
                offset 0
            ) as latest
            where pg_catalog.char_length(pg_catalog.btrim(latest.content, v_white_space))
                between 1 and 1000
            limit 1
        ) as newest
            on true
    ),
    compared as (
        select
            opened.*,
            case
                when opened.is_there then
                    pg_catalog.concat_ws(
                        ', ',
                        case when not opened.is_noted then 'not noted' end,
                        case
                            when opened.copied_help_request_id
                                is distinct from opened.help_request_id
                                then 'help_request_id'
                        end,
                        case
                            when opened.requester_id is distinct from opened.owner_id
                                then 'requester_id'
                        end,
                        case
                            when opened.is_pair
                                and opened.helper_id is distinct from opened.other_id
                                then 'helper_id'
                        end,
                        case
                            when opened.copied_created_at <> opened.created_at
                                then 'created_at'
                        end,
                        case
                            when opened.copied_message <> opened.opening
                                then 'initial_message'
                        end
                    )
            end as difference
        from opened
    )
    select
        compared.id,
        compared.help_request_id,
        compared.requester_id,
        compared.helper_id,
        compared.status,
        compared.created_at,
        compared.updated_at,
        coalesce(
            compared.copied_last_message_at,
            greatest(compared.created_at, compared.newest_at)
        ),
        compared.newest_at,
        compared.opening_id,
        compared.opening,
        compared.is_noted,
        case
            when compared.reason is not null then 'skipped'
            when not compared.is_there then 'missing'
            when compared.difference <> '' then 'different'
            else 'copied'
        end,
        coalesce(compared.reason, nullif(compared.difference, ''))
    from compared;
end;
$function$;

revoke all
    on function messaging.v1_conversations_between(uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.v1_conversations_between(uuid, uuid) is
    'V1 conversations of a range of ids, as V2 has or would have them. outcome: copied; missing; '
    'different (reason: in which columns); skipped (reason: id_taken, no_help_request, '
    'not_two_people, owner_not_participant, account_missing, status_unknown, '
    'pair_has_conversation).';

create function messaging.v1_messages_between(
    p_from uuid,
    p_until uuid
)
returns table (
    message_id uuid,
    conversation_id uuid,
    created_at timestamptz,
    outcome text,
    reason text
)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $function$
declare
    -- That of messaging.trim_whitespace(), which takes far longer than what it calls.
    v_white_space constant pg_catalog.text :=
        E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003'
        '\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';
begin
    return query
    select
        v1.id,
        v1.conversation_id,
        v1.created_at,
        case
            when judged.reason is not null then 'skipped'
            when v1.id = conversation.initial_message_id then
                case
                    when conversation.outcome = 'missing' then 'missing'
                    when conversation.initial_message = trimmed.content then 'copied'
                    else 'different'
                end
            when copy.id is null then 'missing'
            when compared.difference <> '' then 'different'
            else 'copied'
        end,
        coalesce(judged.reason, nullif(compared.difference, ''))
    from public.messages as v1
    join messaging.v1_conversations_between(p_from, p_until) as conversation
        on conversation.conversation_id = v1.conversation_id
    left join public.messages_v2 as copy
        on copy.id = v1.id
    cross join lateral (
        -- Once, wherever it is used: `offset` keeps the planner from copying the expression.
        select pg_catalog.btrim(v1.content, v_white_space) as content
        offset 0
    ) as trimmed
    cross join lateral (
        select case
            when conversation.outcome = 'skipped' then conversation.reason
            when v1.deleted_at is not null then 'deleted'
            when v1.id = conversation.initial_message_id then null
            when v1.sender_id not in (conversation.requester_id, conversation.helper_id)
                then 'sender_not_participant'
            when trimmed.content = '' then 'text_empty'
            when pg_catalog.char_length(trimmed.content) > 1000 then 'text_too_long'
        end as reason
    ) as judged
    cross join lateral (
        select case
            when copy.id is not null then pg_catalog.concat_ws(
                ', ',
                case when copy.conversation_id <> v1.conversation_id then 'conversation_id' end,
                case when copy.sender_id <> v1.sender_id then 'sender_id' end,
                case when copy.content <> trimmed.content then 'content' end,
                case when copy.created_at <> v1.created_at then 'created_at' end,
                case when conversation.last_message_at < v1.created_at then 'last_message_at' end
            )
        end as difference
    ) as compared
    where v1.conversation_id between p_from and p_until;
end;
$function$;

revoke all
    on function messaging.v1_messages_between(uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.v1_messages_between(uuid, uuid) is
    'V1 messages of a range of conversations, as V2 has or would have them. outcome: copied; '
    'missing; different (reason: in which columns); skipped (reason: that of the conversation, '
    'deleted, sender_not_participant, text_empty, text_too_long).';

create function messaging.v1_reads_between(
    p_from uuid,
    p_until uuid
)
returns table (
    conversation_id uuid,
    user_id uuid,
    last_read_at timestamptz
)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_nestloop = off
set jit = off
as $function$
begin
    return query
    with person as materialized (
        select
            conversation.id as conversation_id,
            conversation.created_at,
            reader.user_id,
            reader.other_id,
            known.last_read_at,
            reader.user_id = conversation.requester_id
                and opening.read_at is null
                and opening.status::pg_catalog.text <> 'read'
                and conversation.created_at > coalesce(known.last_read_at, '-infinity')
                as is_opening_unread
        from messaging.v1_backfill_conversations as note
        cross join lateral (
            select *
            from public.conversations_v2 as copy
            where copy.id = note.conversation_id
            offset 0
        ) as conversation
        left join lateral (
            select
                first.read_at,
                first.status
            from public.messages as first
            where first.id = note.initial_message_id
            offset 0
        ) as opening
            on true
        cross join lateral (
            values
                (conversation.requester_id, conversation.helper_id),
                (conversation.helper_id, conversation.requester_id)
        ) as reader (user_id, other_id)
        left join lateral (
            select read.last_read_at
            from public.conversation_reads_v2 as read
            where read.conversation_id = note.conversation_id
                and read.user_id = reader.user_id
            offset 0
        ) as known
            on true
        where note.conversation_id between p_from and p_until
    ),
    read_in_v1 as materialized (
        select message.id
        from public.messages as message
        where message.conversation_id between p_from and p_until
            and (message.read_at is not null or message.status::pg_catalog.text = 'read')
    ),
    followed as (
        select
            person.conversation_id,
            person.user_id,
            pg_catalog.max(message.created_at) as newest_at,
            pg_catalog.min(message.created_at) filter (
                where v1.id is null
                    and message.created_at > coalesce(person.last_read_at, '-infinity')
            ) as first_unread_at
        from person
        join public.messages_v2 as message
            on message.conversation_id = person.conversation_id
            and message.sender_id = person.other_id
        left join read_in_v1 as v1
            on v1.id = message.id
        where message.conversation_id between p_from and p_until
        group by
            person.conversation_id,
            person.user_id
    ),
    state as (
        select
            person.conversation_id,
            person.created_at,
            person.user_id,
            person.last_read_at,
            coalesce(
                least(
                    -- In a placeholder there is nothing to read, nor in what one wrote oneself.
                    case when person.is_opening_unread then person.created_at end,
                    followed.first_unread_at
                ) - interval '1 microsecond',
                greatest(person.created_at, followed.newest_at)
            ) as read_until
        from person
        left join followed
            on followed.conversation_id = person.conversation_id
            and followed.user_id = person.user_id
    )
    select
        state.conversation_id,
        state.user_id,
        state.read_until
    from state
    where state.read_until >= state.created_at
        and state.read_until > coalesce(state.last_read_at, '-infinity');
end;
$function$;

revoke all
    on function messaging.v1_reads_between(uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.v1_reads_between(uuid, uuid) is
    'How far the people of a range of copied conversations have read, where V2 does not know it '
    'yet.';

-- Copying -----------------------------------------------------------------------------------------

create function messaging.copy_v1_conversations(
    p_from uuid,
    p_until uuid
)
returns table (
    conversations integer,
    messages integer
)
language plpgsql
volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $function$
begin
    return query
    with v1 as materialized (
        select *
        from messaging.v1_conversations_between(p_from, p_until)
    ),
    inserted as (
        -- Whoever begins the same conversation in V2 at this moment comes first.
        insert into public.conversations_v2 (
            id,
            help_request_id,
            requester_id,
            helper_id,
            initial_message,
            status,
            origin,
            created_at,
            updated_at,
            last_message_at
        )
        select
            v1.conversation_id,
            v1.help_request_id,
            v1.requester_id,
            v1.helper_id,
            v1.initial_message,
            v1.status,
            'v1_backfill',
            v1.created_at,
            v1.updated_at,
            v1.last_message_at
        from v1
        where v1.outcome = 'missing'
        order by v1.conversation_id
        on conflict do nothing
        returning conversations_v2.id
    ),
    -- Before the messages and once a conversation: else the trigger would do it for every message.
    raised as (
        update public.conversations_v2
        set last_message_at = v1.newest_at
        from v1
        where conversations_v2.id = v1.conversation_id
            and v1.outcome in ('copied', 'different')
            and v1.last_message_at < v1.newest_at
            and conversations_v2.last_message_at < v1.newest_at
    ),
    noted as (
        insert into messaging.v1_backfill_conversations (
            conversation_id,
            initial_message_id,
            v1_status
        )
        select
            v1.conversation_id,
            v1.initial_message_id,
            v1.status
        from v1
        left join inserted
            on inserted.id = v1.conversation_id
        where inserted.id is not null
            or (v1.outcome = 'different' and not v1.is_noted)
    )
    select
        pg_catalog.count(*)::integer,
        pg_catalog.count(v1.initial_message_id)::integer
    from inserted
    join v1
        on v1.conversation_id = inserted.id;

    -- What happened in V1 after it was copied: V2 follows, unless somebody there decided otherwise.
    with v1 as (
        select
            note.conversation_id,
            note.v1_status as before,
            conversation.status::pg_catalog.text as after
        from messaging.v1_backfill_conversations as note
        join public.conversations as conversation
            on conversation.id = note.conversation_id
        where note.conversation_id between p_from and p_until
            and conversation.id between p_from and p_until
            and note.v1_status <> conversation.status::pg_catalog.text
            and conversation.status::pg_catalog.text in ('active', 'closed', 'archived', 'blocked')
    ),
    followed as (
        update public.conversations_v2
        set status = v1.after
        from v1
        where conversations_v2.id = v1.conversation_id
            and conversations_v2.status = v1.before
            and v1.before <> 'blocked'
    )
    update messaging.v1_backfill_conversations as note
    set v1_status = v1.after
    from v1
    where note.conversation_id = v1.conversation_id;
end;
$function$;

revoke all
    on function messaging.copy_v1_conversations(uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.copy_v1_conversations(uuid, uuid) is
    'Copies the conversations of a range of ids without their follow-ups; answers how many, and '
    'how many first messages with them.';

-- The rules of messaging.v1_messages_between() in a form that costs less; what the two do not agree
-- about is missing or different to the comparison.
create function messaging.copy_v1_messages(
    p_from uuid,
    p_from_at timestamptz,
    p_from_id uuid,
    p_until uuid,
    p_until_at timestamptz,
    p_until_id uuid
)
returns integer
language plpgsql
volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $function$
declare
    v_white_space constant pg_catalog.text :=
        E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003'
        '\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';
    v_copied integer;
begin
    with pair as materialized (
        select
            conversation.id,
            conversation.requester_id,
            conversation.helper_id,
            note.initial_message_id
        from messaging.v1_backfill_conversations as note
        cross join lateral (
            select *
            from public.conversations_v2 as copy
            where copy.id = note.conversation_id
            offset 0
        ) as conversation
        where note.conversation_id between p_from and p_until
    )
    insert into public.messages_v2 (
        id,
        conversation_id,
        sender_id,
        content,
        created_at,
        updated_at
    )
    select
        v1.id,
        v1.conversation_id,
        v1.sender_id,
        v1.content,
        v1.created_at,
        v1.updated_at
    from (
        select
            message.id,
            message.conversation_id,
            message.sender_id,
            pg_catalog.btrim(message.content, v_white_space) as content,
            message.created_at,
            message.updated_at
        from public.messages as message
        join pair
            on pair.id = message.conversation_id
        where (message.conversation_id, message.created_at, message.id)
                > (p_from, p_from_at, p_from_id)
            and (message.conversation_id, message.created_at, message.id)
                <= (p_until, p_until_at, p_until_id)
            and message.deleted_at is null
            and message.sender_id in (pair.requester_id, pair.helper_id)
            and message.id is distinct from pair.initial_message_id
            -- Cheaper than `on conflict`: one backfill runs at a time, and nobody else has the key.
            and not exists (
                select
                from public.messages_v2 as copy
                where copy.id = message.id
                offset 0
            )
        -- Keeps the planner from trimming again in the condition below.
        offset 0
    ) as v1
    where pg_catalog.char_length(v1.content) between 1 and 1000
    order by
        v1.conversation_id,
        v1.created_at,
        v1.id;
    get diagnostics v_copied = row_count;
    return v_copied;
end;
$function$;

revoke all
    on function messaging.copy_v1_messages(
        uuid, timestamptz, uuid, uuid, timestamptz, uuid
    )
    from public, anon, authenticated, service_role;

comment on function messaging.copy_v1_messages(
    uuid, timestamptz, uuid, uuid, timestamptz, uuid
) is
    'Copies the follow-ups after one place in V1 up to another, of conversations that were copied; '
    'a place is conversation, time and key of a message. Answers how many.';

create function messaging.copy_v1_reads(
    p_from uuid,
    p_until uuid
)
returns void
language sql
volatile
set search_path = ''
set enable_seqscan = off
set jit = off
begin atomic
    insert into public.conversation_reads_v2 as known (
        conversation_id,
        user_id,
        last_read_at
    )
    select
        v1.conversation_id,
        v1.user_id,
        v1.last_read_at
    from messaging.v1_reads_between(p_from, p_until) as v1
    order by
        v1.conversation_id,
        v1.user_id
    on conflict on constraint conversation_reads_v2_pkey do update
    set last_read_at = excluded.last_read_at
    where known.last_read_at < excluded.last_read_at;
end;

revoke all
    on function messaging.copy_v1_reads(uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.copy_v1_reads(uuid, uuid) is
    'Carries the read state of a range of copied conversations over; it only moves forward.';

-- The waits of a batch are shorter than deadlock_timeout, so a cycle is broken here, by the batch
-- that is tried again, before the server looks for a victim among the application's sessions.
create function messaging.backfill_conversations(
    p_limit integer default 1000,
    p_pass_over boolean default false
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
set enable_seqscan = off
set jit = off
set lock_timeout = '200ms'
as $function$
declare
    v_first constant pg_catalog.uuid := '00000000-0000-0000-0000-000000000000';
    v_last constant pg_catalog.uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    v_messages_limit constant integer := p_limit * 5;
    v_progress messaging.v1_backfill_progress;
    v_from pg_catalog.uuid;
    v_from_at pg_catalog.timestamptz := '-infinity';
    v_from_id pg_catalog.uuid := v_first;
    v_until pg_catalog.uuid;
    v_until_at pg_catalog.timestamptz := 'infinity';
    v_until_id pg_catalog.uuid := v_last;
    v_full_at pg_catalog.uuid;
    v_in_pieces boolean;
    v_goes_on boolean := false;
    v_examined integer := 0;
    v_conversations integer := 0;
    v_openings integer := 0;
    v_messages integer := 0;
begin
    if p_limit is null or p_limit not between 1 and 100000 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'p_limit must be between 1 and 100,000';
    end if;
    if not messaging.v1_is_there() then
        return '{"done": true, "conversations": 0, "messages": 0, "examined": 0, "passed_over": 0}';
    end if;
    begin
        select *
        into strict v_progress
        from messaging.v1_backfill_progress
        for update nowait;
    exception
        when lock_not_available then
            raise exception using
                errcode = 'object_in_use',
                message = 'another backfill is running';
    end;
    -- After the end begins the next pass: it takes what V1 has got since.
    if v_progress.finished_at is not null or v_progress.started_at is null then
        v_progress := row (true, null, null, null, pg_catalog.clock_timestamp(), null);
    end if;

    -- Whole conversations, as many as stay within the limit of messages. Only one that is larger
    -- by itself is taken in pieces.
    v_in_pieces := v_progress.message_id is not null;
    if v_in_pieces then
        v_from := v_progress.conversation_id;
        v_until := v_from;
        v_from_at := v_progress.message_created_at;
        v_from_id := v_progress.message_id;
    else
        select
            (pg_catalog.array_agg(ahead.id order by ahead.id))[1],
            (pg_catalog.array_agg(ahead.id order by ahead.id desc))[1]
        into
            v_from,
            v_until
        from (
            select conversation.id
            from public.conversations as conversation
            where conversation.id >= coalesce(v_progress.conversation_id, v_first)
                and conversation.id is distinct from v_progress.conversation_id
            order by conversation.id
            limit p_limit
        ) as ahead;

        select message.conversation_id
        into v_full_at
        from public.messages as message
        where message.conversation_id between v_from and v_until
        order by message.conversation_id
        offset v_messages_limit
        limit 1;

        if v_full_at = v_from then
            v_in_pieces := true;
            v_until := v_from;
        elsif v_full_at is not null then
            select conversation.id
            into v_until
            from public.conversations as conversation
            where conversation.id < v_full_at
            order by conversation.id desc
            limit 1;
        end if;
    end if;

    if v_from is null then
        update messaging.v1_backfill_progress
        set
            started_at = v_progress.started_at,
            finished_at = pg_catalog.clock_timestamp();
        return '{"done": true, "conversations": 0, "messages": 0, "examined": 0, "passed_over": 0}';
    end if;

    if v_in_pieces and not p_pass_over then
        -- Two people who write faster than this copies must not keep it here for ever: what they
        -- have written since the pass began is for the next one.
        v_until_at := v_progress.started_at - interval '1 microsecond';
        select
            message.created_at,
            message.id
        into
            v_until_at,
            v_until_id
        from public.messages as message
        where message.conversation_id = v_from
            and (message.created_at, message.id) > (v_from_at, v_from_id)
            and message.created_at <= v_until_at
        order by
            message.created_at,
            message.id
        offset v_messages_limit - 1
        limit 1;
        v_goes_on := found;
        if not v_goes_on then
            v_until_at := v_progress.started_at - interval '1 microsecond';
            v_until_id := v_last;
        end if;
    end if;

    if not p_pass_over then
        select
            done.conversations,
            done.messages
        into
            v_conversations,
            v_openings
        from messaging.copy_v1_conversations(v_from, v_until) as done;

        v_messages := messaging.copy_v1_messages(
            v_from, v_from_at, v_from_id, v_until, v_until_at, v_until_id
        );

        if not v_goes_on then
            perform messaging.copy_v1_reads(v_from, v_until);
        end if;

        select pg_catalog.count(*)
        into v_examined
        from public.messages as message
        where (message.conversation_id, message.created_at, message.id)
                > (v_from, v_from_at, v_from_id)
            and (message.conversation_id, message.created_at, message.id)
                <= (v_until, v_until_at, v_until_id);
    end if;

    update messaging.v1_backfill_progress
    set
        conversation_id = v_until,
        message_created_at = case when v_goes_on then v_until_at end,
        message_id = case when v_goes_on then v_until_id end,
        started_at = v_progress.started_at,
        finished_at = null;

    return pg_catalog.jsonb_build_object(
        'done', false,
        'conversations', v_conversations,
        'messages', v_openings + v_messages,
        'examined', v_examined,
        'passed_over', p_pass_over::integer
    );
end;
$function$;

revoke all
    on function messaging.backfill_conversations(integer, boolean)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.backfill_conversations(integer, boolean)
    to service_role;

comment on function messaging.backfill_conversations(integer, boolean) is
    'Copies the next V1 conversations into V2, at most p_limit with five messages each on average, '
    'for a transaction of its own; call it until it answers "done". p_pass_over leaves the next '
    'ones out of this pass, for a conversation that somebody else holds locked: call it with '
    'p_limit 1.';

-- Comparing ---------------------------------------------------------------------------------------

create function messaging.backfill_progress()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $function$
declare
    v_progress messaging.v1_backfill_progress;
    v_after pg_catalog.uuid;
begin
    if not messaging.v1_is_there() then
        return pg_catalog.jsonb_build_object(
            'now', pg_catalog.clock_timestamp(),
            'v1', false
        );
    end if;
    select *
    into strict v_progress
    from messaging.v1_backfill_progress;
    if v_progress.finished_at is null then
        v_after := v_progress.conversation_id;
    end if;
    return pg_catalog.jsonb_build_object(
        'now', pg_catalog.clock_timestamp(),
        'v1', true,
        'resumes', v_after is not null,
        'conversations', (
            select pg_catalog.count(*)
            from public.conversations as conversation
            where v_after is null
                or conversation.id > v_after
        ),
        'messages', (
            select pg_catalog.count(*)
            from public.messages as message
            where v_after is null
                or message.conversation_id > v_after
        )
    );
end;
$function$;

revoke all
    on function messaging.backfill_progress()
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.backfill_progress()
    to service_role;

comment on function messaging.backfill_progress() is
    'Whether V1 is there, whether a pass goes on where one was interrupted, and how many V1 '
    'conversations and messages it still has to look at.';

create function messaging.reconcile_backfill(
    p_as_of timestamptz default 'infinity'
)
returns table (
    kind text,
    outcome text,
    reason text,
    id uuid,
    conversation_id uuid,
    number bigint
)
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $function$
declare
    v_from pg_catalog.uuid;
    v_until pg_catalog.uuid;
begin
    if not messaging.v1_is_there() then
        return;
    end if;
    loop
        select
            (pg_catalog.array_agg(ahead.id order by ahead.id))[1],
            (pg_catalog.array_agg(ahead.id order by ahead.id desc))[1]
        into
            v_from,
            v_until
        from (
            select conversation.id
            from public.conversations as conversation
            where v_until is null
                or conversation.id > v_until
            order by conversation.id
            limit 1000
        ) as ahead;
        exit when v_from is null;

        return query
        with row_of_v1 as materialized (
            select
                'conversation' as kind,
                conversation.outcome,
                conversation.reason,
                conversation.conversation_id as id,
                conversation.conversation_id,
                conversation.created_at
            from messaging.v1_conversations_between(v_from, v_until) as conversation
            union all
            select
                'message',
                message.outcome,
                message.reason,
                message.message_id,
                message.conversation_id,
                message.created_at
            from messaging.v1_messages_between(v_from, v_until) as message
        )
        select
            found.kind,
            case
                when found.outcome = 'missing' and found.created_at >= p_as_of then 'newer'
                else found.outcome
            end,
            found.reason,
            found.id,
            found.conversation_id,
            1::bigint
        from row_of_v1 as found
        where found.outcome <> 'copied'
        union all
        select
            found.kind,
            'copied',
            null,
            null,
            null,
            pg_catalog.count(*)
        from row_of_v1 as found
        where found.outcome = 'copied'
        group by found.kind;
    end loop;
end;
$function$;

revoke all
    on function messaging.reconcile_backfill(timestamptz)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.reconcile_backfill(timestamptz)
    to service_role;

comment on function messaging.reconcile_backfill(timestamptz) is
    'Compares V1 with V2: a row for each V1 conversation and message that V2 has not got equal '
    '(outcome: missing; different, with the columns; skipped, with the reason; newer: missing, but '
    'not older than p_as_of), and counts of those that it has (outcome: copied). Nothing is lost '
    'where no row says missing or different.';

commit;
