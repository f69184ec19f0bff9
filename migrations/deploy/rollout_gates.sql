-- Deploy care_collective_messaging:rollout_gates to pg
--
-- What: what a phase of the rollout has to show before the next one, as data; a function that
--     measures it, one that goes on to the next phase, and the guard, which turns V2 off when a
--     rule that is a rollback trigger fires.
-- Why: going on is decided by figures that stay in the history, and going back does not wait for
--     somebody to wake up.
-- Requires: alert_rules.
-- Transaction: yes.
--
-- squawk would give 64 bits to a percentage, and wants timeouts; all that is locked here is new.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, prefer-bigint-over-int

begin;

-- Gates ------------------------------------------------------------------------------------------

create table messaging.rollout_gates (
    strategy text not null,
    percentage integer not null,
    minimum_success_rate double precision,
    maximum_error_rate double precision,
    maximum_p95_seconds double precision,
    minimum_attempts bigint,
    minimum_age interval,
    minimum_v1_free interval,
    constraint rollout_gates_pkey
        primary key (strategy, percentage),
    constraint rollout_gates_phase_known
        check (
            (strategy = 'internal' and percentage = 0)
            or (strategy = 'percentage' and percentage between 1 and 99)
            or (strategy = 'enabled' and percentage = 100)
        ),
    constraint rollout_gates_minimum_success_rate_range
        check (minimum_success_rate >= 0 and minimum_success_rate < 1),
    constraint rollout_gates_maximum_error_rate_range
        check (maximum_error_rate > 0 and maximum_error_rate <= 1),
    constraint rollout_gates_maximum_p95_seconds_range
        check (maximum_p95_seconds > 0 and maximum_p95_seconds <= 3600),
    constraint rollout_gates_minimum_attempts_range
        check (minimum_attempts between 1 and 1000000000),
    constraint rollout_gates_minimum_age_range
        check (minimum_age between interval '1 second' and interval '3650 days'),
    constraint rollout_gates_minimum_v1_free_range
        check (minimum_v1_free between interval '1 second' and interval '3650 days'),
    constraint rollout_gates_minimum_v1_free_when_enabled
        check (minimum_v1_free is null or strategy = 'enabled'),
    constraint rollout_gates_asks_something
        check (
            pg_catalog.num_nonnulls(
                minimum_success_rate,
                maximum_error_rate,
                maximum_p95_seconds,
                minimum_attempts,
                minimum_age,
                minimum_v1_free
            ) > 0
        )
);

comment on table messaging.rollout_gates is
    'What a phase of the rollout has to show before the next one; from the last, before V1 is '
    'retired. The next phase is that of the next higher percentage. Null: not asked. Changed by '
    'messaging.set_rollout_gate().';
comment on column messaging.rollout_gates.strategy is
    'Strategy of the phase, as in messaging.rollout.';
comment on column messaging.rollout_gates.percentage is
    'Percentage of the phase; internal is 0, enabled 100. A percentage between two phases has the '
    'gate of the lower one.';
comment on column messaging.rollout_gates.minimum_success_rate is
    'The success rate of V2 creations since the phase began is above it.';
comment on column messaging.rollout_gates.maximum_error_rate is
    'The share of V2 calls since then that ended as server_error is below it.';
comment on column messaging.rollout_gates.maximum_p95_seconds is
    'The 95th percentile of the duration of V2 calls since then is below it.';
comment on column messaging.rollout_gates.minimum_attempts is
    'So many V2 creations since then, or more, that were not the fault of the caller.';
comment on column messaging.rollout_gates.minimum_age is
    'The phase began so long ago, or longer.';
comment on column messaging.rollout_gates.minimum_v1_free is
    'For so long the phase is there and nobody began a conversation in V1.';

revoke all
    on table messaging.rollout_gates
    from public, anon, authenticated, service_role;

insert into messaging.rollout_gates (
    strategy,
    percentage,
    minimum_success_rate,
    maximum_error_rate,
    maximum_p95_seconds,
    minimum_attempts,
    minimum_age,
    minimum_v1_free
)
values
    ('internal', 0, 0.95, null, null, 20, '3 days', null),
    ('percentage', 10, 0.95, 0.01, 0.5, null, '7 days', null),
    ('percentage', 50, 0.97, null, null, null, '7 days', null),
    ('enabled', 100, 0.99, null, null, null, null, '14 days');

create function messaging.rollout_phase(
    p_strategy text,
    p_percentage integer
)
returns text
language sql
immutable
parallel safe
set search_path = ''
return case p_strategy
    when 'percentage' then 'percentage:' || p_percentage
    else p_strategy
end;

revoke all
    on function messaging.rollout_phase(text, integer)
    from public, anon, authenticated, service_role;

comment on function messaging.rollout_phase(text, integer) is
    'A state of the flag as the command line writes it: internal, percentage:10, ...';

create function messaging.set_rollout_gate(
    p_phase text,
    p_condition text,
    p_threshold text
)
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $function$
begin
    if p_condition is null
        or p_condition not in (
            'minimum_success_rate',
            'maximum_error_rate',
            'maximum_p95_seconds',
            'minimum_attempts',
            'minimum_age',
            'minimum_v1_free'
        )
    then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = pg_catalog.format('%L is no condition of a gate', p_condition),
            hint = 'The conditions are minimum_success_rate, maximum_error_rate, '
                'maximum_p95_seconds, minimum_attempts, minimum_age and minimum_v1_free.';
    end if;

    update messaging.rollout_gates as gate
    set
        minimum_success_rate = case p_condition
            when 'minimum_success_rate' then p_threshold::pg_catalog.float8
            else gate.minimum_success_rate
        end,
        maximum_error_rate = case p_condition
            when 'maximum_error_rate' then p_threshold::pg_catalog.float8
            else gate.maximum_error_rate
        end,
        maximum_p95_seconds = case p_condition
            when 'maximum_p95_seconds' then p_threshold::pg_catalog.float8
            else gate.maximum_p95_seconds
        end,
        minimum_attempts = case p_condition
            when 'minimum_attempts' then p_threshold::pg_catalog.int8
            else gate.minimum_attempts
        end,
        minimum_age = case p_condition
            when 'minimum_age' then p_threshold::pg_catalog.interval
            else gate.minimum_age
        end,
        minimum_v1_free = case p_condition
            when 'minimum_v1_free' then p_threshold::pg_catalog.interval
            else gate.minimum_v1_free
        end
    where messaging.rollout_phase(gate.strategy, gate.percentage) = p_phase;

    if not found then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = pg_catalog.format('%L is no phase that has a gate', p_phase),
            hint = (
                select
                    'The phases are '
                    || pg_catalog.string_agg(
                        messaging.rollout_phase(gate.strategy, gate.percentage),
                        ', '
                        order by gate.percentage
                    )
                    || '.'
                from messaging.rollout_gates as gate
            );
    end if;
exception
    -- What cannot be read as the type of the column, and what its constraints refuse.
    when data_exception or check_violation then
        if sqlstate = '22023' then
            raise;
        end if;
        raise exception using
            errcode = 'invalid_parameter_value',
            message = pg_catalog.format('%L cannot be %s of %s', p_threshold, p_condition, p_phase),
            detail = sqlerrm,
            hint = 'Rates are fractions of 1, lengths of time intervals such as 7 days. Null asks '
                'for it no more, where something else is asked. Only enabled waits for V1.';
end;
$function$;

revoke all
    on function messaging.set_rollout_gate(text, text, text)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.set_rollout_gate(text, text, text)
    to service_role;

comment on function messaging.set_rollout_gate(text, text, text) is
    'Changes one condition of the gate of a phase, internal, percentage:10, ...; null: not asked.';

-- Measuring --------------------------------------------------------------------------------------

create function messaging.gate_conditions(
    p_strategy text,
    p_percentage integer,
    p_since timestamptz,
    p_until timestamptz
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $function$
begin
    return (
        with asked as (
            select
                condition.place,
                condition.name,
                condition.metric,
                condition.since,
                condition.comparison,
                condition.threshold,
                condition.unit
            from messaging.rollout_gates as gate
            cross join lateral (
                values
                    (
                        1, 'success_rate', 'creation_success_rate', p_since,
                        '>', gate.minimum_success_rate, 'ratio'
                    ),
                    (
                        2, 'attempts', 'creation_success_rate', p_since,
                        '>=', gate.minimum_attempts::pg_catalog.float8, 'calls'
                    ),
                    (
                        3, 'error_rate', 'server_error_rate', p_since,
                        '<', gate.maximum_error_rate, 'ratio'
                    ),
                    (
                        4, 'p95_seconds', 'latency_p95_seconds', p_since,
                        '<', gate.maximum_p95_seconds, 'seconds'
                    ),
                    (
                        5, 'v1_creations', 'v1_creations_after_full_rollout',
                        greatest(
                            p_since,
                            -- In seconds, for a day of the session's time zone may have 23 hours.
                            p_until - pg_catalog.make_interval(
                                secs => extract(
                                    epoch from gate.minimum_v1_free
                                )::pg_catalog.float8
                            )
                        ),
                        '=', case when gate.minimum_v1_free is not null then 0 end, 'conversations'
                    ),
                    -- So long without a conversation in V1 needs a phase of that age.
                    (
                        6, 'age', null, p_since,
                        '>=',
                        extract(
                            epoch from greatest(gate.minimum_age, gate.minimum_v1_free)
                        )::pg_catalog.float8,
                        'seconds'
                    )
            ) as condition (place, name, metric, since, comparison, threshold, unit)
            where gate.strategy = p_strategy
                and gate.percentage = p_percentage
                and condition.threshold is not null
        ),

        measured as (
            select
                asked.place,
                asked.name,
                asked.comparison,
                asked.threshold,
                asked.unit,
                case asked.name
                    when 'attempts' then coalesce(found.sample, 0)::pg_catalog.float8
                    else found.value
                end as value,
                -- What is a number itself has no further one behind it.
                case
                    when asked.name not in ('attempts', 'v1_creations') then found.sample
                end as sample
            from asked
            left join lateral messaging.measure(
                asked.metric, asked.since, greatest(p_until, asked.since)
            ) as found
                on found.series = ''
            where asked.metric is not null
            union all
            select
                asked.place,
                asked.name,
                asked.comparison,
                asked.threshold,
                asked.unit,
                extract(epoch from p_until - p_since)::pg_catalog.float8,
                null
            from asked
            where asked.metric is null
        )

        select coalesce(
            pg_catalog.jsonb_agg(
                pg_catalog.jsonb_build_object(
                    'name', measured.name,
                    'measured', measured.value,
                    'comparison', measured.comparison,
                    'threshold', measured.threshold,
                    'unit', measured.unit,
                    'sample', measured.sample,
                    'holds', case measured.comparison
                        when '>' then measured.value > measured.threshold
                        when '>=' then measured.value >= measured.threshold
                        when '<' then measured.value < measured.threshold
                        when '=' then measured.value = measured.threshold
                    end
                )
                order by measured.place
            ),
            '[]'
        )
        from measured
    );
end;
$function$;

revoke all
    on function messaging.gate_conditions(text, integer, timestamptz, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.gate_conditions(text, integer, timestamptz, timestamptz) is
    'The conditions of one gate, each with what was measured between two times. "holds" is null '
    'where there is no data.';

create function messaging.measure_gate(
    p_until timestamptz
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $function$
declare
    v_problem constant pg_catalog.text := messaging.rollout_problem();
    v_strategy pg_catalog.text;
    v_percentage integer;
    v_place integer;
    v_since timestamptz;
    v_gate messaging.rollout_gates;
    v_next messaging.rollout_gates;
    v_conditions pg_catalog.jsonb := '[]';
    v_holds boolean := false;
begin
    if v_problem is null then
        select
            flag.strategy,
            flag.percentage,
            case flag.strategy
                when 'disabled' then -1
                when 'internal' then 0
                when 'percentage' then least(flag.percentage, 99)
                else 100
            end,
            flag.changed_at
        into
            v_strategy,
            v_percentage,
            v_place,
            v_since
        from messaging.rollout as flag;

        -- To say again what the flag says already begins no phase.
        select coalesce(pg_catalog.max(newest.changed_at), v_since)
        into v_since
        from (
            select history.changed_at
            from messaging.rollout_history as history
            where (history.old_strategy, history.old_percentage)
                is distinct from (history.new_strategy, history.new_percentage)
            order by history.id desc
            limit 1
        ) as newest;

        -- A percentage that is none of the phases' is on its way from the one below it.
        select *
        into v_gate
        from messaging.rollout_gates as gate
        where gate.percentage <= v_place
        order by gate.percentage desc
        limit 1;

        select *
        into v_next
        from messaging.rollout_gates as gate
        where gate.percentage > v_place
        order by gate.percentage
        limit 1;

        v_conditions := messaging.gate_conditions(
            v_gate.strategy, v_gate.percentage, v_since, p_until
        );
        -- Without data a condition does not hold, nor does a gate without a condition.
        select v_strategy = 'disabled' or coalesce(
            pg_catalog.bool_and((condition.value ->> 'holds') is not distinct from 'true'), false
        )
        into v_holds
        from pg_catalog.jsonb_array_elements(v_conditions) as condition;
    end if;

    return pg_catalog.jsonb_build_object(
        'phase', messaging.rollout_phase(v_strategy, v_percentage),
        'gate', messaging.rollout_phase(v_gate.strategy, v_gate.percentage),
        'next', messaging.rollout_phase(v_next.strategy, v_next.percentage),
        'since', v_since,
        'measured_at', p_until,
        'conditions', v_conditions,
        'holds', v_holds,
        'v1_retirable', case when v_strategy = 'enabled' then v_holds end,
        'problem', v_problem
    );
end;
$function$;

revoke all
    on function messaging.measure_gate(timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.measure_gate(timestamptz) is
    'The gate of the present phase, measured from its beginning to a time.';

create function messaging.rollout_gate()
returns jsonb
language sql
stable
security definer
set search_path = ''
return messaging.measure_gate(pg_catalog.now());

revoke all
    on function messaging.rollout_gate()
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.rollout_gate()
    to service_role, pg_monitor;

comment on function messaging.rollout_gate() is
    'The present phase of the rollout, since when, the next one, and each condition in between '
    'with what was measured since the phase began. "gate" is the phase whose conditions they are.';

create function messaging.gate_condition_text(
    p_condition jsonb
)
returns text
language sql
stable
set search_path = ''
return (
    select pg_catalog.format(
        '%s: %s, wanted %s %s%s',
        p_condition ->> 'name',
        coalesce(shown.measured, 'no data'),
        p_condition ->> 'comparison',
        shown.threshold,
        ' (sample ' || (p_condition ->> 'sample') || ')'
    )
    from (
        select
            pg_catalog.min(figure.text) filter (where figure.key = 'measured') as measured,
            pg_catalog.min(figure.text) filter (where figure.key = 'threshold') as threshold
        from (
            select
                entry.key,
                case p_condition ->> 'name'
                    when 'age' then
                        pg_catalog.justify_hours(
                            pg_catalog.make_interval(
                                secs => pg_catalog.floor(entry.value::pg_catalog.float8)
                            )
                        )::text
                    else pg_catalog.trim_scale(
                        pg_catalog.round(entry.value::pg_catalog.numeric, 6)
                    )::text
                end as text
            from pg_catalog.jsonb_each_text(p_condition) as entry
            where entry.key in ('measured', 'threshold')
        ) as figure
    ) as shown
);

revoke all
    on function messaging.gate_condition_text(jsonb)
    from public, anon, authenticated, service_role;

comment on function messaging.gate_condition_text(jsonb) is
    'One condition of a gate in a line: what was measured, and what is wanted.';

-- Going on ---------------------------------------------------------------------------------------

create function messaging.advance_rollout(
    p_reason text,
    p_changed_by text,
    p_force boolean default false
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_reason pg_catalog.text := messaging.trim_whitespace(p_reason);
    v_problem constant pg_catalog.text := messaging.rollout_problem();
    v_seen timestamptz;
    v_gate pg_catalog.jsonb;
    v_forced boolean;
    v_next pg_catalog.text;
    v_failing pg_catalog.text;
begin
    if v_reason is null or pg_catalog.char_length(v_reason) not between 1 and 1000 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a change of the rollout needs a reason',
            hint = 'Say in 1 to 1000 characters why; it stays in the history.';
    end if;
    if v_problem is not null then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'there is no phase to go on from: ' || v_problem,
            hint = 'Set the flag first: carecli rollout set.';
    end if;

    -- The step is one from the phase that was there when the call came: of two at once only the
    -- first goes on.
    select flag.changed_at
    into v_seen
    from messaging.rollout as flag;
    perform
    from messaging.rollout as flag
    for update;
    if v_seen is distinct from (select flag.changed_at from messaging.rollout as flag) then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'somebody else changed the flag at the same moment',
            hint = 'Look at what it says now, carecli rollout, and decide again.';
    end if;

    v_gate := messaging.measure_gate(pg_catalog.clock_timestamp());
    v_next := v_gate ->> 'next';
    if v_next is null then
        return pg_catalog.jsonb_build_object(
            'advanced', false,
            'forced', false,
            'gate', v_gate
        );
    end if;

    v_forced := not (v_gate -> 'holds')::boolean;
    if v_forced and p_force is not true then
        select pg_catalog.string_agg(messaging.gate_condition_text(condition.value), E'\n')
        into v_failing
        from pg_catalog.jsonb_array_elements(v_gate -> 'conditions') as condition
        where (condition.value ->> 'holds') is distinct from 'true';
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = pg_catalog.format(
                'the gate from %s to %s does not hold', v_gate ->> 'phase', v_next
            ),
            detail = coalesce(v_failing, 'messaging.rollout_gates has no row for it'),
            hint = 'Wait until it holds; carecli rollout advance --force goes on all the same, '
                'and the history says so.';
    end if;

    perform messaging.set_rollout(
        pg_catalog.split_part(v_next, ':', 1),
        nullif(pg_catalog.split_part(v_next, ':', 2), '')::integer,
        case
            when v_forced then pg_catalog."left"('Forced past the gate: ' || v_reason, 1000)
            else v_reason
        end,
        p_changed_by,
        v_gate || pg_catalog.jsonb_build_object('forced', v_forced)
    );
    return pg_catalog.jsonb_build_object(
        'advanced', true,
        'forced', v_forced,
        'gate', v_gate
    );
end;
$function$;

revoke all
    on function messaging.advance_rollout(text, text, boolean)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.advance_rollout(text, text, boolean)
    to service_role;

comment on function messaging.advance_rollout(text, text, boolean) is
    'Goes on to the next phase where the gate of the present one holds, else refuses and lists '
    'what does not; p_force goes on all the same, and the history says so. From enabled there is '
    'no next phase: "v1_retirable" under "gate" says whether V1 may go.';

-- Going back -------------------------------------------------------------------------------------

create function messaging.guard_rollout(
    p_changed_by text default session_user
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_problem constant pg_catalog.text := messaging.rollout_problem();
    -- Who runs the guard must not be what stops it.
    v_changed_by constant pg_catalog.text := coalesce(
        nullif(pg_catalog."left"(messaging.trim_whitespace(p_changed_by), 200), ''), session_user
    );
    v_acted boolean := false;
    v_locked boolean := false;
    v_now timestamptz;
    v_strategy pg_catalog.text;
    v_percentage integer;
    v_since timestamptz;
    v_rules pg_catalog.int8 := 0;
    v_firing pg_catalog.jsonb := '[]';
    v_reason pg_catalog.text;
begin
    while v_problem is null loop
        v_now := pg_catalog.clock_timestamp();
        select
            flag.strategy,
            flag.percentage,
            flag.changed_at
        into
            v_strategy,
            v_percentage,
            v_since
        from messaging.rollout as flag;
        if v_strategy = 'disabled' then
            v_firing := '[]';
            exit;
        end if;

        -- What came before the last change does not count: V2 that was turned on again after a
        -- repair stays on. Where the clock was set back behind that change, nobody can tell what
        -- came before it, and all of the window counts: off is the safe side.
        select
            pg_catalog.count(distinct alert.name),
            coalesce(
                pg_catalog.jsonb_agg(pg_catalog.to_jsonb(alert) order by alert.name, alert.series)
                filter (where alert.state = 'firing'),
                '[]'
            ),
            'Guard: ' || pg_catalog.string_agg(
                pg_catalog.format(
                    '%s: %s%s is %s, %s %s, over %s (sample %s)',
                    alert.name,
                    alert.metric,
                    case when alert.series <> '' then ' of ' || alert.series else '' end,
                    pg_catalog.trim_scale(pg_catalog.round(alert.value::pg_catalog.numeric, 6)),
                    alert.comparison,
                    alert.threshold,
                    alert.time_window,
                    alert.sample
                ),
                '; '
                order by alert.name, alert.series
            ) filter (where alert.state = 'firing')
        into
            v_rules,
            v_firing,
            v_reason
        from messaging.evaluate_alerts(
            case when v_since <= v_now then v_since end, v_now
        ) as alert
        where alert.rollback_trigger;

        exit when v_reason is null;
        if v_locked then
            perform messaging.set_rollout(
                'disabled',
                null,
                pg_catalog."left"(v_reason, 1000),
                v_changed_by,
                pg_catalog.jsonb_build_object(
                    'since', v_since,
                    'measured_at', v_now,
                    'firing', v_firing
                )
            );
            v_acted := true;
            exit;
        end if;

        -- Locked only where there is something to do; then once more, on what is there now: a
        -- second guard, or somebody, may have been here first.
        perform
        from messaging.rollout as flag
        for update;
        v_locked := true;
    end loop;

    return pg_catalog.jsonb_build_object(
        'acted', v_acted,
        'was', messaging.rollout_phase(v_strategy, v_percentage),
        'strategy', case when v_acted then 'disabled' else v_strategy end,
        'rules', v_rules,
        'firing', v_firing,
        'reason', case when v_acted then v_reason end,
        'problem', v_problem
    );
end;
$function$;

revoke all
    on function messaging.guard_rollout(text)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.guard_rollout(text)
    to service_role;

comment on function messaging.guard_rollout(text) is
    'Turns V2 off for new conversations where a rule that is a rollback trigger fires on what came '
    'since the last change of the flag, and writes the figures into the history; never turns it '
    'on. "rules" is how many rules are looked at.';

commit;
