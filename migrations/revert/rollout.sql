-- Revert care_collective_messaging:rollout from pg
--
-- What: drop the flag, its history, the testers and their functions; refuse where somebody wrote
--     into them.
-- Why: the row that the deploy wrote is no loss; what people decided since is.
-- Requires: nothing that asks the flag.
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
    messaging.rollout,
    messaging.rollout_history,
    messaging.internal_testers
    in access exclusive mode;

do $data_loss$
declare
    v_losses text;
begin
    if coalesce(pg_catalog.current_setting('carecli.allow_data_loss', true), '') = 'on' then
        return;
    end if;
    -- The first row of the history is the deploy's own.
    select pg_catalog.string_agg(
        pg_catalog.format('messaging.%I (%s rows)', loss.name, loss.rows), ', ' order by loss.name
    )
    into v_losses
    from (
        select
            'internal_testers' as name,
            pg_catalog.count(*) as rows
        from messaging.internal_testers
        union all
        select
            'rollout_history',
            pg_catalog.count(*) - 1
        from messaging.rollout_history
    ) as loss
    where loss.rows > 0;
    if v_losses is not null then
        raise exception using
            errcode = 'object_in_use',
            message = 'reverting rollout would lose ' || v_losses,
            hint = 'Switch V2 off instead: carecli rollout rollback; or take a backup and set '
                'carecli.allow_data_loss to on: carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function messaging.remove_internal_tester(uuid);
drop function messaging.add_internal_tester(uuid, text, text);
drop function messaging.set_rollout(text, integer, text, text, jsonb);
drop function messaging.rollout_status(integer);
drop function messaging.rollout_problem();
drop function public.is_messaging_v2_enabled(uuid);
drop function messaging.is_v2_enabled(uuid);
drop function messaging.rollout_bucket(uuid);

-- Their triggers go with the tables.
drop table messaging.internal_testers;
drop table messaging.rollout_history;
drop table messaging.rollout;

drop function messaging.keep_rollout_history();
drop function messaging.note_rollout_author();
drop function messaging.refuse_rollout_loss();

commit;
