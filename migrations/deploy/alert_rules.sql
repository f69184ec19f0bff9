-- Deploy care_collective_messaging:alert_rules to pg
--
-- What: messaging.alert_rules, with every rule that on-call is woken or told by; evaluate_alerts(),
--     which judges them all; set_alert_rule(), which tunes one or makes another.
-- Why: a rule that is data is tuned at night in one statement, and is the same for the command, the
--     exporter and the guard that turns V2 off.
-- Requires: monitoring.
-- Transaction: yes.
--
-- A rule fires when its metric, over the window that ends now, is beyond the threshold, and the
-- sample has at least the minimum size. The minimum of the rules that came with the deploy is so
-- large that one call that goes wrong breaks no share: one failure of 20 creations is 95 %, and no
-- warning; to page within ten minutes it takes four of 20, to turn V2 off three of 10 in five. What
-- one call, one failure or one full pool is enough for has a minimum of 1.
--
-- squawk wants timeouts; nothing here takes a lock that an application could feel.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

-- Rules ------------------------------------------------------------------------------------------

create function messaging.metric_unit(
    p_metric text
)
returns text
language sql
immutable
parallel safe
set search_path = ''
return case
    when p_metric ~ '_seconds$' then 'seconds'
    when p_metric ~ '_(rate|share|used)$' then 'share'
    when p_metric = 'v2_adoption_of_rollout' then 'ratio'
    when p_metric ~ '_per_minute$' then 'per minute'
    else 'number'
end;

revoke all
    on function messaging.metric_unit(text)
    from public, anon, authenticated, service_role;

comment on function messaging.metric_unit(text) is
    'Unit of what messaging.measure() gives, as the name of the metric says: share (0 to 1), ratio, '
    'seconds, per minute, number.';

create table messaging.alert_rules (
    name text not null,
    severity text not null,
    metric text not null,
    comparison text not null,
    threshold double precision not null,
    time_window interval not null,
    minimum_sample bigint not null,
    action text not null,
    rollback_trigger boolean not null default false,
    data_expected boolean not null default false,
    enabled boolean not null default true,
    changed_by text,
    changed_at timestamptz,
    constraint alert_rules_pkey
        primary key (name),
    constraint alert_rules_name_form
        check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint alert_rules_severity_known
        check (severity in ('critical', 'warning', 'info')),
    constraint alert_rules_comparison_known
        check (comparison in ('<', '>')),
    -- NaN is above infinity here.
    constraint alert_rules_threshold_range
        check (threshold >= 0 and threshold < 'infinity'),
    constraint alert_rules_threshold_can_be_passed
        check (
            (comparison = '>' or threshold > 0)
            and (
                comparison = '<'
                or threshold < 1
                or messaging.metric_unit(metric) <> 'share'
            )
        ),
    constraint alert_rules_time_window_range
        check (time_window > interval '0' and time_window <= interval '30 days'),
    constraint alert_rules_minimum_sample_range
        check (minimum_sample >= 1),
    constraint alert_rules_action_length
        check (pg_catalog.char_length(action) between 1 and 1000)
);

revoke all
    on table messaging.alert_rules
    from public, anon, authenticated, service_role;

comment on table messaging.alert_rules is
    'What on-call is told, and by which measure; changed by messaging.set_alert_rule().';
comment on column messaging.alert_rules.name is
    'Key; stands in the runbook.';
comment on column messaging.alert_rules.severity is
    'critical: page; warning: notify; info: for the daily review.';
comment on column messaging.alert_rules.metric is
    'What is measured, as messaging.measure() calls it.';
comment on column messaging.alert_rules.comparison is
    '< or >: on which side of the threshold the rule fires.';
comment on column messaging.alert_rules.threshold is
    'In the unit of the metric; at the threshold itself the rule does not fire yet.';
comment on column messaging.alert_rules.time_window is
    'Length of time that is looked back on; a day has 24 hours.';
comment on column messaging.alert_rules.minimum_sample is
    'With fewer calls, conversations or whatever is measured, nothing is concluded.';
comment on column messaging.alert_rules.action is
    'What to do when it fires.';
comment on column messaging.alert_rules.rollback_trigger is
    'Whether the guard of the rollout turns V2 off when it fires.';
comment on column messaging.alert_rules.data_expected is
    'Whether the absence of data is a fault of the watching, at any time of the day.';
comment on column messaging.alert_rules.enabled is
    'Whether it is evaluated.';
comment on column messaging.alert_rules.changed_by is
    'Who tuned it; null as long as it is as it came with the deploy.';
comment on column messaging.alert_rules.changed_at is
    'When; null as long as it is as it came with the deploy.';

insert into messaging.alert_rules (
    name,
    severity,
    metric,
    comparison,
    threshold,
    time_window,
    minimum_sample,
    rollback_trigger,
    data_expected,
    action
)
values
    (
        'creation_success_critical', 'critical',
        'creation_success_rate', '<', 0.85, '10 minutes', 20, true, false,
        'Page. If the errors are those of V2, turn it off: carecli rollout rollback'
    ),
    (
        'creation_success_rollback', 'critical',
        'creation_success_rate', '<', 0.80, '5 minutes', 10, true, false,
        'Page. Turn V2 off: carecli rollout rollback'
    ),
    (
        'error_rate_critical', 'critical',
        'server_error_rate', '>', 0.10, '5 minutes', 20, false, false,
        'Page. Read the errors: carecli logs --event server_error --since 15min'
    ),
    (
        'slow_call_critical', 'critical',
        'max_duration_seconds', '>', 5, '5 minutes', 1, false, false,
        'Page. Look at the database: long transactions, locks, load'
    ),
    (
        'connection_pool_critical', 'critical',
        'connection_pool_used', '>', 0.80, '1 minute', 1, false, true,
        'Page. Scale the pool or the server; end sessions that idle in a transaction'
    ),
    (
        'connection_failures_critical', 'critical',
        'connection_failures_per_minute', '>', 10, '1 minute', 1, false, false,
        'Page. See in the log of the server who is cut off, and scale'
    ),
    (
        'creation_success_warning', 'warning',
        'creation_success_rate', '<', 0.95, '15 minutes', 20, false, false,
        'Notify. Look at the error codes before it gets worse'
    ),
    (
        'error_rate_warning', 'warning',
        'server_error_rate', '>', 0.05, '5 minutes', 20, false, false,
        'Notify. Read the errors: carecli logs --event server_error --since 15min'
    ),
    (
        'error_code_warning', 'warning',
        'error_code_share', '>', 0.05, '5 minutes', 20, false, false,
        'Notify, with the code. Read its calls: carecli logs --error CODE --since 15min'
    ),
    (
        'latency_warning', 'warning',
        'latency_p95_seconds', '>', 1, '10 minutes', 20, false, false,
        'Notify. Look at the database: plans, locks, load'
    ),
    (
        'duplicates_warning', 'warning',
        'duplicate_share', '>', 0.10, '5 minutes', 20, false, false,
        'Look for a race in the client: a button that sends twice'
    ),
    (
        'adoption_info', 'info',
        'v2_adoption_of_rollout', '<', 0.5, '24 hours', 50, false, false,
        'Daily review: do all clients ask the flag?'
    ),
    (
        'v1_creations_info', 'info',
        'v1_creations_after_full_rollout', '>', 0, '24 hours', 1, false, false,
        'Daily review: find the client that still begins in V1'
    );

create function messaging.note_alert_rule_author()
returns trigger
language plpgsql
set search_path = ''
as $function$
begin
    new.changed_by := session_user;
    new.changed_at := pg_catalog.clock_timestamp();
    return new;
end;
$function$;

revoke all
    on function messaging.note_alert_rule_author()
    from public, anon, authenticated, service_role;

comment on function messaging.note_alert_rule_author() is
    'Trigger: notes who wrote a rule, which tells it from those that came with the deploy.';

create trigger alert_rules_note_author
    before insert or update
    on messaging.alert_rules
    for each row
    execute function messaging.note_alert_rule_author();
comment on trigger alert_rules_note_author on messaging.alert_rules is
    'Says who tuned a rule, and when.';

-- Evaluation -------------------------------------------------------------------------------------

-- A table that somebody keeps locked costs the rules that look at it, not those that page.
create function messaging.measure_without_waiting(
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
set search_path = ''
set lock_timeout = '200ms'
as $function$
begin
    return query
    select
        measured.series,
        measured.value,
        measured.sample
    from messaging.measure(p_metric, p_from, p_until) as measured;
exception
    when lock_not_available then
        raise log 'messaging: % was not measured: %', p_metric, sqlerrm;
end;
$function$;

revoke all
    on function messaging.measure_without_waiting(text, timestamptz, timestamptz)
    from public, anon, authenticated, service_role;

comment on function messaging.measure_without_waiting(text, timestamptz, timestamptz) is
    'messaging.measure(), without a row where it would have to wait for a lock.';

create function messaging.evaluate_alerts(
    p_since timestamptz default null,
    p_until timestamptz default pg_catalog.now()
)
returns table (
    name text,
    severity text,
    state text,
    series text,
    metric text,
    value double precision,
    comparison text,
    threshold double precision,
    sample bigint,
    minimum_sample bigint,
    time_window interval,
    rollback_trigger boolean,
    action text,
    unit text,
    data_expected boolean
)
language sql
stable
security definer
set search_path = ''
begin atomic
    with moment as (
        select coalesce(p_until, pg_catalog.now()) as until
    ),

    -- What several rules look at in the same window is measured once.
    measured as materialized (
        select
            wanted.metric,
            wanted.time_window,
            found.series,
            found.value,
            found.sample
        from (
            select distinct
                rule.metric,
                rule.time_window
            from messaging.alert_rules as rule
            where rule.enabled
        ) as wanted
        cross join moment
        cross join lateral messaging.measure_without_waiting(
            wanted.metric,
            least(
                greatest(
                    -- In seconds, for a day of the session's time zone may have 23 hours.
                    moment.until - pg_catalog.make_interval(
                        secs => extract(epoch from wanted.time_window)::double precision
                    ),
                    p_since
                ),
                moment.until
            ),
            moment.until
        ) as found
    ),

    judged as (
        select
            rule.name,
            measured.series,
            measured.value,
            coalesce(measured.sample, 0) as sample,
            case
                when measured.value is null then 'no data'
                when coalesce(measured.sample, 0) < rule.minimum_sample then 'too few'
                when rule.comparison = '<' and measured.value < rule.threshold
                    or rule.comparison = '>' and measured.value > rule.threshold then 'firing'
                else 'ok'
            end as state,
            case rule.comparison
                when '<' then measured.value
                else -measured.value
            end as badness
        from messaging.alert_rules as rule
        left join measured
            on measured.metric = rule.metric
            and measured.time_window = rule.time_window
        where rule.enabled
    ),

    placed as (
        select
            judged.name,
            judged.series,
            judged.value,
            judged.sample,
            judged.state,
            pg_catalog.row_number() over (
                partition by judged.name
                order by
                    pg_catalog.array_position(
                        array['firing', 'ok', 'too few', 'no data'], judged.state
                    ),
                    judged.badness,
                    judged.series
            ) as place
        from judged
    )

    select
        rule.name,
        rule.severity,
        placed.state,
        coalesce(placed.series, ''),
        rule.metric,
        placed.value,
        rule.comparison,
        rule.threshold,
        placed.sample,
        rule.minimum_sample,
        rule.time_window,
        rule.rollback_trigger,
        rule.action,
        messaging.metric_unit(rule.metric),
        rule.data_expected
    from placed
    join messaging.alert_rules as rule
        on rule.name = placed.name
    where placed.state = 'firing'
        or placed.place = 1
    order by
        placed.state <> 'firing',
        pg_catalog.array_position(array['critical', 'warning', 'info'], rule.severity),
        rule.name,
        placed.place;
end;

revoke all
    on function messaging.evaluate_alerts(timestamptz, timestamptz)
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.evaluate_alerts(timestamptz, timestamptz)
    to service_role, pg_monitor;

comment on function messaging.evaluate_alerts(timestamptz, timestamptz) is
    'Each rule that is enabled, judged over its window up to p_until, not before p_since. state: '
    'firing; ok; too few: the sample is below the minimum; no data. A row for each series that '
    'fires, else one with the worst. Waits for no lock: then there is no data. Reads only.';

-- Tuning -----------------------------------------------------------------------------------------

create function messaging.set_alert_rule(
    p_name text,
    p_threshold double precision default null,
    p_time_window interval default null,
    p_minimum_sample bigint default null,
    p_enabled boolean default null,
    p_severity text default null,
    p_metric text default null,
    p_comparison text default null,
    p_action text default null,
    p_rollback_trigger boolean default null,
    p_data_expected boolean default null
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_rule messaging.alert_rules;
    v_answer pg_catalog.jsonb;
    v_missing pg_catalog.text;
    v_fault pg_catalog.text;
    v_hint pg_catalog.text;
begin
    if p_name is null or p_name !~ '^[a-z][a-z0-9_]{0,62}$' then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = pg_catalog.format('%L is no name of an alert rule', p_name),
            hint = 'Write up to 63 small letters, digits and underscores.';
    end if;

    if coalesce(
        p_threshold::pg_catalog.text,
        p_time_window::pg_catalog.text,
        p_minimum_sample::pg_catalog.text,
        p_enabled::pg_catalog.text,
        p_severity,
        p_metric,
        p_comparison,
        p_action,
        p_rollback_trigger::pg_catalog.text,
        p_data_expected::pg_catalog.text
    ) is null then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = pg_catalog.format('nothing is said of what to change in rule %s', p_name),
            hint = 'Name what changes: messaging.set_alert_rule(''error_rate_warning'', '
                'p_threshold => 0.08).';
    end if;

    -- Under the lock, so that of two who tune at once neither loses what the other one said.
    select
        rule.name,
        rule.severity,
        rule.metric,
        rule.comparison,
        rule.threshold,
        rule.time_window,
        rule.minimum_sample,
        rule.action,
        rule.rollback_trigger,
        rule.data_expected,
        rule.enabled,
        rule.changed_by,
        rule.changed_at
    into v_rule
    from messaging.alert_rules as rule
    where rule.name = p_name
    for update;

    v_rule.name := p_name;
    v_rule.severity := coalesce(p_severity, v_rule.severity);
    v_rule.metric := coalesce(p_metric, v_rule.metric);
    v_rule.comparison := coalesce(p_comparison, v_rule.comparison);
    v_rule.threshold := coalesce(p_threshold, v_rule.threshold);
    v_rule.time_window := coalesce(p_time_window, v_rule.time_window);
    v_rule.minimum_sample := coalesce(p_minimum_sample, v_rule.minimum_sample);
    v_rule.action := coalesce(messaging.trim_whitespace(p_action), v_rule.action);
    v_rule.rollback_trigger := coalesce(p_rollback_trigger, v_rule.rollback_trigger, false);
    v_rule.data_expected := coalesce(p_data_expected, v_rule.data_expected, false);
    v_rule.enabled := coalesce(p_enabled, v_rule.enabled, true);

    select pg_catalog.string_agg(field.name, ', ' order by field.place)
    into v_missing
    from (
        values
            (1, 'p_metric', v_rule.metric is null),
            (2, 'p_comparison', v_rule.comparison is null),
            (3, 'p_threshold', v_rule.threshold is null),
            (4, 'p_time_window', v_rule.time_window is null),
            (5, 'p_minimum_sample', v_rule.minimum_sample is null),
            (6, 'p_severity', v_rule.severity is null),
            (7, 'p_action', v_rule.action is null)
    ) as field (place, name, is_missing)
    where field.is_missing;
    if v_missing is not null then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = pg_catalog.format('there is no alert rule %L', p_name),
            detail = 'To make it, these are missing: ' || v_missing,
            hint = 'The rules are '
                || (
                    select pg_catalog.string_agg(known.name, ', ' order by known.name)
                    from messaging.alert_rules as known
                );
    end if;

    case
        when v_rule.severity not in ('critical', 'warning', 'info') then
            v_fault := pg_catalog.format('%L is no severity', v_rule.severity);
            v_hint := 'The severities are critical, warning and info.';
        when v_rule.comparison not in ('<', '>') then
            v_fault := pg_catalog.format('%L is no comparison', v_rule.comparison);
            v_hint := 'A rule fires where the value is < or > the threshold.';
        when not (v_rule.threshold >= 0 and v_rule.threshold < 'infinity') then
            v_fault := pg_catalog.format('%s is no threshold', v_rule.threshold);
            v_hint := 'Give a number from 0 on; shares are from 0 to 1.';
        when v_rule.comparison = '<' and v_rule.threshold = 0 then
            v_fault := 'a rule below 0 never fires';
            v_hint := 'To switch the rule off, give p_enabled => false.';
        when v_rule.comparison = '>' and v_rule.threshold >= 1
            and messaging.metric_unit(v_rule.metric) = 'share'
        then
            v_fault := pg_catalog.format(
                '%s is a share, from 0 to 1, so a rule above %s never fires',
                v_rule.metric,
                v_rule.threshold
            );
            v_hint := 'Give 0.05 for 5 %. To switch the rule off, give p_enabled => false.';
        when not (
            v_rule.time_window > interval '0' and v_rule.time_window <= interval '30 days'
        ) then
            v_fault := pg_catalog.format('%s is no window', v_rule.time_window);
            v_hint := 'Give a length of time up to 30 days, for instance ''10 minutes''.';
        when v_rule.minimum_sample < 1 then
            v_fault := pg_catalog.format('%s is no minimum sample', v_rule.minimum_sample);
            v_hint := 'Give a whole number from 1 on.';
        when pg_catalog.char_length(v_rule.action) not between 1 and 1000 then
            v_fault := 'a rule needs an action';
            v_hint := 'Say in 1 to 1000 characters what to do when it fires.';
        else
            -- Raises, naming those that there are, where the metric is unknown.
            perform measured.value
            from messaging.measure(
                v_rule.metric, pg_catalog.now() - interval '1 second', pg_catalog.now()
            ) as measured;
    end case;
    if v_fault is not null then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = pg_catalog.format('alert rule %s: %s', p_name, v_fault),
            hint = v_hint;
    end if;

    insert into messaging.alert_rules as rule (
        name,
        severity,
        metric,
        comparison,
        threshold,
        time_window,
        minimum_sample,
        action,
        rollback_trigger,
        data_expected,
        enabled
    )
    values (
        v_rule.name,
        v_rule.severity,
        v_rule.metric,
        v_rule.comparison,
        v_rule.threshold,
        v_rule.time_window,
        v_rule.minimum_sample,
        v_rule.action,
        v_rule.rollback_trigger,
        v_rule.data_expected,
        v_rule.enabled
    )
    on conflict on constraint alert_rules_pkey do update
    set
        severity = excluded.severity,
        metric = excluded.metric,
        comparison = excluded.comparison,
        threshold = excluded.threshold,
        time_window = excluded.time_window,
        minimum_sample = excluded.minimum_sample,
        action = excluded.action,
        rollback_trigger = excluded.rollback_trigger,
        data_expected = excluded.data_expected,
        enabled = excluded.enabled
    returning pg_catalog.to_jsonb(rule)
    into v_answer;
    return v_answer;
end;
$function$;

revoke all
    on function messaging.set_alert_rule(
        text, double precision, interval, bigint, boolean, text, text, text, text, boolean, boolean
    )
    from public, anon, authenticated, service_role;
grant execute
    on function messaging.set_alert_rule(
        text, double precision, interval, bigint, boolean, text, text, text, text, boolean, boolean
    )
    to service_role;

comment on function messaging.set_alert_rule(
    text, double precision, interval, bigint, boolean, text, text, text, text, boolean, boolean
) is
    'Changes what is given of an alert rule, and leaves the rest; or makes a rule. Returns it.';

commit;
