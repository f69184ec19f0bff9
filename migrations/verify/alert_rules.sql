-- Verify care_collective_messaging:alert_rules on pg
--
-- What: write calls into a time that has none, evaluate a rule there at its threshold and beyond
--     it, below its sample, from a later moment on, and switched off; ask for rules that make no
--     sense; break the rules of the table; look at privileges.
-- Why: a rule that cannot fire looks like a healthy system. The rules that came with the deploy may
--     have been tuned since; how they are judged must not.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

-- The catalogue spells names with their schema only where the search path does not lead there.
set local search_path = '';

do $evaluation$
declare
    -- Far ahead: whatever is in the log, and whatever of it was counted, ends before it.
    v_until constant timestamptz := timestamptz '2200-01-01 00:00:00+00';
    v_calls integer;
    v_failures integer;
    v_since timestamptz;
    v_enabled boolean;
    v_expected text;
    v_states text;
begin
    select pg_catalog.string_agg(expected.name, ', ')
    into v_states
    from pg_catalog.unnest(array[
        'adoption_info',
        'connection_failures_critical',
        'connection_pool_critical',
        'creation_success_critical',
        'creation_success_rollback',
        'creation_success_warning',
        'duplicates_warning',
        'error_code_warning',
        'error_rate_critical',
        'error_rate_warning',
        'latency_warning',
        'slow_call_critical',
        'v1_creations_info'
    ]) as expected (name)
    where not exists (
        select
        from messaging.alert_rules as rule
        where rule.name = expected.name
    );
    if v_states is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'these alert rules are gone: ' || v_states;
    end if;

    select pg_catalog.string_agg(coalesce(rule.name, alert.name), ', ')
    into v_states
    from (
        select known.name
        from messaging.alert_rules as known
        where known.enabled
    ) as rule
    full join (
        select
            found.name,
            pg_catalog.count(*) as rows,
            pg_catalog.count(*) filter (where found.state = 'firing') as firing
        from messaging.evaluate_alerts() as found
        group by found.name
    ) as alert
        on alert.name = rule.name
    where rule.name is null
        or alert.name is null
        or alert.rows <> 1
        and alert.rows <> alert.firing;
    if v_states is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'not judged, judged though switched off, or twice: ' || v_states;
    end if;
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;

    for v_calls, v_failures, v_since, v_enabled, v_expected in
        values
            (0, 0, null, true, 'no data'),
            (19, 19, null, true, 'too few'),
            (20, 2, null, true, 'ok'),
            (20, 3, null, true, 'firing'),
            (20, 3, v_until - interval '1 minute', true, 'too few'),
            (20, 3, v_until, true, 'no data'),
            (20, 3, null, false, '')
    loop
        perform messaging.set_alert_rule(
            'verify',
            p_metric => 'creation_success_rate',
            p_comparison => '<',
            p_threshold => 0.9,
            p_time_window => '10 minutes',
            p_minimum_sample => 20,
            p_severity => 'critical',
            p_action => 'Verify',
            p_enabled => v_enabled
        );
        delete from messaging.rpc_events
        where rpc_events.occurred_at >= v_until - interval '1 day';
        insert into messaging.rpc_events (
            occurred_at,
            request_id,
            service,
            method,
            event,
            error_code,
            version,
            duration_ms
        )
        select
            -- One of them a minute before the end, the others as early as the window begins.
            v_until - case when number = 1 then interval '1 minute' else interval '10 minutes' end,
            'verify ' || number,
            'verify',
            'startHelpConversation',
            case when number <= v_failures then 'server_error' else 'success' end,
            case when number <= v_failures then 'server_error' end,
            'v2',
            1
        from pg_catalog.generate_series(1, v_calls) as number;

        select coalesce(pg_catalog.string_agg(alert.state, ', '), '')
        into v_states
        from messaging.evaluate_alerts(v_since, v_until) as alert
        where alert.name = 'verify';
        if v_states <> v_expected then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    '%s failures of %s creations are %L, not %L',
                    v_failures,
                    v_calls,
                    v_states,
                    v_expected
                );
        end if;
    end loop;
end;
$evaluation$;

do $refusals$
declare
    v_arguments text;
    v_state text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    foreach v_arguments in array array[
        'null, 1',
        '''Verify'', 1',
        '''verify_new'', 1',
        '''verify''',
        '''verify'', ''NaN''',
        '''verify'', ''Infinity''',
        '''verify'', -0.1',
        '''verify'', 1, p_comparison => ''>''',
        '''verify'', 0',
        '''verify'', p_time_window => ''0''',
        '''verify'', p_time_window => ''-1 minute''',
        '''verify'', p_time_window => ''31 days''',
        '''verify'', p_minimum_sample => 0',
        '''verify'', p_severity => ''fatal''',
        '''verify'', p_comparison => ''=''',
        '''verify'', p_metric => ''weather''',
        '''verify'', p_action => '' '''
    ]
    loop
        v_state := 'nothing';
        begin
            execute pg_catalog.format('select messaging.set_alert_rule(%s)', v_arguments);
        exception
            when others then
                v_state := sqlstate;
        end;
        if v_state <> '22023' then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    'messaging.set_alert_rule(%s) raises %s, not 22023', v_arguments, v_state
                );
        end if;
    end loop;
end;
$refusals$;

do $rules$
declare
    v_rule text;
    v_change text;
    v_violated text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    insert into messaging.alert_rules (
        name,
        severity,
        metric,
        comparison,
        threshold,
        time_window,
        minimum_sample,
        action
    )
    select
        'other_verify',
        rule.severity,
        rule.metric,
        rule.comparison,
        rule.threshold,
        rule.time_window,
        rule.minimum_sample,
        rule.action
    from messaging.alert_rules as rule
    where rule.name = 'verify';

    for v_rule, v_change in
        values
            ('alert_rules_pkey', 'name = ''other_verify'''),
            ('alert_rules_name_form', 'name = ''Errors'''),
            ('alert_rules_severity_known', 'severity = ''fatal'''),
            ('alert_rules_comparison_known', 'comparison = ''='''),
            ('alert_rules_threshold_range', 'threshold = ''NaN'''),
            ('alert_rules_threshold_can_be_passed', 'threshold = 0'),
            ('alert_rules_time_window_range', 'time_window = ''0'''),
            ('alert_rules_minimum_sample_range', 'minimum_sample = 0'),
            ('alert_rules_action_length', 'action = ''''')
    loop
        v_violated := null;
        begin
            execute pg_catalog.format(
                'update messaging.alert_rules set %s where name = ''verify''', v_change
            );
        exception
            when check_violation or unique_violation then
                get stacked diagnostics v_violated = constraint_name;
        end;
        if v_violated is distinct from v_rule then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format('constraint %s does not hold', v_rule);
        end if;
    end loop;

    update messaging.alert_rules
    set changed_at = null;
    if exists (
        select
        from messaging.alert_rules as rule
        where rule.changed_by is distinct from session_user
            or rule.changed_at is null
    ) then
        raise exception using
            errcode = 'assert_failure',
            message = 'a change of a rule does not say who made it';
    end if;
end;
$rules$;

do $privileges$
declare
    v_tuning constant text := 'messaging.set_alert_rule(text,double precision,interval,bigint,'
        'boolean,text,text,text,text,boolean,boolean)';
    v_evaluation constant text :=
        'messaging.evaluate_alerts(timestamp with time zone,timestamp with time zone)';
    v_differences text;
begin
    select pg_catalog.string_agg(
        pg_catalog.format(
            '%s: expected %s, found %s',
            object,
            coalesce(expected.definition, 'nothing'),
            coalesce(actual.definition, 'nothing')
        ),
        E'\n'
        order by object
    )
    into v_differences
    from (
        values
            ('service_role on ' || v_tuning, 'EXECUTE'),
            ('service_role on ' || v_evaluation, 'EXECUTE'),
            ('pg_monitor on ' || v_evaluation, 'EXECUTE')
    ) as expected (object, definition)
    full join (
        select
            pg_catalog.format('%s on %s', coalesce(role.rolname, 'public'), thing.name) as object,
            pg_catalog.string_agg(
                entry.privilege_type, ', ' order by entry.privilege_type
            ) as definition
        from (
            select
                routine.oid::pg_catalog.regprocedure::text as name,
                coalesce(
                    routine.proacl, pg_catalog.acldefault('f', routine.proowner)
                ) as privileges
            from pg_catalog.pg_proc as routine
            where routine.oid in (
                v_tuning::pg_catalog.regprocedure,
                v_evaluation::pg_catalog.regprocedure,
                'messaging.metric_unit(text)'::pg_catalog.regprocedure,
                'messaging.note_alert_rule_author()'::pg_catalog.regprocedure
            )
            union all
            select
                class.oid::pg_catalog.regclass::text,
                class.relacl
            from pg_catalog.pg_class as class
            where class.oid = 'messaging.alert_rules'::pg_catalog.regclass
        ) as thing
        cross join lateral pg_catalog.aclexplode(thing.privileges) as entry
        left join pg_catalog.pg_roles as role
            on role.oid = entry.grantee
        where entry.grantee = 0
            or role.rolname in ('anon', 'authenticated', 'service_role', 'pg_monitor')
        group by
            role.rolname,
            thing.name
    ) as actual using (object)
    where expected.definition is distinct from actual.definition;

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'the privileges on the alert rules are not those they must be',
            detail = v_differences;
    end if;

    select pg_catalog.string_agg(routine.oid::pg_catalog.regprocedure::text, ', ')
    into v_differences
    from pg_catalog.pg_proc as routine
    where routine.oid in (
            v_tuning::pg_catalog.regprocedure,
            v_evaluation::pg_catalog.regprocedure
    )
        and (
            not routine.prosecdef
            or routine.proconfig is distinct from array['search_path=""']
        );

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'not security definer with an empty search_path alone: ' || v_differences;
    end if;
end;
$privileges$;

rollback;
