-- Revert care_collective_messaging:call_rollups from pg
--
-- What: drop the roll-ups and their functions; refuse where calls are counted that the log has lost
--     since, or where somebody changed how long roll-ups are kept.
-- Why: what is still in the log can be counted again; the rest is known from here alone.
-- Requires: nothing that reads roll-ups.
-- Transaction: yes.
--
-- squawk warns of drops: they are what a revert is for. The block below sees to the timeouts.
-- squawk-ignore-file ban-drop-function, ban-drop-table
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

-- From here on nobody can add the row that the count would miss.
lock table
    messaging.rollup_state,
    messaging.rpc_minutes,
    messaging.rpc_hours,
    messaging.rpc_totals,
    messaging.rpc_hour_latencies
    in access exclusive mode;

do $data_loss$
declare
    v_rows bigint;
    v_losses text;
begin
    if coalesce(pg_catalog.current_setting('carecli.allow_data_loss', true), '') = 'on' then
        return;
    end if;
    -- The log loses whole days.
    select pg_catalog.count(*)
    into v_rows
    from messaging.rpc_hours as known
    where not exists (
        select
        from messaging.rpc_events as logged
        where logged.occurred_at >= known.hour
            and logged.occurred_at < known.hour + interval '1 hour'
    );
    select v_rows + pg_catalog.count(*)
    into v_rows
    from messaging.rpc_totals;
    if v_rows > 0 then
        v_losses := pg_catalog.format('roll-ups of calls that the log has lost (%s rows)', v_rows);
    end if;
    select pg_catalog.count(*)
    into v_rows
    from messaging.rollup_state as state
    where (state.minute_days, state.hour_days) is distinct from (35, 400);
    if v_rows > 0 then
        v_losses := pg_catalog.concat_ws(
            ', ',
            v_losses,
            pg_catalog.format('messaging.rollup_state (%s edited rows)', v_rows)
        );
    end if;
    if v_losses is not null then
        raise exception using
            errcode = 'object_in_use',
            message = 'reverting call_rollups would lose ' || v_losses,
            hint = 'Keep the change; or take a backup and set carecli.allow_data_loss to on: '
                'carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function messaging.call_durations(timestamptz, timestamptz);
drop function messaging.call_counts(timestamptz, timestamptz);
drop function messaging.whole_edge(timestamptz, text, timestamptz);
drop function messaging.roll_up_through(timestamptz);
drop function messaging.roll_up(timestamptz);
drop function messaging.roll_up_as_of(timestamptz, timestamptz);
drop function messaging.sample_connections(timestamptz);
drop function messaging.forget_rollups(messaging.rollup_state);
drop function messaging.roll_up_calls(timestamptz, timestamptz);
drop function messaging.event_log_writers();
drop function messaging.bucket_duration(integer);

drop table messaging.connection_samples;
drop table messaging.rpc_hour_latencies;
drop table messaging.rpc_totals;
drop table messaging.rpc_hours;
drop table messaging.rpc_minutes;
drop table messaging.rollup_state;

commit;
