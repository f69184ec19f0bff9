-- case: default partition detached
-- finds: error table messaging.rpc_events_default: is not the default partition
alter table messaging.rpc_events detach partition messaging.rpc_events_default;

-- case: default partition gone
-- finds: error table messaging.rpc_events_default: is not the default partition
drop table messaging.rpc_events_default;

-- case: no settings
-- finds: error table messaging.event_log_settings: has no row
delete from messaging.event_log_settings;

-- case: silent about days without a partition
do $partitions$
declare
    v_partition text;
begin
    for v_partition in
        select inhrelid::regclass::text
        from pg_inherits
        where inhparent = 'messaging.rpc_events'::regclass
            and inhrelid <> 'messaging.rpc_events_default'::regclass
    loop
        execute 'drop table ' || v_partition;
    end loop;
end;
$partitions$;
