-- What: our tables have these constraints, under these names, checked for every row, and no other.
-- Why: they hold whatever code writes; functions go by their names when one is violated.
-- Silent: where the table is missing, which relations says; about which columns are not null,
--     which columns says.
with expected (since, relation, name, definition) as (
    values
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversation_reads_v2',
            'conversation_reads_v2_conversation_id_fkey',
            'FOREIGN KEY (conversation_id) REFERENCES public.conversations_v2(id) ON DELETE '
            'CASCADE'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversation_reads_v2',
            'conversation_reads_v2_pkey', 'PRIMARY KEY (conversation_id, user_id)'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversation_reads_v2',
            'conversation_reads_v2_user_id_fkey',
            'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_help_request_id_fkey',
            'FOREIGN KEY (help_request_id) REFERENCES public.help_requests(id) ON DELETE CASCADE'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_help_request_id_helper_id_key', 'UNIQUE (help_request_id, helper_id)'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_helper_id_fkey',
            'FOREIGN KEY (helper_id) REFERENCES auth.users(id) ON DELETE CASCADE'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_initial_message_length',
            'CHECK (((char_length(btrim(initial_message, E''\u0009\u000a\u000b\u000c\u000d '
            '\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009'
            '\u200a\u2028\u2029\u202f\u205f\u3000''::text)) >= 10) AND '
            '(char_length(btrim(initial_message, E''\u0009\u000a\u000b\u000c\u000d '
            '\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009'
            '\u200a\u2028\u2029\u202f\u205f\u3000''::text)) <= 1000)))'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_origin_known',
            'CHECK ((origin = ANY (ARRAY[''v2''::text, ''v1_backfill''::text])))'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_pkey', 'PRIMARY KEY (id)'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_requester_id_fkey',
            'FOREIGN KEY (requester_id) REFERENCES auth.users(id) ON DELETE CASCADE'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_status_known',
            'CHECK ((status = ANY (ARRAY[''active''::text, ''closed''::text, ''archived''::text, '
            '''blocked''::text])))'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_two_people', 'CHECK ((requester_id <> helper_id))'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2',
            'messages_v2_content_length',
            'CHECK (((char_length(btrim(content, E''\u0009\u000a\u000b\u000c\u000d '
            '\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009'
            '\u200a\u2028\u2029\u202f\u205f\u3000''::text)) >= 1) AND '
            '(char_length(btrim(content, E''\u0009\u000a\u000b\u000c\u000d '
            '\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009'
            '\u200a\u2028\u2029\u202f\u205f\u3000''::text)) <= 1000)))'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2',
            'messages_v2_conversation_id_fkey',
            'FOREIGN KEY (conversation_id) REFERENCES public.conversations_v2(id) ON DELETE '
            'CASCADE'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2', 'messages_v2_pkey',
            'PRIMARY KEY (id)'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2',
            'messages_v2_sender_id_fkey',
            'FOREIGN KEY (sender_id) REFERENCES auth.users(id) ON DELETE CASCADE'
        ),
        (
            'error_codes', 'messaging.error_codes', 'error_codes_client_action_not_blank',
            'CHECK ((client_action ~ ''[^[:space:]]''::text))'
        ),
        (
            'error_codes', 'messaging.error_codes', 'error_codes_code_format',
            'CHECK ((code ~ ''^[a-z]+(_[a-z]+)*$''::text))'
        ),
        (
            'error_codes', 'messaging.error_codes', 'error_codes_http_status_of_an_error',
            'CHECK (((http_status >= 400) AND (http_status <= 599)))'
        ),
        ('error_codes', 'messaging.error_codes', 'error_codes_pkey', 'PRIMARY KEY (code)'),
        (
            'error_codes', 'messaging.error_codes', 'error_codes_user_message_not_blank',
            'CHECK ((user_message ~ ''[^[:space:]]''::text))'
        ),
        (
            'event_log', 'messaging.event_log_settings', 'event_log_settings_days_ahead_range',
            'CHECK (((days_ahead >= 1) AND (days_ahead <= 366)))'
        ),
        ('event_log', 'messaging.event_log_settings', 'event_log_settings_one_row', 'CHECK (id)'),
        (
            'event_log', 'messaging.event_log_settings', 'event_log_settings_pkey',
            'PRIMARY KEY (id)'
        ),
        (
            'event_log', 'messaging.event_log_settings', 'event_log_settings_retention_days_range',
            'CHECK (((retention_days >= 1) AND (retention_days <= 3650)))'
        ),
        (
            'event_log', 'messaging.rpc_events', 'rpc_events_pkey',
            'PRIMARY KEY (occurred_at, request_id)'
        ),
        ('rollout', 'messaging.internal_testers', 'internal_testers_pkey', 'PRIMARY KEY (user_id)'),
        (
            'rollout', 'messaging.internal_testers', 'internal_testers_user_id_fkey',
            'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE'
        ),
        (
            'rollout', 'messaging.rollout', 'rollout_percentage_range',
            'CHECK (((percentage >= 0) AND (percentage <= 100)))'
        ),
        ('rollout', 'messaging.rollout', 'rollout_pkey', 'PRIMARY KEY (singleton)'),
        ('rollout', 'messaging.rollout', 'rollout_singleton_one_row', 'CHECK (singleton)'),
        (
            'rollout', 'messaging.rollout', 'rollout_strategy_known',
            'CHECK ((strategy = ANY (ARRAY[''disabled''::text, ''internal''::text, '
            '''percentage''::text, ''enabled''::text])))'
        ),
        ('rollout', 'messaging.rollout_history', 'rollout_history_pkey', 'PRIMARY KEY (id)'),
        (
            'limits', 'messaging.limits', 'limits_action_known',
            'CHECK ((action = ANY (ARRAY[''start_conversation''::text, ''send_message''::text])))'
        ),
        (
            'limits', 'messaging.limits', 'limits_maximum_range',
            'CHECK (((maximum >= 1) AND (maximum <= 1000000)))'
        ),
        (
            'limits', 'messaging.limits', 'limits_period_range',
            'CHECK (((period >= ''00:00:01''::interval) AND (period <= ''31 days''::interval)))'
        ),
        ('limits', 'messaging.limits', 'limits_pkey', 'PRIMARY KEY (action)'),
        (
            'moderation', 'messaging.allowed_link_domains', 'allowed_link_domains_domain_form',
            'CHECK (((domain ~ ''^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}'
            '[a-z0-9])?$''::text) AND (char_length(domain) <= 253)))'
        ),
        (
            'moderation', 'messaging.allowed_link_domains', 'allowed_link_domains_pkey',
            'PRIMARY KEY (domain)'
        ),
        (
            'moderation', 'messaging.content_patterns', 'content_patterns_category_known',
            'CHECK ((category = ANY (ARRAY[''profanity''::text, ''phone_number''::text, '
            '''email_address''::text, ''link''::text])))'
        ),
        (
            'moderation', 'messaging.content_patterns', 'content_patterns_name_form',
            'CHECK ((name ~ ''^[a-z][a-z0-9_]{0,62}$''::text))'
        ),
        (
            'moderation', 'messaging.content_patterns', 'content_patterns_needs_length',
            'CHECK (((char_length(needs) >= 1) AND (char_length(needs) <= 2000)))'
        ),
        (
            'moderation', 'messaging.content_patterns', 'content_patterns_pattern_length',
            'CHECK (((char_length(pattern) >= 1) AND (char_length(pattern) <= 2000)))'
        ),
        ('moderation', 'messaging.content_patterns', 'content_patterns_pkey', 'PRIMARY KEY (name)'),
        ('rules_at_once', 'messaging.rules_at_once', 'rules_at_once_one_row', 'CHECK (id)'),
        ('rules_at_once', 'messaging.rules_at_once', 'rules_at_once_pkey', 'PRIMARY KEY (id)'),
        (
            'conversation_status', 'public.conversations_v2', 'conversations_v2_blocked_by_known',
            'CHECK (((blocked_by IS NULL) OR ((status = ''blocked''::text) AND ((blocked_by = '
            'requester_id) OR (blocked_by = helper_id)))))'
        ),
        (
            'send_message', 'messaging.client_messages', 'client_messages_pkey',
            'PRIMARY KEY (sender_id, conversation_id, client_message_id)'
        ),
        (
            'send_message', 'messaging.client_messages', 'client_messages_sender_id_fkey',
            'FOREIGN KEY (sender_id) REFERENCES auth.users(id) ON DELETE CASCADE'
        ),
        (
            'v1_backfill', 'messaging.v1_backfill_conversations',
            'v1_backfill_conversations_conversation_id_fkey',
            'FOREIGN KEY (conversation_id) REFERENCES public.conversations_v2(id) ON DELETE '
            'CASCADE'
        ),
        (
            'v1_backfill', 'messaging.v1_backfill_conversations', 'v1_backfill_conversations_pkey',
            'PRIMARY KEY (conversation_id)'
        ),
        (
            'v1_backfill', 'messaging.v1_backfill_progress', 'v1_backfill_progress_only_row',
            'CHECK (only_row)'
        ),
        (
            'v1_backfill', 'messaging.v1_backfill_progress', 'v1_backfill_progress_pkey',
            'PRIMARY KEY (only_row)'
        ),
        (
            'v1_backfill', 'messaging.v1_backfill_progress', 'v1_backfill_progress_place',
            'CHECK ((((message_id IS NULL) = (message_created_at IS NULL)) AND ((message_id IS '
            'NULL) OR (conversation_id IS NOT NULL))))'
        ),
        (
            'call_rollups', 'messaging.connection_samples', 'connection_samples_pkey',
            'PRIMARY KEY (sampled_at)'
        ),
        (
            'call_rollups', 'messaging.rollup_state', 'rollup_state_hour_days_range',
            'CHECK (((hour_days >= minute_days) AND (hour_days <= 3650)))'
        ),
        (
            'call_rollups', 'messaging.rollup_state', 'rollup_state_minute_days_range',
            'CHECK (((minute_days >= 2) AND (minute_days <= 3650)))'
        ),
        (
            'call_rollups', 'messaging.rollup_state', 'rollup_state_moment_has_writers',
            'CHECK (((moment_at IS NULL) = (moment_writers IS NULL)))'
        ),
        ('call_rollups', 'messaging.rollup_state', 'rollup_state_one_row', 'CHECK (id)'),
        ('call_rollups', 'messaging.rollup_state', 'rollup_state_pkey', 'PRIMARY KEY (id)'),
        (
            'call_rollups', 'messaging.rpc_hour_latencies', 'rpc_hour_latencies_pkey',
            'PRIMARY KEY (hour, method, version)'
        ),
        (
            'call_rollups', 'messaging.rpc_hour_latencies', 'rpc_hour_latencies_same_length',
            'CHECK ((cardinality(buckets) = cardinality(calls)))'
        ),
        (
            'call_rollups', 'messaging.rpc_hours', 'rpc_hours_pkey',
            'PRIMARY KEY (hour, method, version, event, error_code)'
        ),
        (
            'call_rollups', 'messaging.rpc_minutes', 'rpc_minutes_pkey',
            'PRIMARY KEY (minute, method, version, event, error_code)'
        ),
        (
            'call_rollups', 'messaging.rpc_totals', 'rpc_totals_pkey',
            'PRIMARY KEY (method, version, event, error_code)'
        ),
        (
            'monitoring', 'messaging.error_codes', 'error_codes_attributed_to_known',
            'CHECK ((attributed_to = ANY (ARRAY[''caller''::text, ''messaging''::text])))'
        ),
        (
            'alert_rules', 'messaging.alert_rules', 'alert_rules_action_length',
            'CHECK (((char_length(action) >= 1) AND (char_length(action) <= 1000)))'
        ),
        (
            'alert_rules', 'messaging.alert_rules', 'alert_rules_comparison_known',
            'CHECK ((comparison = ANY (ARRAY[''<''::text, ''>''::text])))'
        ),
        (
            'alert_rules', 'messaging.alert_rules', 'alert_rules_minimum_sample_range',
            'CHECK ((minimum_sample >= 1))'
        ),
        (
            'alert_rules', 'messaging.alert_rules', 'alert_rules_name_form',
            'CHECK ((name ~ ''^[a-z][a-z0-9_]{0,62}$''::text))'
        ),
        ('alert_rules', 'messaging.alert_rules', 'alert_rules_pkey', 'PRIMARY KEY (name)'),
        (
            'alert_rules', 'messaging.alert_rules', 'alert_rules_severity_known',
            'CHECK ((severity = ANY (ARRAY[''critical''::text, ''warning''::text, '
            '''info''::text])))'
        ),
        (
            'alert_rules', 'messaging.alert_rules', 'alert_rules_threshold_can_be_passed',
            'CHECK ((((comparison = ''>''::text) OR (threshold > (0)::double precision)) AND '
            '((comparison = ''<''::text) OR (threshold < (1)::double precision) OR '
            '(messaging.metric_unit(metric) <> ''share''::text))))'
        ),
        (
            'alert_rules', 'messaging.alert_rules', 'alert_rules_threshold_range',
            'CHECK (((threshold >= (0)::double precision) AND '
            '(threshold < ''Infinity''::double precision)))'
        ),
        (
            'alert_rules', 'messaging.alert_rules', 'alert_rules_time_window_range',
            'CHECK (((time_window > ''00:00:00''::interval) AND '
            '(time_window <= ''30 days''::interval)))'
        ),
        (
            'rollout_gates', 'messaging.rollout_gates', 'rollout_gates_asks_something',
            'CHECK ((num_nonnulls(minimum_success_rate, maximum_error_rate, maximum_p95_seconds, '
            'minimum_attempts, minimum_age, minimum_v1_free) > 0))'
        ),
        (
            'rollout_gates', 'messaging.rollout_gates', 'rollout_gates_maximum_error_rate_range',
            'CHECK (((maximum_error_rate > (0)::double precision) AND (maximum_error_rate <= '
            '(1)::double precision)))'
        ),
        (
            'rollout_gates', 'messaging.rollout_gates', 'rollout_gates_maximum_p95_seconds_range',
            'CHECK (((maximum_p95_seconds > (0)::double precision) AND (maximum_p95_seconds <= '
            '(3600)::double precision)))'
        ),
        (
            'rollout_gates', 'messaging.rollout_gates', 'rollout_gates_minimum_age_range',
            'CHECK (((minimum_age >= ''00:00:01''::interval) AND (minimum_age <= ''3650 '
            'days''::interval)))'
        ),
        (
            'rollout_gates', 'messaging.rollout_gates', 'rollout_gates_minimum_attempts_range',
            'CHECK (((minimum_attempts >= 1) AND (minimum_attempts <= 1000000000)))'
        ),
        (
            'rollout_gates', 'messaging.rollout_gates', 'rollout_gates_minimum_success_rate_range',
            'CHECK (((minimum_success_rate >= (0)::double precision) AND (minimum_success_rate < '
            '(1)::double precision)))'
        ),
        (
            'rollout_gates', 'messaging.rollout_gates', 'rollout_gates_minimum_v1_free_range',
            'CHECK (((minimum_v1_free >= ''00:00:01''::interval) AND (minimum_v1_free <= ''3650 '
            'days''::interval)))'
        ),
        (
            'rollout_gates', 'messaging.rollout_gates',
            'rollout_gates_minimum_v1_free_when_enabled',
            'CHECK (((minimum_v1_free IS NULL) OR (strategy = ''enabled''::text)))'
        ),
        (
            'rollout_gates', 'messaging.rollout_gates', 'rollout_gates_phase_known',
            'CHECK ((((strategy = ''internal''::text) AND (percentage = 0)) OR ((strategy = '
            '''percentage''::text) AND ((percentage >= 1) AND (percentage <= 99))) OR ((strategy = '
            '''enabled''::text) AND (percentage = 100))))'
        ),
        (
            'rollout_gates', 'messaging.rollout_gates', 'rollout_gates_pkey',
            'PRIMARY KEY (strategy, percentage)'
        )
),

in_force as (
    select *
    from expected
    where expected.since = any(%(deployed)s::text [])
        and pg_catalog.to_regclass(expected.relation) is not null
),

-- White space other than the blank is spelled out, so that a terminal shows it and takes it.
actual as (
    select
        rule.conrelid::regclass::text as relation,
        pg_catalog.quote_ident(rule.conname) as name,
        case
            when told.definition ~ '[^ -~]'
                then (
                    select
                        pg_catalog.replace(
                            pg_catalog.string_agg(
                                case
                                    when part.sign ~ '[ -~]' then part.sign
                                    else '\u' || pg_catalog.lpad(
                                        pg_catalog.to_hex(pg_catalog.ascii(part.sign)), 4, '0'
                                    )
                                end,
                                ''
                                order by part.place
                            ),
                            ', ''\u',
                            ', E''\u'
                        )
                    from
                        pg_catalog.regexp_split_to_table(told.definition, '')
                        with ordinality as part (sign, place)
                )
            else told.definition
        end as definition,
        rule.convalidated as is_valid
    from pg_catalog.pg_constraint as rule
    inner join pg_catalog.pg_class as class
        on rule.conrelid = class.oid
    cross join lateral (
        select
            pg_catalog.regexp_replace(
                pg_catalog.pg_get_constraintdef(rule.oid), ' NOT VALID$', ''
            ) as definition
    ) as told
    where rule.conrelid = any(%(relations)s::oid [])
        and not class.relispartition
        and rule.contype in ('c', 'f', 'p', 'u', 'x', 'n')
),

missing as (
    select
        expected.*,
        (
            select min(actual.name)
            from actual
            where actual.relation = expected.relation
                and actual.definition = expected.definition
                and not exists (
                    select
                    from in_force as known
                    where known.relation = actual.relation
                        and known.name = actual.name
                )
        ) as other_name
    from in_force as expected
    where not exists (
        select
        from actual
        where actual.relation = expected.relation
            and actual.name = expected.name
    )
)

select
    'error' as level,
    'constraint ' || name || ' on ' || relation as object,
    coalesce('is called ' || other_name, 'is missing: ' || definition) as detail,
    'alter table ' || relation
    || coalesce(
        ' rename constraint ' || other_name || ' to ' || name,
        ' add constraint ' || name || ' ' || definition
    ) || ';' as remediation
from missing
union all
select
    'error',
    'constraint ' || expected.name || ' on ' || expected.relation,
    'is ' || actual.definition || ', not ' || expected.definition,
    'alter table ' || expected.relation || ' drop constraint ' || expected.name
    || ', add constraint ' || expected.name || ' ' || expected.definition || ';'
from in_force as expected
inner join actual
    on expected.relation = actual.relation and expected.name = actual.name
where actual.definition <> expected.definition
union all
select
    'error',
    'constraint ' || actual.name || ' on ' || actual.relation,
    'has not been checked for the rows that were there before it',
    'alter table ' || actual.relation || ' validate constraint ' || actual.name || ';'
from actual
where not actual.is_valid
    and actual.definition !~ ' NOT ENFORCED$'
union all
select
    'warning',
    'constraint ' || actual.name || ' on ' || actual.relation,
    'is not of the plan: ' || actual.definition,
    'alter table ' || actual.relation || ' drop constraint ' || actual.name || ';'
from actual
where actual.definition !~ '^NOT NULL'
    and not exists (
        select
        from expected
        where expected.relation = actual.relation
            and expected.name = actual.name
    )
    and not exists (
        select
        from missing
        where missing.relation = actual.relation
            and missing.other_name = actual.name
    )
order by object, detail;
