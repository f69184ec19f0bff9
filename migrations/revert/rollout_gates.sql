-- Revert care_collective_messaging:rollout_gates from pg
--
-- What: drop the gates and the functions that measure them, go on and go back; refuse where an
--     operator changed a gate.
-- Why: the rows that the deploy wrote are no loss; what somebody made of them is. The flag stays
--     what it is, and so does its history with the figures.
-- Requires: nothing that asks a gate; no guard that runs.
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

-- From here on nobody can change the row that the count would miss.
lock table
    messaging.rollout_gates
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
    from (
        select
            gate.strategy,
            gate.percentage,
            gate.minimum_success_rate,
            gate.maximum_error_rate,
            gate.maximum_p95_seconds,
            gate.minimum_attempts,
            gate.minimum_age,
            gate.minimum_v1_free
        from messaging.rollout_gates as gate
        except
        values
            (
                'internal', 0, 0.95::double precision, null::double precision,
                null::double precision, 20::bigint, interval '3 days', null::interval
            ),
            ('percentage', 10, 0.95, 0.01, 0.5, null, '7 days', null),
            ('percentage', 50, 0.97, null, null, null, '7 days', null),
            ('enabled', 100, 0.99, null, null, null, null, '14 days')
    ) as changed;
    if v_rows > 0 then
        raise exception using
            errcode = 'object_in_use',
            message = pg_catalog.format(
                'reverting rollout_gates would lose messaging.rollout_gates (%s rows)', v_rows
            ),
            hint = 'Keep the change; or note the gates that were changed and set '
                'carecli.allow_data_loss to on: carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function messaging.guard_rollout(text);
drop function messaging.advance_rollout(text, text, boolean);
drop function messaging.gate_condition_text(jsonb);

drop function messaging.rollout_gate();
drop function messaging.measure_gate(timestamptz);
drop function messaging.gate_conditions(text, integer, timestamptz, timestamptz);
drop function messaging.set_rollout_gate(text, text, text);
drop function messaging.rollout_phase(text, integer);

drop table messaging.rollout_gates;

commit;
