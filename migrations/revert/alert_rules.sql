-- Revert care_collective_messaging:alert_rules from pg
--
-- What: drop the alert rules and their functions; refuse where an operator tuned or made a rule.
-- Why: the rows that the deploy wrote are no loss; what operators found out since is.
-- Requires: nothing that evaluates alert rules.
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
    messaging.alert_rules
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
    from messaging.alert_rules as rule
    where rule.changed_at is not null;
    if v_rows > 0 then
        raise exception using
            errcode = 'object_in_use',
            message = pg_catalog.format(
                'reverting alert_rules would lose messaging.alert_rules (%s rows)', v_rows
            ),
            hint = 'Keep the change; or note the rules that were tuned and set '
                'carecli.allow_data_loss to on: carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function messaging.set_alert_rule(
    text, double precision, interval, bigint, boolean, text, text, text, text, boolean, boolean
);
drop function messaging.evaluate_alerts(timestamptz, timestamptz);
drop function messaging.measure_without_waiting(text, timestamptz, timestamptz);

-- Its trigger goes with the table.
drop table messaging.alert_rules;

drop function messaging.note_alert_rule_author();
drop function messaging.metric_unit(text);

commit;
