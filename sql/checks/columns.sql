-- What: our tables, views and types have these columns, each with this type, null or not null, with
--     this default, and no other.
-- Why: a column that takes null lets a conversation be without a person; one with another type or
--     default makes functions fail, or writes what nobody meant.
-- Silent: where the table itself is missing, which relations says; about the order of the columns.
with expected (since, relation, name, type, nullability, filled_with) as (
    values
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversation_reads_v2', 'conversation_id',
            'uuid', 'not null', null
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversation_reads_v2', 'user_id', 'uuid',
            'not null', null
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversation_reads_v2', 'last_read_at',
            'timestamp with time zone', 'not null', 'now()'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2', 'id', 'uuid',
            'not null', 'gen_random_uuid()'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2', 'help_request_id',
            'uuid', 'not null', null
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2', 'requester_id', 'uuid',
            'not null', null
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2', 'helper_id', 'uuid',
            'not null', null
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2', 'initial_message',
            'text', 'not null', null
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2', 'status', 'text',
            'not null', '''active''::text'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2', 'origin', 'text',
            'not null', '''v2''::text'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2', 'created_at',
            'timestamp with time zone', 'not null', 'now()'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2', 'updated_at',
            'timestamp with time zone', 'not null', 'now()'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2', 'last_message_at',
            'timestamp with time zone', 'not null', 'now()'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2', 'id', 'uuid', 'not null',
            'gen_random_uuid()'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2', 'conversation_id', 'uuid',
            'not null', null
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2', 'sender_id', 'uuid',
            'not null', null
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2', 'content', 'text',
            'not null', null
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2', 'created_at',
            'timestamp with time zone', 'not null', 'now()'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2', 'updated_at',
            'timestamp with time zone', 'not null', 'now()'
        ),
        ('error_codes', 'messaging.error_codes', 'code', 'text', 'not null', null),
        ('error_codes', 'messaging.error_codes', 'http_status', 'integer', 'not null', null),
        ('error_codes', 'messaging.error_codes', 'user_message', 'text', 'not null', null),
        ('error_codes', 'messaging.error_codes', 'client_action', 'text', 'not null', null),
        ('event_log', 'messaging.event_log_settings', 'id', 'boolean', 'not null', 'true'),
        (
            'event_log', 'messaging.event_log_settings', 'retention_days', 'integer', 'not null',
            '30'
        ),
        ('event_log', 'messaging.event_log_settings', 'days_ahead', 'integer', 'not null', '7'),
        (
            'event_log', 'messaging.rpc_event_log', 'occurred_at', 'timestamp with time zone',
            'null', null
        ),
        ('event_log', 'messaging.rpc_event_log', 'request_id', 'text collate "C"', 'null', null),
        ('event_log', 'messaging.rpc_event_log', 'method', 'text', 'null', null),
        ('event_log', 'messaging.rpc_event_log', 'event', 'text', 'null', null),
        ('event_log', 'messaging.rpc_event_log', 'error_code', 'text', 'null', null),
        ('event_log', 'messaging.rpc_event_log', 'entry', 'json', 'null', null),
        (
            'event_log', 'messaging.rpc_events', 'occurred_at', 'timestamp with time zone',
            'not null', null
        ),
        ('event_log', 'messaging.rpc_events', 'request_id', 'text collate "C"', 'not null', null),
        ('event_log', 'messaging.rpc_events', 'service', 'text', 'not null', null),
        ('event_log', 'messaging.rpc_events', 'method', 'text', 'not null', null),
        ('event_log', 'messaging.rpc_events', 'event', 'text', 'not null', null),
        ('event_log', 'messaging.rpc_events', 'error_code', 'text', 'null', null),
        ('event_log', 'messaging.rpc_events', 'user_id', 'uuid', 'null', null),
        ('event_log', 'messaging.rpc_events', 'conversation_id', 'uuid', 'null', null),
        ('event_log', 'messaging.rpc_events', 'help_request_id', 'uuid', 'null', null),
        ('event_log', 'messaging.rpc_events', 'version', 'text', 'null', null),
        ('event_log', 'messaging.rpc_events', 'duration_ms', 'double precision', 'not null', null),
        ('event_log', 'messaging.rpc_events', 'sqlstate', 'text', 'null', null),
        ('event_log', 'messaging.rpc_events', 'error_message', 'text', 'null', null),
        ('rollout', 'messaging.internal_testers', 'user_id', 'uuid', 'not null', null),
        ('rollout', 'messaging.internal_testers', 'note', 'text', 'null', null),
        ('rollout', 'messaging.internal_testers', 'added_by', 'text', 'not null', null),
        (
            'rollout', 'messaging.internal_testers', 'added_at', 'timestamp with time zone',
            'not null', 'now()'
        ),
        ('rollout', 'messaging.rollout', 'singleton', 'boolean', 'not null', 'true'),
        ('rollout', 'messaging.rollout', 'strategy', 'text', 'not null', null),
        ('rollout', 'messaging.rollout', 'percentage', 'integer', 'not null', null),
        ('rollout', 'messaging.rollout', 'reason', 'text', 'not null', null),
        ('rollout', 'messaging.rollout', 'changed_by', 'text', 'not null', null),
        (
            'rollout', 'messaging.rollout', 'changed_at', 'timestamp with time zone', 'not null',
            'clock_timestamp()'
        ),
        ('rollout', 'messaging.rollout', 'figures', 'jsonb', 'null', null),
        (
            'rollout', 'messaging.rollout_history', 'id', 'bigint', 'not null',
            'generated always as identity'
        ),
        (
            'rollout', 'messaging.rollout_history', 'changed_at', 'timestamp with time zone',
            'not null', null
        ),
        ('rollout', 'messaging.rollout_history', 'changed_by', 'text', 'not null', null),
        ('rollout', 'messaging.rollout_history', 'reason', 'text', 'not null', null),
        ('rollout', 'messaging.rollout_history', 'old_strategy', 'text', 'null', null),
        ('rollout', 'messaging.rollout_history', 'old_percentage', 'integer', 'null', null),
        ('rollout', 'messaging.rollout_history', 'new_strategy', 'text', 'not null', null),
        ('rollout', 'messaging.rollout_history', 'new_percentage', 'integer', 'not null', null),
        ('rollout', 'messaging.rollout_history', 'figures', 'jsonb', 'null', null),
        ('limits', 'messaging.limits', 'action', 'text', 'not null', null),
        ('limits', 'messaging.limits', 'maximum', 'integer', 'not null', null),
        ('limits', 'messaging.limits', 'period', 'interval', 'not null', null),
        ('moderation', 'messaging.allowed_link_domains', 'domain', 'text', 'not null', null),
        ('moderation', 'messaging.allowed_link_domains', 'changed_by', 'text', 'null', null),
        (
            'moderation', 'messaging.allowed_link_domains', 'changed_at',
            'timestamp with time zone', 'null', null
        ),
        ('moderation', 'messaging.content_patterns', 'name', 'text', 'not null', null),
        ('moderation', 'messaging.content_patterns', 'category', 'text', 'not null', null),
        ('moderation', 'messaging.content_patterns', 'needs', 'text', 'null', null),
        ('moderation', 'messaging.content_patterns', 'pattern', 'text', 'not null', null),
        ('moderation', 'messaging.content_patterns', 'changed_by', 'text', 'null', null),
        (
            'moderation', 'messaging.content_patterns', 'changed_at', 'timestamp with time zone',
            'null', null
        ),
        ('rules_at_once', 'messaging.rules_at_once', 'id', 'boolean', 'not null', 'true'),
        ('rules_at_once', 'messaging.rules_at_once', 'start_maximum', 'integer', 'null', null),
        ('rules_at_once', 'messaging.rules_at_once', 'start_period', 'interval', 'null', null),
        ('rules_at_once', 'messaging.rules_at_once', 'send_maximum', 'integer', 'null', null),
        ('rules_at_once', 'messaging.rules_at_once', 'send_period', 'interval', 'null', null),
        ('rules_at_once', 'messaging.rules_at_once', 'prohibited', 'text[]', 'not null', null),
        ('conversation_status', 'public.conversations_v2', 'blocked_by', 'uuid', 'null', null),
        ('conversation_reading', 'messaging.listed_conversation', 'id', 'uuid', 'null', null),
        (
            'conversation_reading', 'messaging.listed_conversation', 'help_request_id', 'uuid',
            'null', null
        ),
        (
            'conversation_reading', 'messaging.listed_conversation', 'requester_id', 'uuid',
            'null', null
        ),
        (
            'conversation_reading', 'messaging.listed_conversation', 'helper_id', 'uuid', 'null',
            null
        ),
        (
            'conversation_reading', 'messaging.listed_conversation', 'initial_message', 'text',
            'null', null
        ),
        ('conversation_reading', 'messaging.listed_conversation', 'status', 'text', 'null', null),
        (
            'conversation_reading', 'messaging.listed_conversation', 'blocked_by', 'uuid', 'null',
            null
        ),
        ('conversation_reading', 'messaging.listed_conversation', 'origin', 'text', 'null', null),
        (
            'conversation_reading', 'messaging.listed_conversation', 'created_at',
            'timestamp with time zone', 'null', null
        ),
        (
            'conversation_reading', 'messaging.listed_conversation', 'updated_at',
            'timestamp with time zone', 'null', null
        ),
        (
            'conversation_reading', 'messaging.listed_conversation', 'last_message_at',
            'timestamp with time zone', 'null', null
        ),
        (
            'conversation_reading', 'messaging.listed_conversation', 'help_request', 'jsonb',
            'null', null
        ),
        (
            'conversation_reading', 'messaging.listed_conversation', 'other_participant', 'jsonb',
            'null', null
        ),
        (
            'conversation_reading', 'messaging.listed_conversation', 'unread_count', 'bigint',
            'null', null
        ),
        (
            'conversation_reading', 'messaging.listed_conversation', 'last_message', 'jsonb',
            'null', null
        ),
        ('conversation_reading', 'messaging.listed_conversation', 'version', 'text', 'null', null),
        ('conversation_reading', 'messaging.message', 'id', 'uuid', 'null', null),
        ('conversation_reading', 'messaging.message', 'conversation_id', 'uuid', 'null', null),
        ('conversation_reading', 'messaging.message', 'sender_id', 'uuid', 'null', null),
        ('conversation_reading', 'messaging.message', 'content', 'text', 'null', null),
        (
            'conversation_reading', 'messaging.message', 'created_at', 'timestamp with time zone',
            'null', null
        ),
        (
            'conversation_reading', 'messaging.message', 'updated_at', 'timestamp with time zone',
            'null', null
        ),
        ('send_message', 'messaging.client_messages', 'conversation_id', 'uuid', 'not null', null),
        ('send_message', 'messaging.client_messages', 'sender_id', 'uuid', 'not null', null),
        (
            'send_message', 'messaging.client_messages', 'client_message_id', 'uuid', 'not null',
            null
        ),
        ('send_message', 'messaging.client_messages', 'message_id', 'uuid', 'not null', null),
        (
            'send_message', 'messaging.client_messages', 'created_at', 'timestamp with time zone',
            'not null', 'now()'
        ),
        (
            'v1_backfill', 'messaging.v1_backfill_conversations', 'conversation_id', 'uuid',
            'not null', null
        ),
        (
            'v1_backfill', 'messaging.v1_backfill_conversations', 'initial_message_id', 'uuid',
            'null', null
        ),
        (
            'v1_backfill', 'messaging.v1_backfill_conversations', 'v1_status', 'text', 'not null',
            null
        ),
        (
            'v1_backfill', 'messaging.v1_backfill_conversations', 'copied_at',
            'timestamp with time zone', 'not null', 'clock_timestamp()'
        ),
        (
            'v1_backfill', 'messaging.v1_backfill_progress', 'only_row', 'boolean', 'not null',
            'true'
        ),
        ('v1_backfill', 'messaging.v1_backfill_progress', 'conversation_id', 'uuid', 'null', null),
        (
            'v1_backfill', 'messaging.v1_backfill_progress', 'message_created_at',
            'timestamp with time zone', 'null', null
        ),
        ('v1_backfill', 'messaging.v1_backfill_progress', 'message_id', 'uuid', 'null', null),
        (
            'v1_backfill', 'messaging.v1_backfill_progress', 'started_at',
            'timestamp with time zone', 'null', null
        ),
        (
            'v1_backfill', 'messaging.v1_backfill_progress', 'finished_at',
            'timestamp with time zone', 'null', null
        ),
        (
            'call_rollups', 'messaging.connection_samples', 'sampled_at',
            'timestamp with time zone', 'not null', null
        ),
        ('call_rollups', 'messaging.connection_samples', 'failures', 'bigint', 'not null', null),
        (
            'call_rollups', 'messaging.connection_samples', 'counting_since',
            'timestamp with time zone', 'null', null
        ),
        ('call_rollups', 'messaging.rollup_state', 'id', 'boolean', 'not null', 'true'),
        (
            'call_rollups', 'messaging.rollup_state', 'rolled_up_until', 'timestamp with time zone',
            'not null', '''-infinity''::timestamp with time zone'
        ),
        (
            'call_rollups', 'messaging.rollup_state', 'minutes_since', 'timestamp with time zone',
            'not null', '''-infinity''::timestamp with time zone'
        ),
        (
            'call_rollups', 'messaging.rollup_state', 'clock', 'timestamp with time zone',
            'not null', '''-infinity''::timestamp with time zone'
        ),
        (
            'call_rollups', 'messaging.rollup_state', 'moment_at', 'timestamp with time zone',
            'null', null
        ),
        ('call_rollups', 'messaging.rollup_state', 'moment_writers', 'text[]', 'null', null),
        ('call_rollups', 'messaging.rollup_state', 'minute_days', 'integer', 'not null', '35'),
        ('call_rollups', 'messaging.rollup_state', 'hour_days', 'integer', 'not null', '400'),
        (
            'call_rollups', 'messaging.rpc_hour_latencies', 'hour', 'timestamp with time zone',
            'not null', null
        ),
        ('call_rollups', 'messaging.rpc_hour_latencies', 'method', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_hour_latencies', 'version', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_hour_latencies', 'buckets', 'integer[]', 'not null', null),
        ('call_rollups', 'messaging.rpc_hour_latencies', 'calls', 'bigint[]', 'not null', null),
        (
            'call_rollups', 'messaging.rpc_hours', 'hour', 'timestamp with time zone', 'not null',
            null
        ),
        ('call_rollups', 'messaging.rpc_hours', 'method', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_hours', 'version', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_hours', 'event', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_hours', 'error_code', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_hours', 'calls', 'bigint', 'not null', null),
        (
            'call_rollups', 'messaging.rpc_hours', 'duration_ms_max', 'double precision',
            'not null', null
        ),
        (
            'call_rollups', 'messaging.rpc_minutes', 'minute', 'timestamp with time zone',
            'not null', null
        ),
        ('call_rollups', 'messaging.rpc_minutes', 'method', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_minutes', 'version', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_minutes', 'event', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_minutes', 'error_code', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_minutes', 'calls', 'bigint', 'not null', null),
        (
            'call_rollups', 'messaging.rpc_minutes', 'duration_ms_max', 'double precision',
            'not null', null
        ),
        ('call_rollups', 'messaging.rpc_totals', 'method', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_totals', 'version', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_totals', 'event', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_totals', 'error_code', 'text', 'not null', null),
        ('call_rollups', 'messaging.rpc_totals', 'calls', 'bigint', 'not null', null),
        (
            'monitoring', 'messaging.error_codes', 'attributed_to', 'text', 'not null',
            '''messaging''::text'
        ),
        ('alert_rules', 'messaging.alert_rules', 'name', 'text', 'not null', null),
        ('alert_rules', 'messaging.alert_rules', 'severity', 'text', 'not null', null),
        ('alert_rules', 'messaging.alert_rules', 'metric', 'text', 'not null', null),
        ('alert_rules', 'messaging.alert_rules', 'comparison', 'text', 'not null', null),
        ('alert_rules', 'messaging.alert_rules', 'threshold', 'double precision', 'not null', null),
        ('alert_rules', 'messaging.alert_rules', 'time_window', 'interval', 'not null', null),
        ('alert_rules', 'messaging.alert_rules', 'minimum_sample', 'bigint', 'not null', null),
        ('alert_rules', 'messaging.alert_rules', 'action', 'text', 'not null', null),
        (
            'alert_rules', 'messaging.alert_rules', 'rollback_trigger', 'boolean', 'not null',
            'false'
        ),
        ('alert_rules', 'messaging.alert_rules', 'data_expected', 'boolean', 'not null', 'false'),
        ('alert_rules', 'messaging.alert_rules', 'enabled', 'boolean', 'not null', 'true'),
        ('alert_rules', 'messaging.alert_rules', 'changed_by', 'text', 'null', null),
        (
            'alert_rules', 'messaging.alert_rules', 'changed_at', 'timestamp with time zone',
            'null', null
        ),
        ('rollout_gates', 'messaging.rollout_gates', 'strategy', 'text', 'not null', null),
        ('rollout_gates', 'messaging.rollout_gates', 'percentage', 'integer', 'not null', null),
        (
            'rollout_gates', 'messaging.rollout_gates', 'minimum_success_rate',
            'double precision', 'null', null
        ),
        (
            'rollout_gates', 'messaging.rollout_gates', 'maximum_error_rate', 'double precision',
            'null', null
        ),
        (
            'rollout_gates', 'messaging.rollout_gates', 'maximum_p95_seconds', 'double precision',
            'null', null
        ),
        ('rollout_gates', 'messaging.rollout_gates', 'minimum_attempts', 'bigint', 'null', null),
        ('rollout_gates', 'messaging.rollout_gates', 'minimum_age', 'interval', 'null', null),
        ('rollout_gates', 'messaging.rollout_gates', 'minimum_v1_free', 'interval', 'null', null)
),

in_force as (
    select *
    from expected
    where expected.since = any(%(deployed)s::text [])
        and pg_catalog.to_regclass(expected.relation) is not null
),

actual as (
    select
        attribute.attrelid::regclass::text as relation,
        pg_catalog.quote_ident(attribute.attname) as name,
        class.relkind = 'c' as is_attribute,
        class.relkind in ('r', 'p') as is_table_column,
        pg_catalog.format_type(attribute.atttypid, attribute.atttypmod)
        || case
            when attribute.attcollation <> type.typcollation
                then ' collate ' || attribute.attcollation::regcollation::text
            else ''
        end as type,
        case when attribute.attnotnull then 'not null' else 'null' end as nullability,
        case
            when attribute.attidentity = 'a' then 'generated always as identity'
            when attribute.attidentity = 'd' then 'generated by default as identity'
            when attribute.attgenerated <> ''
                then 'generated always as '
                || pg_catalog.pg_get_expr(value.adbin, value.adrelid)
            else pg_catalog.pg_get_expr(value.adbin, value.adrelid)
        end as filled_with
    from pg_catalog.pg_attribute as attribute
    inner join pg_catalog.pg_class as class
        on attribute.attrelid = class.oid
    inner join pg_catalog.pg_type as type
        on attribute.atttypid = type.oid
    left join pg_catalog.pg_attrdef as value
        on attribute.attrelid = value.adrelid and attribute.attnum = value.adnum
    where attribute.attrelid = any(%(relations)s::oid [])
        and attribute.attnum > 0
        and not attribute.attisdropped
        and class.relkind <> 'S'
        and not class.relispartition
),

compared as (
    select
        expected.since,
        expected.relation,
        expected.name,
        expected.type,
        expected.nullability,
        expected.filled_with,
        actual.name is null as is_missing,
        class.relkind as kind,
        coalesce(actual.is_table_column, false) as is_table_column,
        actual.type as actual_type,
        actual.nullability as actual_nullability,
        actual.filled_with as actual_filled_with
    from in_force as expected
    inner join pg_catalog.pg_class as class
        on class.oid = pg_catalog.to_regclass(expected.relation)
    left join actual
        on expected.relation = actual.relation and expected.name = actual.name
)

select
    'error' as level,
    'column ' || relation || '.' || name as object,
    case
        when is_missing then 'is missing'
        else 'is ' || actual_type || ', not ' || type
    end as detail,
    case
        when is_missing and kind = 'c'
            then 'alter type ' || relation || ' add attribute ' || name || ' ' || type || ';'
        when is_missing and kind <> 'v'
            then 'alter table ' || relation || ' add column ' || name || ' ' || type
            || coalesce(
                case when filled_with !~ 'identity$' then ' default ' else ' ' end || filled_with,
                ''
            )
            || ' ' || nullability || ';'
        when not is_table_column
            then 'Run its `create` again, from migrations/deploy/' || since || '.sql.'
        else 'alter table ' || relation || ' alter column ' || name || ' type ' || type
        || ' using ' || name || '::' || pg_catalog.split_part(type, ' collate ', 1) || ';'
    end as remediation
from compared
where is_missing or actual_type <> type
union all
select
    'error',
    'column ' || relation || '.' || name,
    'is ' || actual_nullability || ', not ' || nullability,
    'alter table ' || relation || ' alter column ' || name
    || case nullability when 'null' then ' drop' else ' set' end || ' not null;'
from compared
where is_table_column
    and actual_nullability <> nullability
union all
select
    'error',
    'column ' || relation || '.' || name,
    'is filled with ' || coalesce(actual_filled_with, 'nothing') || ', not with '
    || coalesce(filled_with, 'nothing'),
    'alter table ' || relation || ' alter column ' || name
    || case
        when actual_filled_with ~ 'identity$' and filled_with ~ 'identity$'
            then ' set generated always'
        when actual_filled_with ~ 'identity$' then ' drop identity'
        when filled_with is null then ' drop default'
        when filled_with ~ 'identity$' then ' add ' || filled_with
        else ' set default ' || filled_with
    end || ';'
from compared
where is_table_column
    and actual_filled_with is distinct from filled_with
union all
select
    'warning',
    'column ' || actual.relation || '.' || actual.name,
    'is not of the plan',
    case
        when actual.is_attribute
            then 'alter type ' || actual.relation || ' drop attribute ' || actual.name || ';'
        when actual.is_table_column
            then 'Where nobody needs what is in it: `alter table ' || actual.relation
            || ' drop column ' || actual.name || '`.'
        else 'Create the view again, as it stands in migrations/deploy/.'
    end
from actual
where exists (
    select
    from in_force as expected
    where expected.relation = actual.relation
)
and not exists (
    select
    from expected
    where expected.relation = actual.relation
        and expected.name = actual.name
)
order by object, detail;
