-- Verify care_collective_messaging:call_rollups on pg
--
-- What: count calls into the roll-ups, and find the same with and without them; find the buckets as
--     narrow as they must be; look who may do what.
-- Why: from here metrics, alert rules and gates take their figures.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

-- The catalogue spells names with their schema only where the search path does not lead there.
set local search_path = '';

do $counting$
declare
    -- A day that has no partition, and of which nothing was rolled up.
    v_day constant timestamptz := '2998-12-31T00:00:00Z';
    v_before text;
    v_after text;
    v_calls bigint;
begin
    if (
        select pg_catalog.count(*)
        from messaging.rollup_state
    ) <> 1 then
        raise exception using
            errcode = 'assert_failure',
            message = 'messaging.rollup_state has no row';
    end if;
    -- What is not rolled up is read from the log, so any window can be asked for.
    perform messaging.call_counts(pg_catalog.now() - interval '1 minute', pg_catalog.now());
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;

    insert into messaging.rpc_events (
        occurred_at, request_id, service, method, event, error_code, version, duration_ms
    )
    select
        v_day + interval '1 second' * 97 * number,
        'verify_' || number,
        'MessagingServiceV2',
        case when number % 3 = 0 then 'startHelpConversation' else 'sendMessage' end,
        case when number % 7 = 0 then 'server_error' else 'success' end,
        case when number % 7 = 0 then 'server_error' end,
        case when number % 5 > 0 then 'v2' end,
        number
    from pg_catalog.generate_series(1, 100) as number;

    select pg_catalog.string_agg(counted::text, ' ' order by counted::text)
    into v_before
    from messaging.call_counts(v_day + interval '100 seconds', v_day + interval '9000 seconds')
        as counted;
    v_calls := messaging.roll_up_calls(v_day, v_day + interval '2 hours 30 minutes');
    update messaging.rollup_state
    set rolled_up_until = v_day + interval '2 hours 30 minutes';
    select pg_catalog.string_agg(counted::text, ' ' order by counted::text)
    into v_after
    from messaging.call_counts(v_day + interval '100 seconds', v_day + interval '9000 seconds')
        as counted;
    if v_calls <> 92 or v_before is distinct from v_after then
        raise exception using
            errcode = 'assert_failure',
            message = 'roll-ups say something else than the log',
            detail = pg_catalog.format('%s calls; %s; %s', v_calls, v_before, v_after);
    end if;
    if (
        select pg_catalog.sum(known.calls)
        from messaging.rpc_hours as known
        where known.hour >= v_day
            and known.hour < v_day + interval '3 hours'
    ) is distinct from 74 or (
        select pg_catalog.sum(known.calls)
        from messaging.call_durations(v_day, v_day + interval '3 hours') as known
    ) is distinct from 100 then
        raise exception using
            errcode = 'assert_failure',
            message = 'the hours do not have the calls of their minutes';
    end if;
    if exists (
        select
        from pg_catalog.generate_series(1, 100) as duration
        where not exists (
            select
            from messaging.call_durations(v_day, v_day + interval '3 hours') as known
            where pg_catalog.abs(
                messaging.bucket_duration(known.bucket) / duration - 1
            ) < 0.01
        )
    ) then
        raise exception using
            errcode = 'assert_failure',
            message = 'a duration is 1 % or more beside what its bucket stands for';
    end if;
end;
$counting$;

do $privileges$
declare
    v_differences text;
begin
    select pg_catalog.string_agg(
        pg_catalog.format('%s has %s on %s', role.rolname, entry.privilege_type, thing.name),
        E'\n'
        order by thing.name
    )
    into v_differences
    from (
        select
            routine.oid::pg_catalog.regprocedure::text as name,
            coalesce(
                routine.proacl, pg_catalog.acldefault('f', routine.proowner)
            ) as privileges
        from pg_catalog.pg_proc as routine
        where routine.oid in (
            'messaging.bucket_duration(integer)'::pg_catalog.regprocedure,
            'messaging.event_log_writers()'::pg_catalog.regprocedure,
            'messaging.roll_up_calls(timestamptz, timestamptz)'::pg_catalog.regprocedure,
            'messaging.forget_rollups(messaging.rollup_state)'::pg_catalog.regprocedure,
            'messaging.sample_connections(timestamptz)'::pg_catalog.regprocedure,
            'messaging.roll_up_as_of(timestamptz, timestamptz)'::pg_catalog.regprocedure,
            'messaging.roll_up(timestamptz)'::pg_catalog.regprocedure,
            'messaging.roll_up_through(timestamptz)'::pg_catalog.regprocedure,
            'messaging.whole_edge(timestamptz, text, timestamptz)'::pg_catalog.regprocedure,
            'messaging.call_counts(timestamptz, timestamptz)'::pg_catalog.regprocedure,
            'messaging.call_durations(timestamptz, timestamptz)'::pg_catalog.regprocedure
        )
        union all
        select
            class.oid::pg_catalog.regclass::text,
            class.relacl
        from pg_catalog.pg_class as class
        where class.oid in (
            'messaging.rollup_state'::pg_catalog.regclass,
            'messaging.rpc_minutes'::pg_catalog.regclass,
            'messaging.rpc_hours'::pg_catalog.regclass,
            'messaging.rpc_totals'::pg_catalog.regclass,
            'messaging.rpc_hour_latencies'::pg_catalog.regclass,
            'messaging.connection_samples'::pg_catalog.regclass
        )
    ) as thing
    cross join lateral pg_catalog.aclexplode(thing.privileges) as entry
    left join pg_catalog.pg_roles as role
        on role.oid = entry.grantee
    where (
        entry.grantee = 0
        or role.rolname in ('anon', 'authenticated', 'service_role', 'pg_monitor')
    )
        and thing.name not like 'messaging.roll\_up(%';

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'the roll-ups are open to roles of the application',
            detail = v_differences;
    end if;
    if not pg_catalog.has_function_privilege(
        'service_role', 'messaging.roll_up(timestamptz)', 'execute'
    ) or pg_catalog.has_function_privilege(
        'authenticated', 'messaging.roll_up(timestamptz)', 'execute'
    ) then
        raise exception using
            errcode = 'assert_failure',
            message = 'not service_role alone may call messaging.roll_up()';
    end if;
end;
$privileges$;

rollback;
