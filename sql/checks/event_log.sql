-- What: the event log has its default partition and its settings.
-- Why: a call on a day without a partition of its own fails where there is no default one; without
--     the settings no partition is made and none is dropped.
-- Silent: about how many partitions there are ahead: rows go into the default one meanwhile.
-- Reads: messaging.rpc_events, messaging.event_log_settings.
select
    'error' as level,
    'table messaging.rpc_events_default' as object,
    'is not the default partition of messaging.rpc_events' as detail,
    case
        when pg_catalog.to_regclass('messaging.rpc_events_default') is null
            then 'create table messaging.rpc_events_default partition of messaging.rpc_events '
            'default;'
        else 'alter table messaging.rpc_events attach partition messaging.rpc_events_default '
        'default;'
    end as remediation
where not exists (
    select
    from pg_catalog.pg_partitioned_table as partitioned
    where partitioned.partrelid = 'messaging.rpc_events'::regclass
        and partitioned.partdefid <> 0
)
union all
select
    'error',
    'table messaging.event_log_settings',
    'has no row',
    'insert into messaging.event_log_settings default values;'
where not exists (select from messaging.event_log_settings)
order by object;
