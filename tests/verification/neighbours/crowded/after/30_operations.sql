-- What: what operators do with the functions of the plan and its settings.
-- Why: limits, patterns, testers, the flag and the days of the event log are theirs to choose.
-- Requires: the whole plan.

select messaging.set_limit('send_message', 5, '00:00:30');
select messaging.set_rollout('percentage', 10, 'first tenth');
select messaging.add_internal_tester('3e334e85-9879-af25-6d38-27d651b7804a', 'tries it');
select messaging.set_content_pattern('competitor', 'link', 'competitor');
select messaging.allow_link_domain('carecollective.example');
select messaging.remove_content_pattern(
    (
        select name
        from messaging.content_patterns
        order by name
        limit 1
    )
);

-- Other days than those of a deployment today.
update messaging.event_log_settings
set
    days_ahead = 12,
    retention_days = 2;
do $$
declare
    v_partition text;
begin
    for v_partition in
        select inhrelid::regclass::text
        from pg_inherits
        where inhparent = 'messaging.rpc_events'::regclass
            and inhrelid <> 'messaging.rpc_events_default'::regclass
        order by 1
        limit 2
    loop
        execute 'drop table ' || v_partition;
    end loop;
    for v_day in 3..4 loop
        execute format(
            'create table messaging.rpc_events_%s partition of messaging.rpc_events '
            'for values from (%L) to (%L)',
            to_char(current_date - v_day, 'YYYYMMDD'),
            (current_date - v_day) || ' 00:00+00',
            (current_date - v_day + 1) || ' 00:00+00'
        );
    end loop;
end $$;
select messaging.maintain_event_log();
