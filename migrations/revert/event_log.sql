-- Revert care_collective_messaging:event_log from pg
--
-- What: drop the event log with its partitions, settings, view and functions; refuse where rows
--     would go.
-- Why: what the calls answered is known from here alone.
-- Requires: no function that returns through messaging.record_call().
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
    messaging.rpc_events,
    messaging.event_log_settings
    in access exclusive mode;

do $data_loss$
declare
    v_rows bigint;
    v_losses text;
begin
    if coalesce(pg_catalog.current_setting('carecli.allow_data_loss', true), '') = 'on' then
        return;
    end if;
    select pg_catalog.count(*)
    into v_rows
    from messaging.rpc_events;
    if v_rows > 0 then
        v_losses := pg_catalog.format('messaging.rpc_events (%s rows)', v_rows);
    end if;
    select pg_catalog.count(*)
    into v_rows
    from messaging.event_log_settings as settings
    where (settings.retention_days, settings.days_ahead) is distinct from (30, 7);
    if v_rows > 0 then
        v_losses := pg_catalog.concat_ws(
            ', ',
            v_losses,
            pg_catalog.format('messaging.event_log_settings (%s edited rows)', v_rows)
        );
    end if;
    if v_losses is not null then
        raise exception using
            errcode = 'object_in_use',
            message = 'reverting event_log would lose ' || v_losses,
            hint = 'Keep the log; or take a backup and set carecli.allow_data_loss to on: '
                'carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function messaging.maintain_event_log();
drop function messaging.record_call(text, timestamptz, jsonb, uuid, uuid, uuid, text);
drop function messaging.unexpected(text, text, text, text, text);
drop function messaging.repeats_text(text, text);

drop view messaging.rpc_event_log;
drop table messaging.event_log_settings;
-- Its partitions go with it.
drop table messaging.rpc_events;

commit;
