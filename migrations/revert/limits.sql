-- Revert care_collective_messaging:limits from pg
--
-- What: drop the limits and their functions; the indexes as they were before; refuse where an
--     operator changed a limit.
-- Why: the rows that the deploy wrote are no loss; what somebody made of them is.
-- Requires: nothing that asks for admission.
-- Transaction: yes.
--
-- squawk warns of drops: they are what a revert is for. The block below sees to the timeouts.
-- squawk-ignore-file ban-drop-function, ban-drop-table
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
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
    messaging.limits
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
    from messaging.limits as rate
    where (rate.action, rate.maximum, rate.period) not in (
        ('start_conversation', 10, '1 hour'),
        ('send_message', 50, '1 minute')
    );
    if v_rows > 0 then
        raise exception using
            errcode = 'object_in_use',
            message = pg_catalog.format(
                'reverting limits would lose messaging.limits (%s rows)', v_rows
            ),
            hint = 'Keep the change; or note the limits that were changed and set '
                'carecli.allow_data_loss to on: carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function messaging.set_limit(text, integer, interval);
drop function messaging.admit_message(text, uuid);
drop function messaging.admit_start(text, uuid);
drop function messaging.admit(text, uuid, text);
drop function messaging.retry_after(timestamptz, timestamptz);
drop function messaging.take_turn(uuid);
drop function messaging.nth_newest_message(uuid, integer, timestamptz);
drop function messaging.nth_newest_start(uuid, integer, timestamptz);

create index conversations_v2_helper_id_idx on public.conversations_v2 (helper_id);
create index messages_v2_sender_id_idx on public.messages_v2 (sender_id);

drop index public.messages_v2_sender_id_created_at_idx;
drop index public.conversations_v2_helper_id_created_at_idx;

drop table messaging.limits;

commit;
