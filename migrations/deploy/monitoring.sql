-- Deploy care_collective_messaging:monitoring to pg
--
-- What: whose fault an error code is; the functions that metrics, alert rules and gates are
--     computed by; the right to call them for whoever may watch.
-- Why: one definition of each figure, for the command line, for Prometheus and for the rules.
-- Requires: call_rollups.
-- Transaction: yes.
--
-- A column with a constant default locks a table of nine rows for a moment; the block below sees
-- to the timeouts.
-- squawk-ignore-file constraint-missing-not-valid
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

-- Whose fault ------------------------------------------------------------------------------------

alter table messaging.error_codes
    add column attributed_to text not null default 'messaging',
    add constraint error_codes_attributed_to_known
        check (attributed_to in ('caller', 'messaging'));

comment on column messaging.error_codes.attributed_to is
    'Whose fault it is: caller, whose attempts success rates leave out; or messaging.';

update messaging.error_codes
set attributed_to = 'caller'
where error_codes.code in (
    'conversation_exists',
    'permission_denied',
    'rate_limit_exceeded',
    'unauthorized',
    'validation_error'
);

grant usage
    on schema messaging
    to pg_monitor;

-- Helpers ----------------------------------------------------------------------------------------
-- Rates are about V2, which is each call that is not known to be V1: null is an attempt that came
-- to neither. Windows begin at p_from and end before p_until; what has a time after that, since the
-- clock was set back, is in none. Days are days of UTC, whatever the session's time zone.

create function messaging.v1_creations(
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    created_at timestamptz
)
language plpgsql
stable
set search_path = ''
set row_security = off
as $function$
begin
    if messaging.v1_exists() then
        return query
        select conversation.created_at
        from public.conversations as conversation
        where conversation.created_at >= p_from
            and conversation.created_at < p_until;
    end if;
end;
$function$;

revoke all
    on function messaging.v1_creations(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.v1_creations(timestamptz, timestamptz) is
    'When conversations of V1 were begun; none where V1 is gone.';

create function messaging.rollout_phases()
returns table (
    began_at timestamptz,
    ended_at timestamptz,
    strategy text,
    share numeric
)
language sql
stable
rows 10
set search_path = ''
begin atomic
    select
        history.changed_at,
        pg_catalog.lead(history.changed_at, 1, 'infinity') over (
            order by history.changed_at, history.id
        ),
        history.new_strategy,
        case history.new_strategy
            when 'percentage' then history.new_percentage / 100.0
            when 'enabled' then 1
        end
    from messaging.rollout_history as history;
end;

revoke all
    on function messaging.rollout_phases()
    from public, anon, authenticated, service_role;

comment on function messaging.rollout_phases() is
    'What the flag said from when to when: the strategy, and the share of users that it puts on V2;'
    'null where that is no share.';

create function messaging.adoption_of_rollout(
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    value double precision,
    sample bigint
)
language plpgsql
stable
rows 1
set search_path = ''
as $function$
begin
    -- Each against what the flag said when it was begun, so that a step of the rollout is no alarm.
    return query
    select
        case when pg_catalog.bool_or(now_phase.share > 0) then
            pg_catalog.count(*) filter (where begun.is_v2)::pg_catalog.float8
            / nullif(pg_catalog.sum(phase.share), 0)::pg_catalog.float8
        end,
        pg_catalog.count(*)
    from (
        select
            conversation.created_at,
            true
        from public.conversations_v2 as conversation
        where conversation.origin = 'v2'
            and conversation.created_at >= p_from
            and conversation.created_at < p_until
        union all
        select
            creation.created_at,
            false
        from messaging.v1_creations(p_from, p_until) as creation
    ) as begun (created_at, is_v2)
    join messaging.rollout_phases() as phase
        on begun.created_at >= phase.began_at
        and begun.created_at < phase.ended_at
    left join messaging.rollout_phases() as now_phase
        on p_until > now_phase.began_at
        and p_until <= now_phase.ended_at
    where phase.share > 0;
end;
$function$;

revoke all
    on function messaging.adoption_of_rollout(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.adoption_of_rollout(timestamptz, timestamptz) is
    'Share of V2 in the conversations begun while the flag gave a share, divided by that share; '
    'null where the flag gives none at the end of the window.';

create function messaging.v1_after_full_rollout(
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    value double precision,
    sample bigint
)
language plpgsql
stable
rows 1
set search_path = ''
as $function$
declare
    v_since pg_catalog.timestamptz;
begin
    -- The end of the last phase that was another one.
    select pg_catalog.max(phase.ended_at)
    into v_since
    from messaging.rollout_phases() as phase
    where phase.began_at < p_until
        and phase.strategy <> 'enabled';
    if v_since >= p_until or not exists (
        select
        from messaging.rollout_phases() as phase
        where phase.began_at < p_until
            and phase.strategy = 'enabled'
    ) then
        return query
        select
            null::pg_catalog.float8,
            0::pg_catalog.int8;
        return;
    end if;

    v_since := greatest(v_since, p_from);
    -- A conversation that was deleted is in the log, one that the application wrote without a
    -- function is in the table.
    return query
    select
        greatest(
            (
                select pg_catalog.count(*)
                from messaging.v1_creations(v_since, p_until)
            ),
            (
                select pg_catalog.sum(counted.calls)
                from messaging.call_counts(v_since, p_until) as counted
                where counted.method = 'startHelpConversation'
                    and counted.version = 'v1'
                    and counted.event = 'success'
            )
        )::pg_catalog.float8,
        1::pg_catalog.int8;
end;
$function$;

revoke all
    on function messaging.v1_after_full_rollout(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.v1_after_full_rollout(timestamptz, timestamptz) is
    'Conversations begun in V1 since the flag went to enabled; null where it does not say that at '
    'the end of the window.';

create function messaging.connection_failures(
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    value double precision,
    sample bigint
)
language sql
stable
rows 1
set search_path = ''
begin atomic
    -- From the sample just before the window to the newest one in it; old ones tell nothing.
    with newest as (
        select pg_catalog.max(known.sampled_at) as sampled_at
        from messaging.connection_samples as known
        where known.sampled_at >= p_until - interval '10 minutes'
            and known.sampled_at < p_until
    ),

    step as (
        select
            case
                when known.counting_since
                    is not distinct from pg_catalog.lag(known.counting_since) over earlier
                    and known.failures >= pg_catalog.lag(known.failures) over earlier
                    then known.failures - pg_catalog.lag(known.failures) over earlier
                -- The counter began anew, at zero.
                else known.failures
            end as failures,
            known.sampled_at - pg_catalog.lag(known.sampled_at) over earlier as duration
        from messaging.connection_samples as known
        cross join newest
        where known.sampled_at <= newest.sampled_at
            and known.sampled_at >= coalesce(
                (
                    select pg_catalog.max(before.sampled_at)
                    from messaging.connection_samples as before
                    where before.sampled_at <= p_from
                        and before.sampled_at < newest.sampled_at
                        and before.sampled_at >= p_from - interval '10 minutes'
                ),
                p_from
            )
        window earlier as (order by known.sampled_at)
    )

    select
        (
            pg_catalog.sum(step.failures) * 60
            / nullif(extract(epoch from pg_catalog.sum(step.duration)), 0)
        )::pg_catalog.float8,
        pg_catalog.count(*)
    from step
    where step.duration is not null;
end;

revoke all
    on function messaging.connection_failures(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.connection_failures(timestamptz, timestamptz) is
    'Connections that failed in a minute, on average, between samples; null without two of them.';

create function messaging.connections_used()
returns table (
    value double precision,
    sample bigint
)
language sql
stable
rows 1
set search_path = ''
begin atomic
    select
        pg_catalog.count(*)::pg_catalog.float8 / (
            pg_catalog.current_setting('max_connections')::pg_catalog.int4
            - pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4
            -- PostgreSQL 16 brought a second reserve.
            - coalesce(
                pg_catalog.current_setting('reserved_connections', true)::pg_catalog.int4, 0
            )
        ),
        pg_catalog.count(*)
    from pg_catalog.pg_stat_activity as activity
    where activity.backend_type = 'client backend'
        or (
            -- Hidden: background processes have no database, or no user.
            activity.backend_type is null
            and activity.datid is not null
            and activity.usesysid is not null
        );
end;

revoke all
    on function messaging.connections_used()
    from public, anon, authenticated, service_role;

comment on function messaging.connections_used() is
    'Client connections, as a share of the places open to users, now.';

-- Figures ----------------------------------------------------------------------------------------

create function messaging.creation_success(
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    value double precision,
    attempts bigint,
    succeeded bigint,
    caller_faults bigint,
    duplicates bigint
)
language sql
stable
security definer
rows 1
set search_path = ''
begin atomic
    select
        total.succeeded::pg_catalog.float8 / nullif(total.attempts, 0),
        total.attempts,
        total.succeeded,
        total.caller_faults,
        total.duplicates
    from (
        select
            coalesce(
                pg_catalog.sum(counted.calls) filter (
                    where code.attributed_to is distinct from 'caller'
                ),
                0
            )::pg_catalog.int8,
            coalesce(
                pg_catalog.sum(counted.calls) filter (where counted.event = 'success'), 0
            )::pg_catalog.int8,
            coalesce(
                pg_catalog.sum(counted.calls) filter (where code.attributed_to = 'caller'), 0
            )::pg_catalog.int8,
            coalesce(
                pg_catalog.sum(counted.calls) filter (
                    where counted.error_code = 'conversation_exists'
                ),
                0
            )::pg_catalog.int8
        from messaging.call_counts(p_from, p_until) as counted
        left join messaging.error_codes as code
            on code.code = counted.error_code
        where counted.method = 'startHelpConversation'
            and counted.version is distinct from 'v1'
    ) as total (attempts, succeeded, caller_faults, duplicates);
end;

revoke all
    on function messaging.creation_success(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.creation_success(timestamptz, timestamptz)
    to service_role, pg_monitor;

comment on function messaging.creation_success(timestamptz, timestamptz) is
    'Attempts to begin a conversation in V2: how many succeeded, of those that did not fail by the '
    'fault of the caller, which are counted apart.';

create function messaging.creation_calls()
returns table (
    version text,
    outcome text,
    calls bigint
)
language sql
stable
security definer
rows 20
set search_path = ''
begin atomic
    select
        coalesce(counted.version, 'none'),
        coalesce(counted.error_code, counted.event),
        pg_catalog.sum(counted.calls)::pg_catalog.int8
    from messaging.call_counts('-infinity', 'infinity') as counted
    where counted.method = 'startHelpConversation'
    group by
        1,
        2;
end;

revoke all
    on function messaging.creation_calls()
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.creation_calls()
    to service_role, pg_monitor;

comment on function messaging.creation_calls() is
    'Attempts to begin a conversation since the log began, by version (none: it came to neither) '
    'and outcome: success, or the error code.';

create function messaging.errors_total()
returns table (
    code text,
    calls bigint
)
language sql
stable
security definer
rows 10
set search_path = ''
begin atomic
    select
        counted.error_code,
        pg_catalog.sum(counted.calls)::pg_catalog.int8
    from messaging.call_counts('-infinity', 'infinity') as counted
    where counted.error_code is not null
        and counted.version is distinct from 'v1'
    group by counted.error_code;
end;

revoke all
    on function messaging.errors_total()
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.errors_total()
    to service_role, pg_monitor;

comment on function messaging.errors_total() is
    'Calls of V2 that failed since the log began, by error code.';

create function messaging.error_shares(
    p_from timestamptz,
    p_until timestamptz,
    p_server_side boolean default false
)
returns table (
    code text,
    calls bigint,
    share double precision,
    total bigint
)
language sql
stable
security definer
rows 10
set search_path = ''
begin atomic
    with counted as (
        select
            part.calls,
            case
                when not p_server_side
                    or coalesce(known.http_status >= 500, part.event = 'server_error')
                    then coalesce(part.error_code, nullif(part.event, 'success'))
            end as code
        from messaging.call_counts(p_from, p_until) as part
        left join messaging.error_codes as known
            on known.code = part.error_code
        where part.version is distinct from 'v1'
    ),

    total as (
        select
            pg_catalog.sum(counted.calls)::pg_catalog.int8 as calls,
            coalesce(
                pg_catalog.sum(counted.calls) filter (where counted.code is not null), 0
            )::pg_catalog.int8 as failed
        from counted
        having pg_catalog.count(*) > 0
    )

    select
        'all' as code,
        total.failed as calls,
        total.failed::pg_catalog.float8 / total.calls as share,
        total.calls as total
    from total
    union all
    select
        counted.code,
        pg_catalog.sum(counted.calls)::pg_catalog.int8 as calls,
        pg_catalog.sum(counted.calls)::pg_catalog.float8 / total.calls as share,
        total.calls as total
    from counted
    cross join total
    where counted.code is not null
    group by
        counted.code,
        total.calls;
end;

revoke all
    on function messaging.error_shares(timestamptz, timestamptz, boolean)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.error_shares(timestamptz, timestamptz, boolean)
    to service_role, pg_monitor;

comment on function messaging.error_shares(timestamptz, timestamptz, boolean) is
    'How many calls of V2 failed, and which share of all, by error code and in all; no row where '
    'nobody called. p_server_side: only codes of HTTP 500 and above.';

create function messaging.latencies(
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    method text,
    calls bigint,
    p50 double precision,
    p95 double precision,
    p99 double precision
)
language plpgsql
stable
security definer
rows 10
set search_path = ''
set plan_cache_mode = force_custom_plan
as $function$
begin
    if p_from >= p_until - interval '1 hour' then
        return query
        select
            coalesce(found.method, 'all'),
            found.calls,
            found.quantiles[1] / 1000,
            found.quantiles[2] / 1000,
            found.quantiles[3] / 1000
        from (
            select
                logged.method,
                pg_catalog.count(*),
                pg_catalog.percentile_cont(array[0.5, 0.95, 0.99]) within group (
                    order by logged.duration_ms
                )
            from messaging.rpc_events as logged
            where logged.occurred_at >= p_from
                and logged.occurred_at < p_until
                and logged.version is distinct from 'v1'
            group by grouping sets ((logged.method), ())
        ) as found (method, calls, quantiles)
        where found.calls > 0;
        if found then
            return;
        end if;
    end if;

    -- The rank lies between two calls, as for percentile_cont; each is known by its bucket.
    return query
    with counted as (
        select
            part.method,
            part.bucket,
            pg_catalog.sum(part.calls) as calls
        from messaging.call_durations(p_from, p_until) as part
        where part.version is distinct from 'v1'
        group by grouping sets ((part.method, part.bucket), (part.bucket))
    ),

    ranked as (
        select
            coalesce(counted.method, 'all') as method,
            messaging.bucket_duration(counted.bucket) / 1000 as seconds,
            pg_catalog.sum(counted.calls) over (
                partition by counted.method
                order by counted.bucket
            ) as upto,
            pg_catalog.sum(counted.calls) over (partition by counted.method) as total
        from counted
    ),

    near as (
        select
            ranked.method,
            ranked.total,
            wanted.quantile,
            pg_catalog.min(ranked.seconds) filter (
                where ranked.upto > pg_catalog.floor(wanted.quantile * (ranked.total - 1))
            ) as below,
            pg_catalog.min(ranked.seconds) filter (
                where ranked.upto > pg_catalog.ceil(wanted.quantile * (ranked.total - 1))
            ) as above,
            (wanted.quantile * (ranked.total - 1) % 1)::pg_catalog.float8 as part
        from ranked
        cross join (
            values
                (0.5),
                (0.95),
                (0.99)
        ) as wanted (quantile)
        group by
            ranked.method,
            ranked.total,
            wanted.quantile
    )

    select
        near.method,
        near.total::pg_catalog.int8,
        pg_catalog.max(near.below + (near.above - near.below) * near.part)
            filter (where near.quantile = 0.5),
        pg_catalog.max(near.below + (near.above - near.below) * near.part)
            filter (where near.quantile = 0.95),
        pg_catalog.max(near.below + (near.above - near.below) * near.part)
            filter (where near.quantile = 0.99)
    from near
    group by
        near.method,
        near.total;
end;
$function$;

revoke all
    on function messaging.latencies(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.latencies(timestamptz, timestamptz)
    to service_role, pg_monitor;

comment on function messaging.latencies(timestamptz, timestamptz) is
    'Seconds that calls of V2 took: half, 95 % and 99 % of them took no longer, by method and of all. '
    'Exact over an hour at most; over more, and where the log is gone, less than 1 % beside it.';

create function messaging.adoption(
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    day date,
    v2_conversations bigint,
    v1_conversations bigint,
    share double precision
)
language plpgsql
stable
security definer
rows 10
set search_path = ''
as $function$
begin
    return query
    select
        (begun.created_at at time zone 'UTC')::pg_catalog.date,
        pg_catalog.count(*) filter (where begun.is_v2),
        pg_catalog.count(*) filter (where not begun.is_v2),
        pg_catalog.avg(begun.is_v2::pg_catalog.int4)::pg_catalog.float8
    from (
        select
            conversation.created_at,
            true
        from public.conversations_v2 as conversation
        where conversation.origin = 'v2'
            and conversation.created_at >= p_from
            and conversation.created_at < p_until
        union all
        select
            creation.created_at,
            false
        from messaging.v1_creations(p_from, p_until) as creation
    ) as begun (created_at, is_v2)
    group by 1;
end;
$function$;

revoke all
    on function messaging.adoption(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.adoption(timestamptz, timestamptz)
    to service_role, pg_monitor;

comment on function messaging.adoption(timestamptz, timestamptz) is
    'Conversations begun by day (UTC) in V2 and V1, and the share of V2; copies are of V1.';

create function messaging.messages_daily(
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    day date,
    messages bigint
)
language plpgsql
stable
security definer
rows 10
set search_path = ''
as $function$
begin
    return query
    select
        (sent.created_at at time zone 'UTC')::pg_catalog.date,
        pg_catalog.count(*)
    from (
        select message.created_at
        from public.messages_v2 as message
        where message.created_at >= p_from
            and message.created_at < p_until
        union all
        select conversation.created_at
        from public.conversations_v2 as conversation
        where conversation.created_at >= p_from
            and conversation.created_at < p_until
    ) as sent
    group by 1;
end;
$function$;

revoke all
    on function messaging.messages_daily(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.messages_daily(timestamptz, timestamptz)
    to service_role, pg_monitor;

comment on function messaging.messages_daily(timestamptz, timestamptz) is
    'Messages written by day (UTC) in V2, the first ones of conversations included.';

create function messaging.initial_messages()
returns table (
    total bigint,
    with_message bigint,
    percent double precision
)
language plpgsql
stable
security definer
rows 1
set search_path = ''
as $function$
begin
    return query
    select
        found.total,
        found.with_message,
        100.0::pg_catalog.float8 * found.with_message / found.total
    from (
        select
            pg_catalog.count(*),
            pg_catalog.count(*) filter (where conversation.initial_message is not null)
        from public.conversations_v2 as conversation
    ) as found (total, with_message)
    where found.total > 0;
end;
$function$;

revoke all
    on function messaging.initial_messages()
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.initial_messages()
    to service_role, pg_monitor;

comment on function messaging.initial_messages() is
    'V2 conversations, and how many of them have their first message; no row where there are none.';

create function messaging.active_conversations()
returns bigint
language plpgsql
stable
security definer
set search_path = ''
as $function$
begin
    return (
        select pg_catalog.count(*)
        from public.conversations_v2 as conversation
        where conversation.status = 'active'
    );
end;
$function$;

revoke all
    on function messaging.active_conversations()
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.active_conversations()
    to service_role, pg_monitor;

comment on function messaging.active_conversations() is
    'V2 conversations in which both people may write.';

create function messaging.completion(
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    conversations bigint,
    completed bigint,
    share double precision
)
language plpgsql
stable
security definer
rows 1
set search_path = ''
as $function$
begin
    return query
    select
        pg_catalog.count(*),
        pg_catalog.count(*) filter (where request.status::pg_catalog.text = 'completed'),
        pg_catalog.avg((request.status::pg_catalog.text = 'completed')::pg_catalog.int4)
            ::pg_catalog.float8
    from public.conversations_v2 as conversation
    join public.help_requests as request
        on request.id = conversation.help_request_id
    where conversation.created_at >= p_from
        and conversation.created_at < p_until
    having pg_catalog.count(*) > 0;
end;
$function$;

revoke all
    on function messaging.completion(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.completion(timestamptz, timestamptz)
    to service_role, pg_monitor;

comment on function messaging.completion(timestamptz, timestamptz) is
    'V2 conversations, and how many of their requests were completed since; no row where there are '
    'none.';

-- Measures ---------------------------------------------------------------------------------------

create function messaging.measure(
    p_metric text,
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    series text,
    value double precision,
    sample bigint
)
language plpgsql
stable
security definer
rows 10
set search_path = ''
as $function$
begin
    case p_metric
        when 'creation_success_rate' then
            return query
            select
                ''::pg_catalog.text,
                creation.value,
                creation.attempts
            from messaging.creation_success(p_from, p_until) as creation;
        when 'duplicate_share' then
            return query
            select
                ''::pg_catalog.text,
                creation.duplicates::pg_catalog.float8
                / nullif(creation.attempts + creation.caller_faults, 0),
                creation.attempts + creation.caller_faults
            from messaging.creation_success(p_from, p_until) as creation;
        when 'server_error_rate' then
            return query
            select
                ''::pg_catalog.text,
                coalesce(
                    pg_catalog.sum(counted.calls) filter (where counted.event = 'server_error'), 0
                )::pg_catalog.float8 / pg_catalog.sum(counted.calls)::pg_catalog.float8,
                coalesce(pg_catalog.sum(counted.calls), 0)::pg_catalog.int8
            from messaging.call_counts(p_from, p_until) as counted
            where counted.version is distinct from 'v1';
        when 'error_code_share' then
            -- Without an error there is one row, of no code, with zero; without a call, with null.
            return query
            select
                case when known.code = 'all' then '' else coalesce(known.code, '') end,
                known.share,
                coalesce(known.total, 0)
            from (
                values (true)
            ) as one (row)
            left join messaging.error_shares(p_from, p_until) as known
                on known.code <> 'all' or known.calls = 0;
        when 'max_duration_seconds' then
            return query
            select
                coalesce(longest.method, ''),
                longest.duration_ms / 1000,
                coalesce(longest.calls, 0)::pg_catalog.int8
            from (
                values (true)
            ) as one (row)
            left join (
                select
                    counted.method,
                    pg_catalog.max(counted.duration_ms_max),
                    pg_catalog.sum(counted.calls)
                from messaging.call_counts(p_from, p_until) as counted
                group by counted.method
            ) as longest (method, duration_ms, calls)
                on one.row;
        when 'latency_p95_seconds' then
            return query
            select
                case when found.method = 'all' then '' else coalesce(found.method, '') end,
                found.p95,
                coalesce(found.calls, 0)
            from (
                values (true)
            ) as one (row)
            left join messaging.latencies(p_from, p_until) as found
                on one.row;
        when 'connection_pool_used' then
            return query
            select
                ''::pg_catalog.text,
                used.value,
                used.sample
            from messaging.connections_used() as used;
        when 'connection_failures_per_minute' then
            return query
            select
                ''::pg_catalog.text,
                failed.value,
                failed.sample
            from messaging.connection_failures(p_from, p_until) as failed;
        when 'v2_adoption_of_rollout' then
            return query
            select
                ''::pg_catalog.text,
                adopted.value,
                adopted.sample
            from messaging.adoption_of_rollout(p_from, p_until) as adopted;
        when 'v1_creations_after_full_rollout' then
            return query
            select
                ''::pg_catalog.text,
                late.value,
                late.sample
            from messaging.v1_after_full_rollout(p_from, p_until) as late;
        else
            raise exception using
                errcode = 'invalid_parameter_value',
                message = pg_catalog.format('%L is no measure', p_metric),
                hint = 'The measures are connection_failures_per_minute, connection_pool_used, '
                    'creation_success_rate, duplicate_share, error_code_share, '
                    'latency_p95_seconds, max_duration_seconds, server_error_rate, '
                    'v1_creations_after_full_rollout and v2_adoption_of_rollout.';
    end case;
end;
$function$;

revoke all
    on function messaging.measure(text, timestamptz, timestamptz)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.measure(text, timestamptz, timestamptz)
    to service_role, pg_monitor;

comment on function messaging.measure(text, timestamptz, timestamptz) is
    'One figure over a window that begins at p_from and ends before p_until, a row a series; '
    'the value is null where there is no data. For metrics, alert rules and gates.';

commit;
