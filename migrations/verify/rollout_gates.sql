-- Verify care_collective_messaging:rollout_gates on pg
--
-- What: put calls into a day far ahead and compare what the gates say of them; go on and be
--     refused; break creations and see the guard turn V2 off, once; look who may do what.
-- Why: a gate that holds without data, or a guard that sleeps, is worse than none.
-- Requires: nothing.
-- Transaction: yes, rolled back; a gap in the ids of the history is all that stays.

begin;

-- The catalogue spells names with their schema only where the search path does not lead there.
set local search_path = '';

do $readable$
declare
    v_gate constant pg_catalog.jsonb := messaging.rollout_gate();
    v_missing text;
begin
    select pg_catalog.string_agg(key, ', ')
    into v_missing
    from pg_catalog.unnest(
        array[
            'phase', 'gate', 'next', 'since', 'measured_at', 'conditions', 'holds', 'v1_retirable',
            'problem'
        ]
    ) as key
    where not v_gate ? key;
    if v_missing is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'the gate does not tell: ' || v_missing;
    end if;

    select pg_catalog.string_agg(phase.name, ', ')
    into v_missing
    from (
        values ('internal'), ('percentage:10'), ('percentage:50'), ('enabled')
    ) as phase (name)
    where not exists (
        select
        from messaging.rollout_gates as gate
        where messaging.rollout_phase(gate.strategy, gate.percentage) = phase.name
    );
    if v_missing is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'these phases have no gate: ' || v_missing;
    end if;
end;
$readable$;

-- No call of anybody else's is in that day.
do $conditions$
declare
    v_day constant timestamptz := '2200-03-01 00:00:00+00';
    v_calls integer;
    v_failed integer;
    v_expected text;
    v_found text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    update messaging.rollout_gates
    set
        minimum_success_rate = 0.95,
        maximum_error_rate = 0.10,
        maximum_p95_seconds = 0.5,
        minimum_attempts = 20,
        minimum_age = '3 days'
    where rollout_gates.strategy = 'internal';

    for v_calls, v_failed, v_expected in
        values
            (0, 0, 'success_rate:? attempts:false error_rate:? p95_seconds:?'),
            (19, 0, 'success_rate:true attempts:false error_rate:true p95_seconds:true'),
            (0, 1, 'success_rate:false attempts:true error_rate:true p95_seconds:true'),
            (1, 0, 'success_rate:true attempts:true error_rate:true p95_seconds:true')
    loop
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
            v_day + number * interval '1 minute',
            'verify ' || pg_catalog.gen_random_uuid(),
            'verify',
            'startHelpConversation',
            case when number <= v_calls then 'success' else 'server_error' end,
            case when number <= v_calls then null else 'server_error' end,
            'v2',
            number
        from pg_catalog.generate_series(1, v_calls + v_failed) as number;

        select pg_catalog.string_agg(
            pg_catalog.format(
                '%s:%s', condition.entry ->> 'name', coalesce(condition.entry ->> 'holds', '?')
            ),
            ' '
            order by condition.place
        )
        into v_found
        from pg_catalog.jsonb_array_elements(
            messaging.gate_conditions('internal', 0, v_day, v_day + interval '72 hours')
        ) with ordinality as condition (entry, place);
        if v_found is distinct from v_expected || ' age:true' then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    'with %s more calls and %s more failures the gate says %s',
                    v_calls,
                    v_failed,
                    v_found
                ),
                detail = 'expected: ' || v_expected || ' age:true';
        end if;
    end loop;

    select condition.entry ->> 'holds'
    into v_found
    from pg_catalog.jsonb_array_elements(
        messaging.gate_conditions('internal', 0, v_day, v_day + interval '71:59:59')
    ) as condition (entry)
    where condition.entry ->> 'name' = 'age';
    if v_found is distinct from 'false' then
        raise exception using
            errcode = 'assert_failure',
            message = 'a phase that is a second too young is old enough';
    end if;
end;
$conditions$;

do $advance$
declare
    v_state text := 'nothing';
    v_newest text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    perform messaging.set_rollout('disabled', null, 'verify');
    perform messaging.advance_rollout('verify', 'verify');
    begin
        perform messaging.advance_rollout('verify', 'verify');
    exception
        when object_not_in_prerequisite_state then
            v_state := 'refused';
    end;
    begin
        perform messaging.advance_rollout('verify', 'verify', true);
    exception
        when object_not_in_prerequisite_state then
            v_state := 'refused, by force too';
    end;

    select pg_catalog.concat_ws(
        ' ',
        v_state,
        history.old_strategy,
        history.new_strategy,
        history.new_percentage,
        history.figures ->> 'phase',
        history.figures -> 'forced',
        history.reason
    )
    into v_newest
    from messaging.rollout_history as history
    order by history.id desc
    limit 1;
    if v_newest is distinct from
        'refused internal percentage 10 internal true Forced past the gate: verify'
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'going on past the gate was not as it must be: ' || v_newest;
    end if;
end;
$advance$;

do $guard$
declare
    v_first pg_catalog.jsonb;
    v_second pg_catalog.jsonb;
    v_newest text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    update messaging.alert_rules
    set
        metric = 'creation_success_rate',
        comparison = '<',
        threshold = 0.8,
        time_window = '5 minutes',
        minimum_sample = 10,
        rollback_trigger = true,
        enabled = true
    where alert_rules.name = 'creation_success_rollback';
    perform messaging.set_rollout('enabled', null, 'verify');

    v_first := messaging.guard_rollout('verify');
    if v_first -> 'acted' is distinct from 'false' or not (v_first ->> 'rules')::integer > 0 then
        raise exception using
            errcode = 'assert_failure',
            message = 'the guard does not watch over a sound V2: ' || v_first::text;
    end if;

    -- So many that what others call meanwhile makes no difference.
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
        pg_catalog.clock_timestamp(),
        'verify ' || pg_catalog.gen_random_uuid(),
        'verify',
        'startHelpConversation',
        'server_error',
        'server_error',
        'v2',
        1
    from pg_catalog.generate_series(1, 300);

    v_first := messaging.guard_rollout('verify');
    v_second := messaging.guard_rollout('verify');
    select pg_catalog.concat_ws(
        ' ',
        v_first -> 'acted',
        v_second -> 'acted',
        flag.strategy,
        history.old_strategy,
        history.new_strategy,
        history.changed_by,
        history.figures -> 'firing' @> '[{"name": "creation_success_rollback"}]'
    )
    into v_newest
    from messaging.rollout as flag
    cross join messaging.rollout_history as history
    order by history.id desc
    limit 1;
    if v_newest is distinct from 'true false disabled enabled disabled verify t' then
        raise exception using
            errcode = 'assert_failure',
            message = 'the guard did not turn V2 off as it must: ' || v_newest;
    end if;
end;
$guard$;

do $refusals$
declare
    v_statement text;
    v_expected text;
    v_state text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    for v_statement, v_expected in
        values
            ('select messaging.set_rollout_gate(''most'', ''minimum_age'', ''1 day'')', '22023'),
            ('select messaging.set_rollout_gate(''internal'', ''strategy'', ''x'')', '22023'),
            (
                'select messaging.set_rollout_gate(''internal'', ''minimum_success_rate'', ''95'')',
                '22023'
            ),
            ('select messaging.set_rollout_gate(''internal'', ''minimum_age'', ''x'')', '22023'),
            ('select messaging.advance_rollout('' '', ''verify'')', '22023'),
            ('update messaging.rollout_gates set minimum_v1_free = ''1 day''', '23514'),
            ('update messaging.rollout_gates set percentage = 100', '23514')
    loop
        v_state := 'nothing';
        begin
            execute v_statement;
        exception
            when others then
                v_state := sqlstate;
        end;
        if v_state <> v_expected then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    '%s raises %s, not %s', v_statement, v_state, v_expected
                );
        end if;
    end loop;
end;
$refusals$;

do $privileges$
declare
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
            ('service_role on messaging.rollout_gate()', 'EXECUTE'),
            ('pg_monitor on messaging.rollout_gate()', 'EXECUTE'),
            ('service_role on messaging.set_rollout_gate(text,text,text)', 'EXECUTE'),
            ('service_role on messaging.advance_rollout(text,text,boolean)', 'EXECUTE'),
            ('service_role on messaging.guard_rollout(text)', 'EXECUTE')
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
                'messaging.rollout_phase(text,integer)'::pg_catalog.regprocedure,
                'messaging.set_rollout_gate(text,text,text)'::pg_catalog.regprocedure,
                'messaging.gate_conditions(text,integer,timestamp with time zone,'
                'timestamp with time zone)'::pg_catalog.regprocedure,
                'messaging.measure_gate(timestamp with time zone)'::pg_catalog.regprocedure,
                'messaging.rollout_gate()'::pg_catalog.regprocedure,
                'messaging.gate_condition_text(jsonb)'::pg_catalog.regprocedure,
                'messaging.advance_rollout(text,text,boolean)'::pg_catalog.regprocedure,
                'messaging.guard_rollout(text)'::pg_catalog.regprocedure
            )
            union all
            select
                class.oid::pg_catalog.regclass::text,
                class.relacl
            from pg_catalog.pg_class as class
            where class.oid = 'messaging.rollout_gates'::pg_catalog.regclass
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
            message = 'the privileges on the gates are not those they must be',
            detail = v_differences;
    end if;

    select pg_catalog.string_agg(routine.oid::pg_catalog.regprocedure::text, ', ')
    into v_differences
    from pg_catalog.pg_proc as routine
    where routine.oid in (
        'messaging.set_rollout_gate(text,text,text)'::pg_catalog.regprocedure,
        'messaging.rollout_gate()'::pg_catalog.regprocedure,
        'messaging.advance_rollout(text,text,boolean)'::pg_catalog.regprocedure,
        'messaging.guard_rollout(text)'::pg_catalog.regprocedure
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
