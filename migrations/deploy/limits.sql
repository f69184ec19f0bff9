-- Deploy care_collective_messaging:limits to pg
--
-- What: rate limits as data, restrictions and approval, exact under concurrent calls; the indexes
--     that the counting reads in place of those on the person alone.
-- Why: a limit that is counted in the memory of one web server counts a part of the calls. What
--     one user starts and sends takes turns here, so each call sees all that came before it.
-- Requires: error_codes.
-- Transaction: yes: the indexes are built under a lock, for a moment, because the tables are small
--     as long as no rollout sends anybody to V2.
--
-- squawk would build the indexes concurrently, wants literal settings for the timeouts, and eight
-- bytes for a maximum of a million.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, prefer-bigint-over-int

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

create table messaging.limits (
    action text not null,
    maximum integer not null,
    period interval not null,
    constraint limits_pkey
        primary key (action),
    constraint limits_action_known
        check (action in ('start_conversation', 'send_message')),
    constraint limits_maximum_range
        check (maximum between 1 and 1000000),
    constraint limits_period_range
        check (period between interval '1 second' and interval '31 days')
);

comment on table messaging.limits is
    'How often one user may do something. Each action has its row; an operator may change it.';
comment on column messaging.limits.action is
    'start_conversation or send_message.';
comment on column messaging.limits.maximum is
    'So many times within the period.';
comment on column messaging.limits.period is
    'The length of time that is looked back on.';

revoke all
    on table messaging.limits
    from public, anon, authenticated, service_role;

insert into messaging.limits (
    action,
    maximum,
    period
)
values
    ('start_conversation', 10, '1 hour'),
    ('send_message', 50, '1 minute');

create index conversations_v2_helper_id_created_at_idx
    on public.conversations_v2 (helper_id, created_at);
create index messages_v2_sender_id_created_at_idx
    on public.messages_v2 (sender_id, created_at);

-- They begin with the person, and so serve what these were for.
drop index public.conversations_v2_helper_id_idx;
drop index public.messages_v2_sender_id_idx;

-- Counting ---------------------------------------------------------------------------------------
-- The V1 tables may be absent, or go while we are here: each branch is planned when it is reached.

create function messaging.nth_newest_start(
    p_user_id uuid,
    p_place integer,
    p_since timestamptz
)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $function$
declare
    v_created_at timestamptz;
begin
    if pg_catalog.to_regclass('public.conversations') is null then
        select conversation.created_at
        into v_created_at
        from public.conversations_v2 as conversation
        where conversation.helper_id = p_user_id
            and conversation.created_at > p_since
            and conversation.origin = 'v2'
        order by conversation.created_at desc
        offset p_place - 1
        limit 1;
        return v_created_at;
    end if;

    -- What the backfill copied is counted where it was started.
    select started.created_at
    into v_created_at
    from (
        select conversation.created_at
        from public.conversations_v2 as conversation
        where conversation.helper_id = p_user_id
            and conversation.created_at > p_since
            and conversation.origin = 'v2'
        union all
        select v1.created_at
        from public.conversations as v1
        where v1.created_by = p_user_id
            and v1.created_at > p_since
    ) as started
    order by started.created_at desc
    offset p_place - 1
    limit 1;
    return v_created_at;
end;
$function$;

revoke all
    on function messaging.nth_newest_start(uuid, integer, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.nth_newest_start(uuid, integer, timestamptz) is
    'When the user started the n-th newest conversation, V1 and V2, since a time; null: fewer.';

create function messaging.nth_newest_message(
    p_user_id uuid,
    p_place integer,
    p_since timestamptz
)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $function$
declare
    v_created_at timestamptz;
begin
    if pg_catalog.to_regclass('public.messages') is null then
        select message.created_at
        into v_created_at
        from public.messages_v2 as message
        where message.sender_id = p_user_id
            and message.created_at > p_since
        order by message.created_at desc
        offset p_place - 1
        limit 1;
        return v_created_at;
    end if;

    -- The first message of a V1 conversation came with its start, and is counted there; what the
    -- backfill copied is in both tables under one id.
    select sent.created_at
    into v_created_at
    from (
        select message.created_at
        from public.messages_v2 as message
        where message.sender_id = p_user_id
            and message.created_at > p_since
        union all
        select v1.created_at
        from public.messages as v1
        where v1.sender_id = p_user_id
            and v1.created_at > p_since
            and exists (
                select
                from public.messages as earlier
                where earlier.conversation_id = v1.conversation_id
                    and (earlier.created_at, earlier.id) < (v1.created_at, v1.id)
            )
            and not exists (
                select
                from public.messages_v2 as copy
                where copy.id = v1.id
            )
    ) as sent
    order by sent.created_at desc
    offset p_place - 1
    limit 1;
    return v_created_at;
end;
$function$;

revoke all
    on function messaging.nth_newest_message(uuid, integer, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.nth_newest_message(uuid, integer, timestamptz) is
    'When the user sent the n-th newest follow-up, V1 and V2, since a time; null: fewer.';

-- Admission --------------------------------------------------------------------------------------

create function messaging.take_turn(
    p_user_id uuid
)
returns void
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_nothing pg_catalog.text;
begin
    -- The seed keeps our keys apart from whatever else the application may lock by a number.
    -- An assignment takes a fraction of the time of a perform, which is a query.
    v_nothing := pg_catalog.pg_advisory_xact_lock(
        pg_catalog.uuid_hash_extended(p_user_id, 7166186713870395237)
    );
end;
$function$;

revoke all
    on function messaging.take_turn(uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.take_turn(uuid) is
    'Waits until no other transaction starts or sends for this user, and keeps others waiting.';

create function messaging.retry_after(
    p_until timestamptz,
    p_now timestamptz
)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
return pg_catalog.jsonb_build_object(
    'retry_after', greatest(pg_catalog.ceil(extract(epoch from p_until - p_now))::integer, 1)
);

revoke all
    on function messaging.retry_after(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.retry_after(timestamptz, timestamptz) is
    'What an answer says of the time until it is worth trying again: {"retry_after": seconds}.';

-- With row_security off a look-up that a policy would cut short fails, and a call that cannot be
-- looked up is not admitted: its caller answers server_error.
--
-- admit() has the rules. Each expression and statement of it costs more than the row that the call
-- writes, so admit_start() and admit_message() ask one question first, which nearly every user
-- passes: is there no restriction at all, and are there fewer rows than the rate allows even when
-- each is counted, copies and first messages too? Time counts from the beginning of the
-- transaction there, which makes the period longer and never shorter.
create function messaging.admit(
    p_request_id text,
    p_user_id uuid,
    p_action text
)
returns jsonb
language plpgsql
volatile
set search_path = ''
set row_security = off
as $function$
declare
    v_starts constant boolean := p_action = 'start_conversation';
    v_now constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_level pg_catalog.text;
    v_allowed boolean;
    v_daily_maximum integer;
    v_restricted_until timestamptz;
    v_maximum integer;
    v_period interval;
    v_counted_from timestamptz;
begin
    -- Where the application has no restrictions, nobody is restricted.
    if pg_catalog.to_regclass('public.user_restrictions') is not null then
        select
            restriction.restriction_level::pg_catalog.text,
            case
                when v_starts then restriction.can_start_conversations
                else restriction.can_send_messages
            end,
            restriction.message_limit_per_day,
            restriction.expires_at
        into
            v_level,
            v_allowed,
            v_daily_maximum,
            v_restricted_until
        from public.user_restrictions as restriction
        where restriction.user_id = p_user_id
            and (
                restriction.expires_at is null
                or restriction.expires_at > v_now
            )
        order by
            restriction.applied_at desc,
            restriction.id desc
        limit 1;

        if v_level in ('suspended', 'banned') or v_allowed is false then
            return messaging.failure(
                p_request_id,
                'permission_denied',
                'restricted',
                case
                    when v_starts then 'You are restricted from starting new conversations'
                    else 'You are restricted from sending messages'
                end,
                pg_catalog.jsonb_build_object('restriction_level', v_level)
            );
        end if;
    end if;

    select
        rate.maximum,
        rate.period
    into strict
        v_maximum,
        v_period
    from messaging.limits as rate
    where rate.action = p_action;

    v_counted_from := case
        when v_starts then messaging.nth_newest_start(p_user_id, v_maximum, v_now - v_period)
        else messaging.nth_newest_message(p_user_id, v_maximum, v_now - v_period)
    end;
    if v_counted_from is not null then
        return messaging.failure(
            p_request_id,
            'rate_limit_exceeded',
            'too_many_in_period',
            case
                when v_starts then 'You have started too many help conversations recently'
                else 'You are sending messages too quickly'
            end,
            messaging.retry_after(v_counted_from + v_period, v_now)
        );
    end if;

    if v_starts then
        if not exists (
            select
            from public.profiles as profile
            where profile.id = p_user_id
                and profile.verification_status::pg_catalog.text = 'approved'
        ) then
            return messaging.failure(
                p_request_id,
                'permission_denied',
                'not_approved',
                'Your account must be approved to offer help',
                '{"requiresApproval": true}'
            );
        end if;
    elsif v_daily_maximum is not null then
        -- With a limit of none at all nothing has to leave the window first.
        v_counted_from := case
            when v_daily_maximum < 1 then v_now
            else messaging.nth_newest_message(p_user_id, v_daily_maximum, v_now - '24:00'::interval)
        end;
        if v_counted_from is not null then
            return messaging.failure(
                p_request_id,
                'rate_limit_exceeded',
                'daily_message_limit',
                'You have reached your daily message limit',
                messaging.retry_after(
                    least(v_counted_from + '24:00'::interval, v_restricted_until), v_now
                )
            );
        end if;
    end if;
    return null;
end;
$function$;

revoke all
    on function messaging.admit(text, uuid, text)
    from public, anon, authenticated, service_role;

comment on function messaging.admit(text, uuid, text) is
    'Answers null where the action is admitted, else the refusal. Who calls it has the turn.';

create function messaging.admit_start(
    p_request_id text,
    p_user_id uuid
)
returns jsonb
language plpgsql
volatile
set search_path = ''
set row_security = off
as $function$
declare
    v_nothing pg_catalog.text;
    v_is_admitted boolean;
begin
    -- Every statement from here on sees what was committed before the turn came: in read committed,
    -- which is what the application's calls run in; beyond it a transaction counts its snapshot.
    v_nothing := messaging.take_turn(p_user_id);
    if pg_catalog.to_regclass('public.user_restrictions') is not null
        and pg_catalog.to_regclass('public.conversations') is not null
    then
        select
            not exists (
                select
                from (
                    select conversation.created_at
                    from public.conversations_v2 as conversation
                    where conversation.helper_id = p_user_id
                        and conversation.created_at > pg_catalog.now() - rate.period
                    union all
                    select v1.created_at
                    from public.conversations as v1
                    where v1.created_by = p_user_id
                        and v1.created_at > pg_catalog.now() - rate.period
                ) as started
                order by started.created_at desc
                offset rate.maximum - 1
                limit 1
            )
            and exists (
                select
                from public.profiles as profile
                where profile.id = p_user_id
                    and profile.verification_status::pg_catalog.text = 'approved'
            )
            -- What admit() reads is named, because a column that is missing must admit nobody.
            and not exists (
                select
                    restriction.restriction_level,
                    restriction.can_start_conversations,
                    restriction.message_limit_per_day,
                    restriction.applied_at
                from public.user_restrictions as restriction
                where restriction.user_id = p_user_id
                    and (
                        restriction.expires_at is null
                        or restriction.expires_at > pg_catalog.now()
                    )
            )
        into v_is_admitted
        from messaging.limits as rate
        where rate.action = 'start_conversation';

        if v_is_admitted then
            return null;
        end if;
    end if;
    return messaging.admit(p_request_id, p_user_id, 'start_conversation');
end;
$function$;

revoke all
    on function messaging.admit_start(text, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.admit_start(text, uuid) is
    'Turn, restrictions, rate and approval of who starts a conversation; null where admitted.';

create function messaging.admit_message(
    p_request_id text,
    p_user_id uuid
)
returns jsonb
language plpgsql
volatile
set search_path = ''
set row_security = off
as $function$
declare
    v_nothing pg_catalog.text;
    v_is_admitted boolean;
begin
    v_nothing := messaging.take_turn(p_user_id);
    if pg_catalog.to_regclass('public.user_restrictions') is not null
        and pg_catalog.to_regclass('public.messages') is not null
    then
        select
            not exists (
                select
                from (
                    select message.created_at
                    from public.messages_v2 as message
                    where message.sender_id = p_user_id
                        and message.created_at > pg_catalog.now() - rate.period
                    union all
                    select v1.created_at
                    from public.messages as v1
                    where v1.sender_id = p_user_id
                        and v1.created_at > pg_catalog.now() - rate.period
                ) as sent
                order by sent.created_at desc
                offset rate.maximum - 1
                limit 1
            )
            and not exists (
                select
                    restriction.restriction_level,
                    restriction.can_send_messages,
                    restriction.message_limit_per_day,
                    restriction.applied_at
                from public.user_restrictions as restriction
                where restriction.user_id = p_user_id
                    and (
                        restriction.expires_at is null
                        or restriction.expires_at > pg_catalog.now()
                    )
            )
        into v_is_admitted
        from messaging.limits as rate
        where rate.action = 'send_message';

        if v_is_admitted then
            return null;
        end if;
    end if;
    return messaging.admit(p_request_id, p_user_id, 'send_message');
end;
$function$;

revoke all
    on function messaging.admit_message(text, uuid)
    from public, anon, authenticated, service_role;

comment on function messaging.admit_message(text, uuid) is
    'Turn, restrictions, rate and daily limit of who sends a message; null where admitted.';

-- Operations -------------------------------------------------------------------------------------

create function messaging.set_limit(
    p_action text,
    p_maximum integer,
    p_period interval
)
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $function$
begin
    update messaging.limits
    set
        maximum = p_maximum,
        period = p_period
    where limits.action = p_action;

    if not found then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = pg_catalog.format('%L is no limited action', p_action),
            hint = 'The actions are start_conversation and send_message.';
    end if;
end;
$function$;

revoke all
    on function messaging.set_limit(text, integer, interval)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.set_limit(text, integer, interval)
    to service_role;

comment on function messaging.set_limit(text, integer, interval) is
    'Changes how often one user may do something; holds from the next call on.';

commit;
