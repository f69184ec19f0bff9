-- What: the tables, views, sequences and types of the plan are there and survive a crash, and
--     schema messaging has no other.
-- Why: what is missing makes functions fail; what nobody knows may be a copy of people's messages.
-- Silent: about other tables in public; about the partitions of the event log; about what a change
--     that is not deployed will make.
with expected (since, kind, name) as (
    values
        ('messaging_system_v2_atomic@v0.1.0', 'table', 'public.conversation_reads_v2'),
        ('messaging_system_v2_atomic@v0.1.0', 'table', 'public.conversations_v2'),
        ('messaging_system_v2_atomic@v0.1.0', 'table', 'public.messages_v2'),
        ('error_codes', 'table', 'messaging.error_codes'),
        ('event_log', 'table', 'messaging.event_log_settings'),
        ('event_log', 'view', 'messaging.rpc_event_log'),
        ('event_log', 'partitioned table', 'messaging.rpc_events'),
        ('rollout', 'table', 'messaging.internal_testers'),
        ('rollout', 'table', 'messaging.rollout'),
        ('rollout', 'table', 'messaging.rollout_history'),
        ('rollout', 'sequence', 'messaging.rollout_history_id_seq'),
        ('limits', 'table', 'messaging.limits'),
        ('moderation', 'table', 'messaging.allowed_link_domains'),
        ('moderation', 'table', 'messaging.content_patterns'),
        ('rules_at_once', 'table', 'messaging.rules_at_once'),
        ('conversation_reading', 'type', 'messaging.listed_conversation'),
        ('conversation_reading', 'type', 'messaging.message'),
        ('send_message', 'table', 'messaging.client_messages'),
        ('v1_backfill', 'table', 'messaging.v1_backfill_conversations'),
        ('v1_backfill', 'table', 'messaging.v1_backfill_progress'),
        ('call_rollups', 'table', 'messaging.connection_samples'),
        ('call_rollups', 'table', 'messaging.rollup_state'),
        ('call_rollups', 'table', 'messaging.rpc_hour_latencies'),
        ('call_rollups', 'table', 'messaging.rpc_hours'),
        ('call_rollups', 'table', 'messaging.rpc_minutes'),
        ('call_rollups', 'table', 'messaging.rpc_totals'),
        ('alert_rules', 'table', 'messaging.alert_rules'),
        ('rollout_gates', 'table', 'messaging.rollout_gates')
),

actual as (
    select
        class.oid,
        class.oid::regclass::text as name,
        class.relnamespace = pg_catalog.to_regnamespace('messaging') as is_internal,
        class.relispartition as is_partition,
        class.relpersistence <> 'p' as is_unlogged,
        case class.relkind
            when 'v' then 'view'
            when 'm' then 'materialized view'
            when 'S' then 'sequence'
            when 'c' then 'type'
            when 'f' then 'foreign table'
            when 'p' then 'partitioned table'
            else 'table'
        end as kind
    from pg_catalog.pg_class as class
    where class.oid = any(%(relations)s::oid [])
)

select
    'error' as level,
    expected.kind || ' ' || expected.name as object,
    coalesce('is a ' || actual.kind, 'is missing') as detail,
    'Restore it from a backup if it held rows; else run its `create '
    || pg_catalog.split_part(expected.kind, ' ', -1) || ' ' || expected.name
    || '` and what goes with it again, from migrations/deploy/' || expected.since || '.sql.'
        as remediation
from expected
left join actual
    on expected.name = actual.name
where expected.since = any(%(deployed)s::text [])
    and actual.kind is distinct from expected.kind
union all
select
    'error',
    actual.kind || ' ' || actual.name,
    'is not logged: a crash of the server empties it',
    'alter ' || actual.kind || ' ' || actual.name || ' set logged;'
from actual
where actual.is_unlogged
union all
select
    'error',
    actual.kind || ' ' || actual.name,
    'is not of the plan, but in its schema',
    case
        when actual.kind ~ 'table'
            then 'Where nobody needs what is in it: `drop ' || actual.kind || ' ' || actual.name
            || '`.'
        else 'drop ' || actual.kind || ' ' || actual.name || ';'
    end
from actual
where actual.is_internal
    and not actual.is_partition
    and not exists (
        select
        from expected
        where expected.name = actual.name
    )
order by object, detail;
