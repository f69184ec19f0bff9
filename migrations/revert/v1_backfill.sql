-- Revert care_collective_messaging:v1_backfill from pg
--
-- What: drop the functions and the two tables; refuse where notes of copied conversations would go.
-- Why: without the notes nobody knows which V1 message became the initial message of which
--     conversation. What was copied stays in V2: it belongs to an earlier change.
-- Requires: nothing that stands on the backfill.
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
    messaging.v1_backfill_progress,
    messaging.v1_backfill_conversations
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
    from messaging.v1_backfill_conversations;
    if v_rows > 0 then
        raise exception using
            errcode = 'object_in_use',
            message = pg_catalog.format(
                'reverting v1_backfill would lose messaging.v1_backfill_conversations (%s rows)',
                v_rows
            ),
            hint = 'Keep the tables; or take a backup and set '
                'carecli.allow_data_loss to on: carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function messaging.reconcile_backfill(timestamptz);
drop function messaging.backfill_progress();
drop function messaging.backfill_conversations(integer, boolean);
drop function messaging.copy_v1_reads(uuid, uuid);
drop function messaging.copy_v1_messages(
    uuid, timestamptz, uuid, uuid, timestamptz, uuid
);
drop function messaging.copy_v1_conversations(uuid, uuid);
drop function messaging.v1_reads_between(uuid, uuid);
drop function messaging.v1_messages_between(uuid, uuid);
drop function messaging.v1_conversations_between(uuid, uuid);
drop function messaging.v1_is_there();

drop table messaging.v1_backfill_progress;
drop table messaging.v1_backfill_conversations;

commit;
