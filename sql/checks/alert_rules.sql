-- What: every rule of the runbook is there and looks at its metric, each rule can fire, and one at
--     least lets the guard turn V2 off. A rule that is switched off is told.
-- Why: a rule that is gone or cannot fire looks like a healthy system.
-- Silent: about thresholds, windows and samples that an operator tuned, and about further rules.
-- Reads: messaging.alert_rules.
do $unknown$
declare
    v_metric pg_catalog.text;
    v_unknown pg_catalog.text[] := '{}';
begin
    for v_metric in
        select distinct rule.metric
        from messaging.alert_rules as rule
    loop
        begin
            perform measured.value
            from messaging.measure(
                v_metric, pg_catalog.now() - interval '1 second', pg_catalog.now()
            ) as measured;
        exception
            when invalid_parameter_value then
                v_unknown := v_unknown || v_metric;
            -- That it is missing, internal_functions says.
            when undefined_function then
                null;
        end;
    end loop;
    perform pg_catalog.set_config(
        'carecli.unknown_metrics', v_unknown::pg_catalog.text, true
    );
end;
$unknown$;

with expected (
    name, severity, metric, comparison, threshold, time_window, minimum_sample, rollback_trigger,
    data_expected, action
) as (
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
        )
),

-- As it came with the deploy; of a rule that somebody made there is nothing to go back to.
remedies (name, restoring, switching_on) as (
    select
        coalesce(expected.name, rule.name),
        case
            when expected.name is not null then
                'select messaging.set_alert_rule(' || pg_catalog.concat_ws(
                    ', ',
                    pg_catalog.quote_literal(expected.name),
                    expected.threshold,
                    pg_catalog.quote_literal(expected.time_window),
                    expected.minimum_sample,
                    'true',
                    pg_catalog.quote_literal(expected.severity),
                    pg_catalog.quote_literal(expected.metric),
                    pg_catalog.quote_literal(expected.comparison),
                    pg_catalog.quote_literal(expected.action),
                    expected.rollback_trigger::text,
                    expected.data_expected::text
                ) || ');'
            else
                'delete from messaging.alert_rules where name = '
                || pg_catalog.quote_literal(rule.name) || ';'
        end,
        'select messaging.set_alert_rule(' || pg_catalog.quote_literal(rule.name)
        || ', p_enabled => true);'
    from expected
    full join messaging.alert_rules as rule
        on expected.name = rule.name
)

select
    'error' as level,
    'row ' || expected.name || ' of messaging.alert_rules' as object,
    'is missing' as detail,
    remedies.restoring as remediation
from expected
inner join remedies
    on expected.name = remedies.name
where not exists (
    select
    from messaging.alert_rules as rule
    where rule.name = expected.name
)
union all
select
    'error',
    'row ' || rule.name || ' of messaging.alert_rules',
    'fires where ' || rule.metric || ' ' || rule.comparison || ' its threshold, not where '
    || expected.metric || ' ' || expected.comparison || ' it',
    remedies.restoring
from messaging.alert_rules as rule
inner join expected
    on rule.name = expected.name
inner join remedies
    on rule.name = remedies.name
where (rule.metric, rule.comparison) is distinct from (expected.metric, expected.comparison)
union all
select
    'error',
    'row ' || rule.name || ' of messaging.alert_rules',
    'looks at ' || rule.metric || ', which cannot be measured, so that no rule is evaluated',
    remedies.restoring
from messaging.alert_rules as rule
inner join remedies
    on rule.name = remedies.name
where rule.metric = any(
    pg_catalog.current_setting('carecli.unknown_metrics')::pg_catalog.text []
)
union all
select
    'error',
    'row ' || rule.name || ' of messaging.alert_rules',
    'can never fire: ' || rule.metric || ' ' || rule.comparison || ' ' || rule.threshold
    || ' over ' || rule.time_window || ' with a sample of ' || rule.minimum_sample,
    remedies.restoring
from messaging.alert_rules as rule
inner join remedies
    on rule.name = remedies.name
where rule.comparison not in ('<', '>')
    or rule.comparison = '<'
    and rule.threshold <= 0
    -- NaN is above infinity.
    or rule.comparison = '>'
    and rule.threshold >= case
        when rule.metric ~ '_(rate|share|used)$' then 1
        else 'infinity'::double precision
    end
    or rule.time_window <= interval '0'
union all
select
    'warning',
    'table messaging.alert_rules',
    'has no rule that is enabled and a rollback trigger, so that the guard never turns V2 off',
    'select messaging.set_alert_rule(''creation_success_rollback'', p_rollback_trigger => true, '
    'p_enabled => true);'
where not exists (
    select
    from messaging.alert_rules as rule
    where rule.rollback_trigger
        and rule.enabled
)
union all
select
    'info',
    'row ' || rule.name || ' of messaging.alert_rules',
    'is switched off'
    || coalesce(
        ' since ' || pg_catalog.to_char(
            rule.changed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI" UTC"'
        ) || ', by ' || rule.changed_by,
        ''
    ),
    remedies.switching_on
from messaging.alert_rules as rule
inner join remedies
    on rule.name = remedies.name
where not rule.enabled
order by object, detail;
