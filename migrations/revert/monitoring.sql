-- Revert care_collective_messaging:monitoring from pg
--
-- What: drop the functions that metrics are computed by, and whose fault an error code is.
-- Why: nothing is lost but what an operator changed.
-- Requires: nothing that reads a measure.
-- Transaction: yes.
--
-- squawk warns of drops: they are what a revert is for. The block below sees to the timeouts.
-- squawk-ignore-file ban-drop-function, ban-drop-column
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

-- From here on nobody can change the row that the count would miss.
lock table
    messaging.error_codes
    in access exclusive mode;

do $data_loss$
declare
    v_rows bigint;
begin
    if coalesce(pg_catalog.current_setting('carecli.allow_data_loss', true), '') = 'on' then
        return;
    end if;
    select pg_catalog.count(*)
    into v_rows
    from messaging.error_codes as code
    where (code.attributed_to = 'caller') <> (
        code.code in (
            'conversation_exists',
            'permission_denied',
            'rate_limit_exceeded',
            'unauthorized',
            'validation_error'
        )
    );
    if v_rows > 0 then
        raise exception using
            errcode = 'object_in_use',
            message = pg_catalog.format(
                'reverting monitoring would lose messaging.error_codes.attributed_to '
                '(%s edited rows)',
                v_rows
            ),
            hint = 'Keep the change; or note what was changed and set carecli.allow_data_loss to '
                'on: carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function messaging.measure(text, timestamptz, timestamptz);
drop function messaging.completion(timestamptz, timestamptz);
drop function messaging.active_conversations();
drop function messaging.initial_messages();
drop function messaging.messages_daily(timestamptz, timestamptz);
drop function messaging.adoption(timestamptz, timestamptz);
drop function messaging.latencies(timestamptz, timestamptz);
drop function messaging.error_shares(timestamptz, timestamptz, boolean);
drop function messaging.errors_total();
drop function messaging.creation_calls();
drop function messaging.creation_success(timestamptz, timestamptz);
drop function messaging.connections_used();
drop function messaging.connection_failures(timestamptz, timestamptz);
drop function messaging.v1_after_full_rollout(timestamptz, timestamptz);
drop function messaging.adoption_of_rollout(timestamptz, timestamptz);
drop function messaging.rollout_phases();
drop function messaging.v1_creations(timestamptz, timestamptz);

alter table messaging.error_codes
    drop column attributed_to;

revoke usage
    on schema messaging
    from pg_monitor;

commit;
