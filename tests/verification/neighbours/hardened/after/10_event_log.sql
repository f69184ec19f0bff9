-- What: a database on which nobody called the maintenance of the event log for long.
-- Why: rows go to the default partition then, which is what it is for.
-- Requires: the whole plan.

do $$
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
end $$;
