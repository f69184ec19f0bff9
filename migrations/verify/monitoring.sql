-- Verify care_collective_messaging:monitoring on pg
--
-- What: write calls of a day that is far off, and find the figures that they make; read every
--     measure, and one that there is not; break the rule of the new column; look who may do what.
-- Why: metrics, alert rules and gates are computed by these functions and by nothing else.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

-- The catalogue spells names with their schema only where the search path does not lead there.
set local search_path = '';

do $measures$
declare
    v_measure text;
begin
    foreach v_measure in array array[
        'connection_failures_per_minute',
        'connection_pool_used',
        'creation_success_rate',
        'duplicate_share',
        'error_code_share',
        'latency_p95_seconds',
        'max_duration_seconds',
        'server_error_rate',
        'v1_creations_after_full_rollout',
        'v2_adoption_of_rollout'
    ]
    loop
        if not exists (
            select
            from messaging.measure(
                v_measure, pg_catalog.now() - interval '1 minute', pg_catalog.now()
            )
        ) then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format('the measure %s tells nothing', v_measure);
        end if;
    end loop;

    begin
        perform
        from messaging.measure('nothing', pg_catalog.now(), pg_catalog.now());
        raise exception using
            errcode = 'assert_failure',
            message = 'a measure that there is not is told';
    exception
        when invalid_parameter_value then
            null;
    end;
end;
$measures$;

do $figures$
declare
    -- Nothing was called then.
    v_from constant timestamptz := '2998-12-31T12:00:00Z';
    v_until constant timestamptz := '2998-12-31T12:10:00Z';
    v_found text;
    v_violated text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;

    -- 4 succeed, 1 fails by us, 2 by the caller; what V1 does is not counted.
    insert into messaging.rpc_events (
        occurred_at, request_id, service, method, event, error_code, version, duration_ms
    )
    select
        v_from + interval '1 minute' * call.number,
        'verify_' || call.number,
        'MessagingServiceV2',
        'startHelpConversation',
        case call.code
            when '' then 'success'
            when 'server_error' then 'server_error'
            else 'function_error'
        end,
        nullif(call.code, ''),
        call.version,
        call.number * 100
    from (
        values
            (0, '', 'v2'),
            (1, '', 'v2'),
            (2, '', 'v2'),
            (3, '', 'v2'),
            (4, 'server_error', null),
            (5, 'conversation_exists', 'v2'),
            (6, 'validation_error', null),
            (7, 'server_error', 'v1'),
            (10, 'server_error', 'v2')
    ) as call (number, code, version);

    select pg_catalog.string_agg(
        pg_catalog.concat_ws(
            ' ', wanted.measure, found.series, pg_catalog.round(found.value::numeric, 4),
            found.sample
        ),
        E'\n'
        order by wanted.measure, found.series
    )
    into v_found
    from (
        values
            ('creation_success_rate'),
            ('duplicate_share'),
            ('error_code_share'),
            ('latency_p95_seconds'),
            ('max_duration_seconds'),
            ('server_error_rate')
    ) as wanted (measure)
    cross join lateral messaging.measure(wanted.measure, v_from, v_until) as found;

    if v_found is distinct from
        'creation_success_rate  0.8000 5' || E'\n'
        'duplicate_share  0.1429 7' || E'\n'
        'error_code_share conversation_exists 0.1429 7' || E'\n'
        'error_code_share server_error 0.1429 7' || E'\n'
        'error_code_share validation_error 0.1429 7' || E'\n'
        'latency_p95_seconds  0.5700 7' || E'\n'
        'latency_p95_seconds startHelpConversation 0.5700 7' || E'\n'
        'max_duration_seconds startHelpConversation 0.7000 8' || E'\n'
        'server_error_rate  0.1429 7'
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'the figures are not those of the calls',
            detail = v_found;
    end if;

    begin
        update messaging.error_codes
        set attributed_to = 'nobody';
    exception
        when check_violation then
            get stacked diagnostics v_violated = constraint_name;
    end;
    if v_violated is distinct from 'error_codes_attributed_to_known' then
        raise exception using
            errcode = 'assert_failure',
            message = 'constraint error_codes_attributed_to_known does not hold';
    end if;
end;
$figures$;

do $privileges$
declare
    v_differences text;
begin
    select pg_catalog.string_agg(
        pg_catalog.format('%s for %s', signature, grantee), E'\n' order by signature, grantee
    )
    into v_differences
    from (
        select
            figure.signature,
            role.name
        from (
            values
                ('messaging.active_conversations()'),
                (
                    'messaging.adoption(timestamp with time zone,timestamp with time zone)'
                ),
                (
                    'messaging.completion(timestamp with time zone,timestamp with time zone)'
                ),
                ('messaging.creation_calls()'),
                (
                    'messaging.creation_success(timestamp with time zone,timestamp with time zone)'
                ),
                (
                    'messaging.error_shares(timestamp with time zone,timestamp with time zone,'
                    'boolean)'
                ),
                ('messaging.errors_total()'),
                ('messaging.initial_messages()'),
                (
                    'messaging.latencies(timestamp with time zone,timestamp with time zone)'
                ),
                (
                    'messaging.measure(text,timestamp with time zone,timestamp with time zone)'
                ),
                (
                    'messaging.messages_daily(timestamp with time zone,timestamp with time zone)'
                )
        ) as figure (signature)
        cross join (
            values
                ('service_role'),
                ('pg_monitor')
        ) as role (name)
    ) as expected (signature, grantee)
    full join (
        select
            routine.oid::pg_catalog.regprocedure::text,
            coalesce(role.rolname, 'public')
        from pg_catalog.pg_proc as routine
        cross join lateral pg_catalog.aclexplode(
            coalesce(routine.proacl, pg_catalog.acldefault('f', routine.proowner))
        ) as entry
        left join pg_catalog.pg_roles as role
            on role.oid = entry.grantee
        where routine.pronamespace = 'messaging'::pg_catalog.regnamespace
            and routine.proname in (
                'active_conversations',
                'adoption',
                'adoption_of_rollout',
                'completion',
                'connection_failures',
                'connections_used',
                'creation_calls',
                'creation_success',
                'error_shares',
                'errors_total',
                'initial_messages',
                'latencies',
                'measure',
                'messages_daily',
                'rollout_phases',
                'v1_after_full_rollout',
                'v1_creations'
            )
            and (
                entry.grantee = 0
                or role.rolname in ('anon', 'authenticated', 'service_role', 'pg_monitor')
            )
    ) as actual (signature, grantee) using (signature, grantee)
    where expected.signature is null
        or actual.signature is null;

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'not exactly service_role and pg_monitor may read the figures',
            detail = v_differences;
    end if;
    if not pg_catalog.has_schema_privilege('pg_monitor', 'messaging', 'usage') then
        raise exception using
            errcode = 'assert_failure',
            message = 'pg_monitor may not use schema messaging';
    end if;
end;
$privileges$;

rollback;
