-- Deploy care_collective_messaging:call_rollups to pg
--
-- What: calls counted by the minute and by the hour, their latencies by the hour in a histogram,
--     samples of the connections that failed; roll_up(), which does the counting; functions that
--     read roll-ups where there are any and the log for the rest.
-- Why: figures over days of a long log are read in milliseconds, and outlive its partitions.
-- Requires: event_log, rollout.
-- Transaction: yes.
--
-- What is rolled up is closed: no row of the log can come to it any more. A row has its time before
-- its transaction ends, so roll_up() notes who is writing to the log now, and goes as far as this
-- moment only when all of them have ended. Whatever is not rolled up is read from the log itself,
-- so a reader gets the same counts whether roll_up() runs every minute, late, or never.
--
-- A clock that goes forward leaves a gap. One that is set back is noticed by the next roll_up(),
-- which reads the last day of the log again; where runs are a minute apart no step that is too
-- short to be noticed reaches what is rolled up. roll_up(FROM) reads the log again from there.
--
-- Run roll_up() once a minute (from pg_cron or any scheduler), with one SELECT, not in a longer
-- transaction. Nothing here is on the way of a call: no trigger, no index on the log.
--
-- Days are few; all that is locked here is new.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, prefer-bigint-over-int

begin;

-- Tables -----------------------------------------------------------------------------------------

create table messaging.rollup_state (
    id boolean not null default true,
    rolled_up_until timestamptz not null default '-infinity',
    minutes_since timestamptz not null default '-infinity',
    clock timestamptz not null default '-infinity',
    moment_at timestamptz,
    moment_writers text[],
    minute_days integer not null default 35,
    hour_days integer not null default 400,
    constraint rollup_state_pkey
        primary key (id),
    constraint rollup_state_one_row
        check (id),
    constraint rollup_state_moment_has_writers
        check ((moment_at is null) = (moment_writers is null)),
    constraint rollup_state_minute_days_range
        check (minute_days between 2 and 3650),
    constraint rollup_state_hour_days_range
        check (hour_days between minute_days and 3650)
);

comment on table messaging.rollup_state is
    'How far the event log is rolled up, and how long roll-ups are kept; one row.';
comment on column messaging.rollup_state.id is
    'True: there is one row.';
comment on column messaging.rollup_state.rolled_up_until is
    'Calls before it are counted in the roll-ups, calls from it on in the log. A whole minute.';
comment on column messaging.rollup_state.minutes_since is
    'Before it there are hours only. A whole day of UTC.';
comment on column messaging.rollup_state.clock is
    'The clock at the last run; where it shows less at the next one it was set back.';
comment on column messaging.rollup_state.moment_at is
    'A moment that roll-ups may reach when those who wrote to the log then have ended.';
comment on column messaging.rollup_state.moment_writers is
    'Virtual transaction ids of those.';
comment on column messaging.rollup_state.minute_days is
    'Days that counts by the minute and samples of connections are kept.';
comment on column messaging.rollup_state.hour_days is
    'Days that counts and latencies by the hour are kept; totals are kept for good.';

insert into messaging.rollup_state default values;

create table messaging.rpc_minutes (
    minute timestamptz not null,
    method text not null,
    version text not null,
    event text not null,
    error_code text not null,
    calls bigint not null,
    duration_ms_max double precision not null,
    constraint rpc_minutes_pkey
        primary key (minute, method, version, event, error_code)
);

comment on table messaging.rpc_minutes is
    'Calls of the event log, counted by the minute.';
comment on column messaging.rpc_minutes.minute is
    'The minute in which the calls ended, by its beginning.';
comment on column messaging.rpc_minutes.method is
    'What was called.';
comment on column messaging.rpc_minutes.version is
    'v1, v2, or empty where a call came to neither.';
comment on column messaging.rpc_minutes.event is
    'success, function_error or server_error.';
comment on column messaging.rpc_minutes.error_code is
    'Code of messaging.error_codes; empty for a success.';
comment on column messaging.rpc_minutes.calls is
    'How many calls.';
comment on column messaging.rpc_minutes.duration_ms_max is
    'The longest of them, in milliseconds.';

create table messaging.rpc_hours (
    hour timestamptz not null,
    method text not null,
    version text not null,
    event text not null,
    error_code text not null,
    calls bigint not null,
    duration_ms_max double precision not null,
    constraint rpc_hours_pkey
        primary key (hour, method, version, event, error_code)
);

comment on table messaging.rpc_hours is
    'The same by the hour, of hours that are rolled up as a whole.';
comment on column messaging.rpc_hours.hour is
    'The hour in which the calls ended, by its beginning.';
comment on column messaging.rpc_hours.method is
    'What was called.';
comment on column messaging.rpc_hours.version is
    'v1, v2, or empty where a call came to neither.';
comment on column messaging.rpc_hours.event is
    'success, function_error or server_error.';
comment on column messaging.rpc_hours.error_code is
    'Code of messaging.error_codes; empty for a success.';
comment on column messaging.rpc_hours.calls is
    'How many calls.';
comment on column messaging.rpc_hours.duration_ms_max is
    'The longest of them, in milliseconds.';

create table messaging.rpc_totals (
    method text not null,
    version text not null,
    event text not null,
    error_code text not null,
    calls bigint not null,
    constraint rpc_totals_pkey
        primary key (method, version, event, error_code)
);

comment on table messaging.rpc_totals is
    'Calls of the hours that are not kept any more, so that counters never decrease.';
comment on column messaging.rpc_totals.method is
    'What was called.';
comment on column messaging.rpc_totals.version is
    'v1, v2, or empty where a call came to neither.';
comment on column messaging.rpc_totals.event is
    'success, function_error or server_error.';
comment on column messaging.rpc_totals.error_code is
    'Code of messaging.error_codes; empty for a success.';
comment on column messaging.rpc_totals.calls is
    'How many calls.';

create table messaging.rpc_hour_latencies (
    hour timestamptz not null,
    method text not null,
    version text not null,
    buckets integer[] not null,
    calls bigint[] not null,
    constraint rpc_hour_latencies_pkey
        primary key (hour, method, version),
    constraint rpc_hour_latencies_same_length
        check (pg_catalog.cardinality(buckets) = pg_catalog.cardinality(calls))
);

comment on table messaging.rpc_hour_latencies is
    'How long calls took, by the hour, in buckets that are each 2 % wide.';
comment on column messaging.rpc_hour_latencies.hour is
    'The hour in which the calls ended, by its beginning.';
comment on column messaging.rpc_hour_latencies.method is
    'What was called.';
comment on column messaging.rpc_hour_latencies.version is
    'v1, v2, or empty where a call came to neither.';
comment on column messaging.rpc_hour_latencies.buckets is
    'Numbers of the buckets that have calls; messaging.bucket_duration() says what they stand for.';
comment on column messaging.rpc_hour_latencies.calls is
    'How many calls each of them has.';

create table messaging.connection_samples (
    sampled_at timestamptz not null,
    failures bigint not null,
    counting_since timestamptz,
    constraint connection_samples_pkey
        primary key (sampled_at)
);

comment on table messaging.connection_samples is
    'Connections to this database that ended in a failure, as roll_up() found the counter.';
comment on column messaging.connection_samples.sampled_at is
    'When.';
comment on column messaging.connection_samples.failures is
    'Sessions that ended with a fatal error, were killed, or were lost by the client, until then.';
comment on column messaging.connection_samples.counting_since is
    'When the server began to count; null: never reset.';

revoke all
    on table
        messaging.rollup_state,
        messaging.rpc_minutes,
        messaging.rpc_hours,
        messaging.rpc_totals,
        messaging.rpc_hour_latencies,
        messaging.connection_samples
    from public, anon, authenticated, service_role;

-- Buckets ----------------------------------------------------------------------------------------
-- Those of DDSketch (Masson, Rim, Lee: VLDB 2019): bucket n is for durations over 1.02^(n-1) up to
-- 1.02^n milliseconds, and told as 2 * 1.02^n / 2.02, which is less than 1 % from all of them. There
-- is no function from durations to buckets, because a call of it for each row takes longer than all
-- the rest; the expression stands where rows are read.

create function messaging.bucket_duration(
    p_bucket integer
)
returns double precision
language sql
immutable
parallel safe
set search_path = ''
return case
    when p_bucket > -1000 then 2 * pg_catalog.power(1.02::float8, p_bucket::float8) / 2.02
    when p_bucket = -1000 then 0
end;

revoke all
    on function messaging.bucket_duration(integer)
    from public, anon, authenticated, service_role;

comment on function messaging.bucket_duration(integer) is
    'What a bucket stands for, in milliseconds: less than 1 % beside each duration that is in it.';

-- Rolling up -------------------------------------------------------------------------------------

create function messaging.event_log_writers()
returns text[]
language sql
stable
set search_path = ''
return (
    select coalesce(pg_catalog.array_agg(distinct held.virtualtransaction), '{}')
    from pg_catalog.pg_locks as held
    where held.locktype = 'relation'
        -- Who waits for it has a time for the row already.
        and held.mode = 'RowExclusiveLock'
        and held.database = (
            select here.oid
            from pg_catalog.pg_database as here
            where here.datname = pg_catalog.current_database()
        )
        and held.relation in (
            select tree.relid
            from pg_catalog.pg_partition_tree('messaging.rpc_events') as tree
        )
);

revoke all
    on function messaging.event_log_writers()
    from public, anon, authenticated, service_role;

comment on function messaging.event_log_writers() is
    'Virtual ids of the transactions that have written to the event log and have not ended.';

create function messaging.roll_up_calls(
    p_from timestamptz,
    p_until timestamptz
)
returns bigint
language plpgsql
volatile
set search_path = ''
as $function$
declare
    -- Hours that are whole now; the first may have been begun by an earlier run.
    v_first constant pg_catalog.timestamptz := pg_catalog.date_trunc('hour', p_from, 'UTC');
    v_last constant pg_catalog.timestamptz := pg_catalog.date_trunc('hour', p_until, 'UTC');
    v_calls pg_catalog.int8;
begin
    -- The log only grows, or loses whole days: what is counted again replaces what was counted
    -- before, and what the log has lost stays as it is.
    with counted as (
        insert into messaging.rpc_minutes as known (
            minute,
            method,
            version,
            event,
            error_code,
            calls,
            duration_ms_max
        )
        select
            pg_catalog.date_trunc('minute', logged.occurred_at, 'UTC'),
            logged.method,
            coalesce(logged.version, ''),
            logged.event,
            coalesce(logged.error_code, ''),
            pg_catalog.count(*),
            pg_catalog.max(logged.duration_ms)
        from messaging.rpc_events as logged
        where logged.occurred_at >= p_from
            and logged.occurred_at < p_until
        group by 1, 2, 3, 4, 5
        on conflict on constraint rpc_minutes_pkey do update
        set
            calls = excluded.calls,
            duration_ms_max = excluded.duration_ms_max
        returning known.calls
    )

    select coalesce(pg_catalog.sum(counted.calls), 0)
    into v_calls
    from counted;

    insert into messaging.rpc_hours (
        hour,
        method,
        version,
        event,
        error_code,
        calls,
        duration_ms_max
    )
    select
        pg_catalog.date_trunc('hour', known.minute, 'UTC') as began_at,
        known.method,
        known.version,
        known.event,
        known.error_code,
        pg_catalog.sum(known.calls),
        pg_catalog.max(known.duration_ms_max)
    from messaging.rpc_minutes as known
    where known.minute >= v_first
        and known.minute < v_last
    group by
        began_at,
        known.method,
        known.version,
        known.event,
        known.error_code
    on conflict on constraint rpc_hours_pkey do update
    set
        calls = excluded.calls,
        duration_ms_max = excluded.duration_ms_max;

    insert into messaging.rpc_hour_latencies (
        hour,
        method,
        version,
        buckets,
        calls
    )
    select
        bucket.hour,
        bucket.method,
        bucket.version,
        pg_catalog.array_agg(bucket.number order by bucket.number),
        pg_catalog.array_agg(bucket.calls order by bucket.number)
    from (
        select
            pg_catalog.date_trunc('hour', logged.occurred_at, 'UTC'),
            logged.method,
            coalesce(logged.version, ''),
            case
                -- No clock is so fine.
                when logged.duration_ms < 1e-6 then -1000
                else pg_catalog.ceil(
                    pg_catalog.ln(least(logged.duration_ms, 1e300)) / pg_catalog.ln(1.02::float8)
                )::pg_catalog.int4
            end,
            pg_catalog.count(*)
        from messaging.rpc_events as logged
        where logged.occurred_at >= v_first
            and logged.occurred_at < v_last
        group by 1, 2, 3, 4
    ) as bucket (hour, method, version, number, calls)
    group by
        bucket.hour,
        bucket.method,
        bucket.version
    on conflict on constraint rpc_hour_latencies_pkey do update
    set
        buckets = excluded.buckets,
        calls = excluded.calls;

    return v_calls;
end;
$function$;

revoke all
    on function messaging.roll_up_calls(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.roll_up_calls(timestamptz, timestamptz) is
    'Counts the log of some whole minutes, and the hours that are complete with them. Expects that '
    'no call of that time is still to come.';

create function messaging.forget_rollups(
    p_state messaging.rollup_state
)
returns timestamptz
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_minutes_since constant pg_catalog.timestamptz := greatest(
        p_state.minutes_since,
        pg_catalog.date_trunc(
            'day',
            least(p_state.clock, p_state.rolled_up_until)
            - pg_catalog.make_interval(days => p_state.minute_days),
            'UTC'
        )
    );
    v_hours_since constant pg_catalog.timestamptz := least(
        v_minutes_since,
        pg_catalog.date_trunc(
            'day',
            least(p_state.clock, p_state.rolled_up_until)
            - pg_catalog.make_interval(days => p_state.hour_days),
            'UTC'
        )
    );
begin
    delete from messaging.rpc_minutes
    where rpc_minutes.minute < v_minutes_since;
    delete from messaging.connection_samples
    where connection_samples.sampled_at < v_minutes_since;
    delete from messaging.rpc_hour_latencies
    where rpc_hour_latencies.hour < v_hours_since;

    with gone as (
        delete from messaging.rpc_hours
        where rpc_hours.hour < v_hours_since
        returning
            rpc_hours.method,
            rpc_hours.version,
            rpc_hours.event,
            rpc_hours.error_code,
            rpc_hours.calls
    )

    insert into messaging.rpc_totals as total (
        method,
        version,
        event,
        error_code,
        calls
    )
    select
        gone.method,
        gone.version,
        gone.event,
        gone.error_code,
        pg_catalog.sum(gone.calls)
    from gone
    group by
        gone.method,
        gone.version,
        gone.event,
        gone.error_code
    on conflict on constraint rpc_totals_pkey do update
    set calls = total.calls + excluded.calls;

    return v_minutes_since;
end;
$function$;

revoke all
    on function messaging.forget_rollups(messaging.rollup_state)
    from public, anon, authenticated, service_role;

comment on function messaging.forget_rollups(messaging.rollup_state) is
    'Drops roll-ups that are older than they are kept; returns since when there are minutes.';

create function messaging.sample_connections(
    p_clock timestamptz
)
returns void
language sql
volatile
set search_path = ''
begin atomic
    insert into messaging.connection_samples (
        sampled_at,
        failures,
        counting_since
    )
    select
        p_clock,
        ended.sessions_fatal + ended.sessions_killed + ended.sessions_abandoned,
        ended.stats_reset
    from pg_catalog.pg_stat_database as ended
    where ended.datname = pg_catalog.current_database()
        and not exists (
            select
            from messaging.connection_samples as known
            where known.sampled_at > p_clock - interval '5 seconds'
        );
end;

revoke all
    on function messaging.sample_connections(timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.sample_connections(timestamptz) is
    'Notes how many connections have failed so far; not more than once in five seconds.';

create function messaging.roll_up_as_of(
    p_clock timestamptz,
    p_again_from timestamptz default null
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_state messaging.rollup_state;
    v_writers pg_catalog.text[];
    v_is_set_back boolean;
    v_reachable pg_catalog.timestamptz;
    v_from pg_catalog.timestamptz;
    v_until pg_catalog.timestamptz;
    v_calls pg_catalog.int8 := 0;
begin
    if pg_catalog.current_setting('transaction_isolation') <> 'read committed' then
        raise exception using
            errcode = 'active_sql_transaction',
            message = 'roll-ups are made in read committed alone',
            hint = 'In other transactions calls that end meanwhile would not be seen, nor counted.';
    end if;

    select
        state.id,
        state.rolled_up_until,
        state.minutes_since,
        state.clock,
        state.moment_at,
        state.moment_writers,
        state.minute_days,
        state.hour_days
    into v_state
    from messaging.rollup_state as state
    for update skip locked;
    if not found then
        return pg_catalog.jsonb_build_object('busy', true);
    end if;

    v_is_set_back := p_clock < v_state.clock;
    if v_is_set_back then
        v_state.moment_at := null;
        v_state.moment_writers := null;
        -- It may have been a while ago.
        v_state.rolled_up_until := least(
            v_state.rolled_up_until,
            pg_catalog.date_trunc('minute', p_clock - interval '1 day', 'UTC')
        );
        delete from messaging.connection_samples
        where connection_samples.sampled_at > p_clock;
    end if;
    v_state.clock := p_clock;
    -- Hours of which there are no minutes any more are not counted again.
    v_state.rolled_up_until := greatest(
        least(
            v_state.rolled_up_until, pg_catalog.date_trunc('minute', p_again_from, 'UTC')
        ),
        v_state.minutes_since
    );

    -- The clock was read before the locks, and both before the log: who is not there by now either
    -- has ended, and is seen below, or writes later. A minute is for those who have read the clock,
    -- and have not come to their lock yet.
    v_writers := messaging.event_log_writers();
    if v_writers = '{}' then
        v_reachable := p_clock;
    elsif not v_writers && v_state.moment_writers then
        v_reachable := v_state.moment_at;
    end if;
    if v_reachable is not null or v_state.moment_at is null then
        v_state.moment_at := p_clock;
        v_state.moment_writers := v_writers;
    end if;
    v_reachable := greatest(
        pg_catalog.date_trunc('minute', v_reachable - interval '1 minute', 'UTC'),
        v_state.rolled_up_until
    );

    -- One day at most, so that a long log is rolled up in short transactions.
    select pg_catalog.date_trunc('minute', pg_catalog.min(logged.occurred_at), 'UTC')
    into v_from
    from messaging.rpc_events as logged
    where logged.occurred_at >= v_state.rolled_up_until
        and logged.occurred_at < v_reachable;
    v_until := v_reachable;
    if v_from is not null then
        v_until := least(v_reachable, v_from + interval '1 day');
    end if;
    -- From where the last run ended, even if nothing was called since: its hour may be complete.
    v_calls := messaging.roll_up_calls(v_state.rolled_up_until, v_until);
    v_state.rolled_up_until := v_until;

    perform messaging.sample_connections(p_clock);
    v_state.minutes_since := messaging.forget_rollups(v_state);

    update messaging.rollup_state
    set
        rolled_up_until = v_state.rolled_up_until,
        minutes_since = v_state.minutes_since,
        clock = v_state.clock,
        moment_at = v_state.moment_at,
        moment_writers = v_state.moment_writers;

    return pg_catalog.jsonb_build_object(
        'busy', false,
        'rolled_up_until', v_state.rolled_up_until,
        'calls', v_calls,
        'more', v_until < v_reachable,
        'waiting', v_writers <> '{}',
        'set_back', v_is_set_back
    );
end;
$function$;

revoke all
    on function messaging.roll_up_as_of(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.roll_up_as_of(timestamptz, timestamptz) is
    'What messaging.roll_up() does, with what its caller has just read from the clock.';

create function messaging.roll_up(
    p_again_from timestamptz default null
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
begin
    return messaging.roll_up_as_of(pg_catalog.clock_timestamp(), p_again_from);
end;
$function$;

revoke all
    on function messaging.roll_up(timestamptz)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.roll_up(timestamptz)
    to service_role;

comment on function messaging.roll_up(timestamptz) is
    'Counts what the log has new, one day at most ("more": call it again). Run it once a minute; '
    'it may be run at any time, and two at once do no harm. p_again_from: count again from there.';

create function messaging.roll_up_through(
    p_moment timestamptz
)
returns timestamptz
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_reached pg_catalog.timestamptz;
    v_answer pg_catalog.jsonb;
begin
    loop
        select state.rolled_up_until
        into v_reached
        from messaging.rollup_state as state;
        exit when coalesce(v_reached >= p_moment, true)
            or coalesce((v_answer -> 'busy')::boolean, false)
            or v_answer -> 'more' = 'false'
            or pg_catalog.current_setting('transaction_isolation') <> 'read committed';
        v_answer := messaging.roll_up_as_of(pg_catalog.clock_timestamp());
    end loop;
    return coalesce(v_reached, '-infinity');
end;
$function$;

revoke all
    on function messaging.roll_up_through(timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.roll_up_through(timestamptz) is
    'Rolls up so far, where it can; returns how far it came. For maintain_event_log(), which drops '
    'nothing that is not rolled up.';

-- Reading ----------------------------------------------------------------------------------------
-- All of it in one snapshot, because these functions are stable: that of the query they are in.
-- They are planned for their window each time: a plan for any window looks at every partition.

create function messaging.whole_edge(
    p_moment timestamptz,
    p_width text,
    p_rolled_up_until timestamptz
)
returns timestamptz
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
as $function$
declare
    v_began_at constant pg_catalog.timestamptz :=
        pg_catalog.date_trunc(p_width, p_moment, 'UTC');
    v_ended_at constant pg_catalog.timestamptz :=
        v_began_at + ('1 ' || p_width)::pg_catalog.interval;
begin
    if p_moment > v_began_at
        and v_ended_at <= p_rolled_up_until
        and not exists (
            select
            from messaging.rpc_events as logged
            where logged.occurred_at >= v_began_at
                and logged.occurred_at < v_ended_at
        )
    then
        return v_ended_at;
    end if;
    return p_moment;
end;
$function$;

revoke all
    on function messaging.whole_edge(timestamptz, text, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.whole_edge(timestamptz, text, timestamptz) is
    'The edge of a window: where the log does not go back to it any more, the end of its minute or '
    'hour, so that each minute or hour counts in the window that it begins in.';

create function messaging.call_counts(
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    method text,
    version text,
    event text,
    error_code text,
    calls bigint,
    duration_ms_max double precision
)
language plpgsql
stable
rows 50
set search_path = ''
set plan_cache_mode = force_custom_plan
as $function$
declare
    v_rolled_up_until pg_catalog.timestamptz;
    v_minutes_since pg_catalog.timestamptz;
    v_from pg_catalog.timestamptz;
    v_until pg_catalog.timestamptz;
    v_first_minute pg_catalog.timestamptz;
    v_last_minute pg_catalog.timestamptz;
    v_first_hour pg_catalog.timestamptz;
    v_last_hour pg_catalog.timestamptz;
begin
    if p_from is null or p_until is null or p_from >= p_until then
        return;
    end if;
    select
        state.rolled_up_until,
        state.minutes_since
    into
        v_rolled_up_until,
        v_minutes_since
    from messaging.rollup_state as state;
    v_rolled_up_until := coalesce(v_rolled_up_until, '-infinity');

    v_from := messaging.whole_edge(
        p_from, case when p_from < v_minutes_since then 'hour' else 'minute' end, v_rolled_up_until
    );
    v_until := messaging.whole_edge(
        p_until,
        case when p_until < v_minutes_since then 'hour' else 'minute' end,
        v_rolled_up_until
    );

    -- The log up to the first whole minute, minutes, hours, minutes, the log.
    v_first_minute := pg_catalog.date_trunc(
        case when v_from < v_minutes_since then 'hour' else 'minute' end, v_from, 'UTC'
    );
    if v_first_minute < v_from then
        v_first_minute := v_first_minute + case
            when v_from < v_minutes_since then interval '1 hour'
            else interval '1 minute'
        end;
    end if;
    v_last_minute := pg_catalog.date_trunc(
        case when v_until < v_minutes_since then 'hour' else 'minute' end,
        least(v_until, v_rolled_up_until),
        'UTC'
    );
    if v_first_minute >= v_last_minute then
        v_first_minute := v_from;
        v_last_minute := v_from;
    end if;
    v_first_hour := pg_catalog.date_trunc('hour', v_first_minute, 'UTC');
    if v_first_hour < v_first_minute then
        v_first_hour := v_first_hour + interval '1 hour';
    end if;
    v_last_hour := pg_catalog.date_trunc('hour', v_last_minute, 'UTC');
    if v_first_hour >= v_last_hour then
        v_first_hour := v_last_minute;
        v_last_hour := v_last_minute;
    end if;

    return query
    select
        part.method,
        part.version,
        part.event,
        part.error_code,
        pg_catalog.sum(part.calls)::pg_catalog.int8,
        pg_catalog.max(part.duration_ms_max)
    from (
        select
            known.method,
            nullif(known.version, ''),
            known.event,
            nullif(known.error_code, ''),
            known.calls,
            known.duration_ms_max
        from messaging.rpc_hours as known
        where known.hour >= v_first_hour
            and known.hour < v_last_hour
        union all
        select
            known.method,
            nullif(known.version, ''),
            known.event,
            nullif(known.error_code, ''),
            known.calls,
            known.duration_ms_max
        from messaging.rpc_minutes as known
        where known.minute >= v_first_minute
            and known.minute < v_first_hour
        union all
        select
            known.method,
            nullif(known.version, ''),
            known.event,
            nullif(known.error_code, ''),
            known.calls,
            known.duration_ms_max
        from messaging.rpc_minutes as known
        where known.minute >= v_last_hour
            and known.minute < v_last_minute
        union all
        (
            select
                logged.method,
                logged.version,
                logged.event,
                logged.error_code,
                pg_catalog.count(*),
                pg_catalog.max(logged.duration_ms)
            from messaging.rpc_events as logged
            where logged.occurred_at >= v_from
                and logged.occurred_at < v_first_minute
            group by
                logged.method,
                logged.version,
                logged.event,
                logged.error_code
        )
        union all
        (
            select
                logged.method,
                logged.version,
                logged.event,
                logged.error_code,
                pg_catalog.count(*),
                pg_catalog.max(logged.duration_ms)
            from messaging.rpc_events as logged
            where logged.occurred_at >= v_last_minute
                and logged.occurred_at < v_until
            group by
                logged.method,
                logged.version,
                logged.event,
                logged.error_code
        )
        union all
        select
            total.method,
            nullif(total.version, ''),
            total.event,
            nullif(total.error_code, ''),
            total.calls,
            null
        from messaging.rpc_totals as total
        where p_from = '-infinity'
    ) as part (method, version, event, error_code, calls, duration_ms_max)
    group by
        part.method,
        part.version,
        part.event,
        part.error_code;
end;
$function$;

revoke all
    on function messaging.call_counts(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.call_counts(timestamptz, timestamptz) is
    'Calls from p_from on and before p_until, from roll-ups and the log: exact as far back as the '
    'log goes, then by whole minutes, then by whole hours. From -infinity: since the log began.';

create function messaging.call_durations(
    p_from timestamptz,
    p_until timestamptz
)
returns table (
    method text,
    version text,
    bucket integer,
    calls bigint
)
language plpgsql
stable
rows 1000
set search_path = ''
set plan_cache_mode = force_custom_plan
as $function$
declare
    v_rolled_up_until pg_catalog.timestamptz;
    v_from pg_catalog.timestamptz;
    v_until pg_catalog.timestamptz;
    v_first_hour pg_catalog.timestamptz;
    v_last_hour pg_catalog.timestamptz;
begin
    if p_from is null or p_until is null or p_from >= p_until then
        return;
    end if;
    select state.rolled_up_until
    into v_rolled_up_until
    from messaging.rollup_state as state;
    v_rolled_up_until := coalesce(v_rolled_up_until, '-infinity');

    v_from := messaging.whole_edge(p_from, 'hour', v_rolled_up_until);
    v_until := messaging.whole_edge(p_until, 'hour', v_rolled_up_until);
    v_first_hour := pg_catalog.date_trunc('hour', v_from, 'UTC');
    if v_first_hour < v_from then
        v_first_hour := v_first_hour + interval '1 hour';
    end if;
    v_last_hour := pg_catalog.date_trunc('hour', least(v_until, v_rolled_up_until), 'UTC');
    if v_first_hour >= v_last_hour then
        v_first_hour := v_from;
        v_last_hour := v_from;
    end if;

    return query
    select
        part.method,
        part.version,
        part.bucket,
        pg_catalog.sum(part.calls)::pg_catalog.int8
    from (
        select
            known.method,
            nullif(known.version, ''),
            counted.bucket,
            counted.calls
        from messaging.rpc_hour_latencies as known
        cross join lateral rows from (
            pg_catalog.unnest(known.buckets),
            pg_catalog.unnest(known.calls)
        ) as counted (bucket, calls)
        where known.hour >= v_first_hour
            and known.hour < v_last_hour
        union all
        select
            logged.method,
            logged.version,
            -- As above.
            case
                when logged.duration_ms < 1e-6 then -1000
                else pg_catalog.ceil(
                    pg_catalog.ln(least(logged.duration_ms, 1e300)) / pg_catalog.ln(1.02::float8)
                )::pg_catalog.int4
            end,
            1
        from (
            select
                begun.method,
                begun.version,
                begun.duration_ms
            from messaging.rpc_events as begun
            where begun.occurred_at >= v_from
                and begun.occurred_at < v_first_hour
            union all
            select
                ended.method,
                ended.version,
                ended.duration_ms
            from messaging.rpc_events as ended
            where ended.occurred_at >= v_last_hour
                and ended.occurred_at < v_until
        ) as logged
    ) as part (method, version, bucket, calls)
    group by
        part.method,
        part.version,
        part.bucket;
end;
$function$;

revoke all
    on function messaging.call_durations(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.call_durations(timestamptz, timestamptz) is
    'Histogram of how long calls took, from roll-ups and the log: exact as far back as the log '
    'goes, then by whole hours.';

commit;
