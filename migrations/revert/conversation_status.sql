-- Revert care_collective_messaging:conversation_status from pg
--
-- What: drop the function, the trigger and column blocked_by; refuse where it would be forgotten
--     who blocked a conversation.
-- Why: without the column either of the two people could unblock it.
-- Requires: nothing that stands on the column.
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

-- From here on nobody can block the conversation that the count would miss.
lock table public.conversations_v2 in access exclusive mode;

do $data_loss$
declare
    v_rows bigint;
begin
    if coalesce(pg_catalog.current_setting('carecli.allow_data_loss', true), '') = 'on' then
        return;
    end if;
    select pg_catalog.count(*)
    into v_rows
    from public.conversations_v2 as conversation
    where conversation.blocked_by is not null;
    if v_rows > 0 then
        raise exception using
            errcode = 'object_in_use',
            message = pg_catalog.format(
                'reverting conversation_status would lose who blocked a conversation, in '
                'public.conversations_v2 (%s rows)',
                v_rows
            ),
            hint = 'Keep the column and stop calling V2; or take a backup and set '
                'carecli.allow_data_loss to on: carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function public.set_conversation_status_v2(uuid, uuid, text);
drop function messaging.set_conversation_status(uuid, uuid, text, text);

drop trigger conversations_v2_guard_block on public.conversations_v2;
drop function messaging.guard_block();

-- The check would go with its column; named, it is seen to go.
alter table public.conversations_v2
    drop constraint conversations_v2_blocked_by_known,
    drop column blocked_by;

commit;
