-- Deploy care_collective_messaging:messaging_system_v2_atomic to pg
--
-- What: conversations_v2 with its first message in the same row, messages_v2 for what follows,
--     conversation_reads_v2, their policies, and the three functions that write and read them.
-- Why: V1 needs six statements to start a conversation and loses it half way; here it is one row.
--     The functions trust their arguments, so nobody is given EXECUTE: the next change adds the
--     identity checks and the grants, and a deploy that stops between the two is safe.
-- Requires: prerequisites.
-- Transaction: yes.
--
-- squawk wants literal settings; carecli brings its own, and the block below covers the rest.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

-- The foreign keys take a short lock on help_requests and auth.users. carecli brings a
-- lock_timeout; with a client that has none, do not let the application queue behind us for long.
do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

create schema messaging;

revoke all
    on schema messaging
    from public, anon, authenticated, service_role;

comment on schema messaging is
    'Internals of messaging V2: nothing in here is called or read by the application.';

-- Tables -----------------------------------------------------------------------------------------

create table public.conversations_v2 (
    id uuid not null default pg_catalog.gen_random_uuid(),
    help_request_id uuid not null,
    requester_id uuid not null,
    helper_id uuid not null,
    initial_message text not null,
    status text not null default 'active',
    origin text not null default 'v2',
    created_at timestamptz not null default pg_catalog.now(),
    updated_at timestamptz not null default pg_catalog.now(),
    last_message_at timestamptz not null default pg_catalog.now(),
    constraint conversations_v2_pkey
        primary key (id),
    constraint conversations_v2_help_request_id_helper_id_key
        unique (help_request_id, helper_id),
    constraint conversations_v2_help_request_id_fkey
        foreign key (help_request_id)
        references public.help_requests (id)
        on delete cascade,
    constraint conversations_v2_requester_id_fkey
        foreign key (requester_id)
        references auth.users (id)
        on delete cascade,
    constraint conversations_v2_helper_id_fkey
        foreign key (helper_id)
        references auth.users (id)
        on delete cascade,
    constraint conversations_v2_two_people
        check (requester_id <> helper_id),
    -- The characters are those with the Unicode property White_Space. They are spelled out, here
    -- and in messaging.trim_whitespace(), because a check that called a function would ask
    -- everybody who may change the status for EXECUTE on it.
    constraint conversations_v2_initial_message_length
        check (
            pg_catalog.char_length(
                pg_catalog.btrim(
                    initial_message,
                    E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002'
                    '\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'
                )
            ) between 10 and 1000
        ),
    constraint conversations_v2_status_known
        check (status in ('active', 'closed', 'archived', 'blocked')),
    constraint conversations_v2_origin_known
        check (origin in ('v2', 'v1_backfill'))
);

create index conversations_v2_requester_id_idx on public.conversations_v2 (requester_id);
create index conversations_v2_helper_id_idx on public.conversations_v2 (helper_id);

comment on table public.conversations_v2 is
    'A conversation between the owner of a help request and one helper, with its first message.';
comment on column public.conversations_v2.id is
    'Key.';
comment on column public.conversations_v2.help_request_id is
    'The request that the helper answered.';
comment on column public.conversations_v2.requester_id is
    'Owner of the request.';
comment on column public.conversations_v2.helper_id is
    'Who answered, and so began the conversation.';
comment on column public.conversations_v2.initial_message is
    'First message, from the helper; in this row, so that no conversation can be without it.';
comment on column public.conversations_v2.status is
    'active: both may write; closed, archived, blocked: nobody may.';
comment on column public.conversations_v2.origin is
    'v2: began here; v1_backfill: copied from V1.';
comment on column public.conversations_v2.created_at is
    'When the conversation began: the time of the first message.';
comment on column public.conversations_v2.updated_at is
    'When the row last changed; kept by a trigger.';
comment on column public.conversations_v2.last_message_at is
    'When somebody last wrote; kept by a trigger on messages_v2.';
comment on constraint conversations_v2_help_request_id_helper_id_key
    on public.conversations_v2 is
    'One conversation a request and helper; decides between two calls at the same moment.';

create table public.messages_v2 (
    id uuid not null default pg_catalog.gen_random_uuid(),
    conversation_id uuid not null,
    sender_id uuid not null,
    content text not null,
    created_at timestamptz not null default pg_catalog.now(),
    updated_at timestamptz not null default pg_catalog.now(),
    constraint messages_v2_pkey
        primary key (id),
    constraint messages_v2_conversation_id_fkey
        foreign key (conversation_id)
        references public.conversations_v2 (id)
        on delete cascade,
    constraint messages_v2_sender_id_fkey
        foreign key (sender_id)
        references auth.users (id)
        on delete cascade,
    constraint messages_v2_content_length
        check (
            pg_catalog.char_length(
                pg_catalog.btrim(
                    content,
                    E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002'
                    '\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'
                )
            ) between 1 and 1000
        )
);

create index messages_v2_conversation_id_created_at_id_idx
    on public.messages_v2 (conversation_id, created_at, id);
create index messages_v2_sender_id_idx on public.messages_v2 (sender_id);

comment on table public.messages_v2 is
    'What was written after the first message of a conversation.';
comment on column public.messages_v2.id is
    'Key; settles the order of messages of one moment.';
comment on column public.messages_v2.conversation_id is
    'Where it was written.';
comment on column public.messages_v2.sender_id is
    'Who wrote it: one of the two people of the conversation.';
comment on column public.messages_v2.content is
    'The text, trimmed.';
comment on column public.messages_v2.created_at is
    'When it was sent.';
comment on column public.messages_v2.updated_at is
    'When the row last changed; kept by a trigger.';

create table public.conversation_reads_v2 (
    conversation_id uuid not null,
    user_id uuid not null,
    last_read_at timestamptz not null default pg_catalog.now(),
    constraint conversation_reads_v2_pkey
        primary key (conversation_id, user_id),
    constraint conversation_reads_v2_conversation_id_fkey
        foreign key (conversation_id)
        references public.conversations_v2 (id)
        on delete cascade,
    constraint conversation_reads_v2_user_id_fkey
        foreign key (user_id)
        references auth.users (id)
        on delete cascade
);

create index conversation_reads_v2_user_id_idx on public.conversation_reads_v2 (user_id);

comment on table public.conversation_reads_v2 is
    'How far each person has read each conversation; no row: nothing yet.';
comment on column public.conversation_reads_v2.conversation_id is
    'The conversation.';
comment on column public.conversation_reads_v2.user_id is
    'The reader.';
comment on column public.conversation_reads_v2.last_read_at is
    'What the other one wrote after this moment is unread.';

-- Triggers ---------------------------------------------------------------------------------------

create function messaging.set_updated_at()
returns trigger
language plpgsql
set search_path = ''
as $function$
begin
    new.updated_at := pg_catalog.clock_timestamp();
    return new;
end;
$function$;

revoke all
    on function messaging.set_updated_at()
    from public, anon, authenticated, service_role;

comment on function messaging.set_updated_at() is
    'Trigger: notes when a row last changed.';

create trigger conversations_v2_set_updated_at
    before update
    on public.conversations_v2
    for each row
    when (old.* is distinct from new.*)
    execute function messaging.set_updated_at();
comment on trigger conversations_v2_set_updated_at on public.conversations_v2 is
    'Keeps updated_at.';

create trigger messages_v2_set_updated_at
    before update
    on public.messages_v2
    for each row
    when (old.* is distinct from new.*)
    execute function messaging.set_updated_at();
comment on trigger messages_v2_set_updated_at on public.messages_v2 is
    'Keeps updated_at.';

create function messaging.note_last_message()
returns trigger
language plpgsql
set search_path = ''
as $function$
begin
    update public.conversations_v2
    set last_message_at = new.created_at
    where conversations_v2.id = new.conversation_id
        and conversations_v2.last_message_at < new.created_at;
    return null;
end;
$function$;

revoke all
    on function messaging.note_last_message()
    from public, anon, authenticated, service_role;

comment on function messaging.note_last_message() is
    'Trigger: brings conversations_v2.last_message_at up to a new message.';

create trigger messages_v2_note_last_message
    after insert
    on public.messages_v2
    for each row
    execute function messaging.note_last_message();
comment on trigger messages_v2_note_last_message on public.messages_v2 is
    'Keeps conversations_v2.last_message_at.';

-- Privileges and policies ------------------------------------------------------------------------
-- The privileges are narrower than the policies on purpose: with INSERT a helper could forge
-- requester_id, with UPDATE of whole rows a participant could rewrite what the other one said.

revoke all
    on table public.conversations_v2
    from public, anon, authenticated, service_role;
grant select, update (status)
    on table public.conversations_v2
    to authenticated;
grant select, insert, update, delete
    on table public.conversations_v2
    to service_role;

alter table public.conversations_v2 enable row level security;

create policy conversations_v2_select_participant
    on public.conversations_v2
    for select
    to authenticated
    using (
        requester_id = (select auth.uid())
        or helper_id = (select auth.uid())
    );
comment on policy conversations_v2_select_participant on public.conversations_v2 is
    'The two people of a conversation see it.';

create policy conversations_v2_insert_helper
    on public.conversations_v2
    for insert
    to authenticated
    with check (
        helper_id = (select auth.uid())
        and exists (
            select
            from public.help_requests as request
            where request.id = conversations_v2.help_request_id
                and request.user_id = conversations_v2.requester_id
                and request.status::text in ('open', 'in_progress')
        )
    );
comment on policy conversations_v2_insert_helper on public.conversations_v2 is
    'A helper begins a conversation with the owner of a request that takes offers.';

create policy conversations_v2_update_participant
    on public.conversations_v2
    for update
    to authenticated
    using (
        requester_id = (select auth.uid())
        or helper_id = (select auth.uid())
    )
    with check (
        requester_id = (select auth.uid())
        or helper_id = (select auth.uid())
    );
comment on policy conversations_v2_update_participant on public.conversations_v2 is
    'The two people of a conversation close or archive it.';

revoke all
    on table public.messages_v2
    from public, anon, authenticated, service_role;
grant select
    on table public.messages_v2
    to authenticated;
grant select, insert, update, delete
    on table public.messages_v2
    to service_role;

alter table public.messages_v2 enable row level security;

create policy messages_v2_select_participant
    on public.messages_v2
    for select
    to authenticated
    using (
        exists (
            select
            from public.conversations_v2 as conversation
            where conversation.id = messages_v2.conversation_id
                and (
                    conversation.requester_id = (select auth.uid())
                    or conversation.helper_id = (select auth.uid())
                )
        )
    );
comment on policy messages_v2_select_participant on public.messages_v2 is
    'The two people of a conversation read its messages.';

create policy messages_v2_insert_sender
    on public.messages_v2
    for insert
    to authenticated
    with check (
        sender_id = (select auth.uid())
        and exists (
            select
            from public.conversations_v2 as conversation
            where conversation.id = messages_v2.conversation_id
                and conversation.status = 'active'
                and (
                    conversation.requester_id = (select auth.uid())
                    or conversation.helper_id = (select auth.uid())
                )
        )
    );
comment on policy messages_v2_insert_sender on public.messages_v2 is
    'The two people of an active conversation write in their own name.';

revoke all
    on table public.conversation_reads_v2
    from public, anon, authenticated, service_role;
grant select
    on table public.conversation_reads_v2
    to authenticated;
grant select, insert, update, delete
    on table public.conversation_reads_v2
    to service_role;

alter table public.conversation_reads_v2 enable row level security;

create policy conversation_reads_v2_select_own
    on public.conversation_reads_v2
    for select
    to authenticated
    using (user_id = (select auth.uid()));
comment on policy conversation_reads_v2_select_own on public.conversation_reads_v2 is
    'People see how far they have read themselves.';

create policy conversation_reads_v2_insert_own
    on public.conversation_reads_v2
    for insert
    to authenticated
    with check (user_id = (select auth.uid()));
comment on policy conversation_reads_v2_insert_own on public.conversation_reads_v2 is
    'People note how far they have read themselves.';

create policy conversation_reads_v2_update_own
    on public.conversation_reads_v2
    for update
    to authenticated
    using (user_id = (select auth.uid()))
    with check (user_id = (select auth.uid()));
comment on policy conversation_reads_v2_update_own on public.conversation_reads_v2 is
    'People note how far they have read themselves.';

-- Answers ----------------------------------------------------------------------------------------
-- Functions qualify the types in their bodies as well: a temporary type of the caller would come
-- before pg_catalog, and its check would run with the rights of the definer.

create function messaging.trim_whitespace(
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

comment on function messaging.trim_whitespace(text) is
    'The text without the characters of Unicode property White_Space at both ends.';

create function messaging.request_id()
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

comment on function messaging.request_id() is
    'A new id that ties an answer to its log entries: v2_<epoch in ms>_<random>.';

create function messaging.http_status(
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

create function messaging.failure(
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

comment on function messaging.failure(text, text, text, text, jsonb) is
    'Answer to a call that did nothing; p_extra is shown both on top and in the details.';

create function messaging.success(
    p_request_id text,
    p_message text,
    p_result jsonb
)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
return pg_catalog.jsonb_build_object(
    'success', true,
    'message', p_message,
    'request_id', p_request_id
) || p_result;

revoke all
    on function messaging.success(text, text, jsonb)
    from public, anon, authenticated, service_role;

comment on function messaging.success(text, text, jsonb) is
    'Answer to a call that did what was asked.';

-- What a call does, for a caller whose identity has been checked ----------------------------------

create function messaging.create_conversation(
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

create function messaging.send_message(
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

create function messaging.get_conversation(
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

-- What the application will call; executable by nobody until the identity is checked --------------

create function public.create_conversation_atomic(
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
    on function public.create_conversation_atomic(uuid, uuid, text)
    from public, anon, authenticated, service_role;

comment on function public.create_conversation_atomic(uuid, uuid, text) is
    'Begins the conversation of a helper on a help request, with its first message.';

create function public.send_message_v2(
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
    on function public.send_message_v2(uuid, uuid, text)
    from public, anon, authenticated, service_role;

comment on function public.send_message_v2(uuid, uuid, text) is
    'Writes a message into an active conversation of the sender.';

create function public.get_conversation_v2(
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

revoke all
    on function public.get_conversation_v2(uuid, uuid)
    from public, anon, authenticated, service_role;

comment on function public.get_conversation_v2(uuid, uuid) is
    'A conversation of the user with its newest 200 messages, oldest first.';

-- Realtime ---------------------------------------------------------------------------------------

do $publication$
begin
    -- A publication of all tables, or of the whole schema, has them already.
    if exists (
        select
        from pg_catalog.pg_publication as publication
        where publication.pubname = 'supabase_realtime'
    ) and not exists (
        select
        from pg_catalog.pg_publication_tables as published
        where published.pubname = 'supabase_realtime'
            and published.schemaname = 'public'
            and published.tablename = 'conversations_v2'
    ) then
        alter publication supabase_realtime
            add table public.conversations_v2, public.messages_v2;
    end if;
end;
$publication$;

commit;
