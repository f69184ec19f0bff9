-- Revert care_collective_messaging:messaging_system_v2_atomic from pg
--
-- What: drop the three tables, their functions and schema messaging; refuse where rows would go.
-- Why: the fast way back is to stop calling V2, which loses nothing.
-- Requires: nothing that stands on V2.
-- Transaction: yes.
--
-- squawk warns of drops: they are what a revert is for. The block below sees to the timeouts.
-- squawk-ignore-file ban-drop-function, ban-drop-table, ban-drop-schema
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
    public.conversations_v2,
    public.messages_v2,
    public.conversation_reads_v2
    in access exclusive mode;

do $data_loss$
declare
    v_table text;
    v_rows bigint;
    v_losses text;
begin
    if coalesce(pg_catalog.current_setting('carecli.allow_data_loss', true), '') = 'on' then
        return;
    end if;
    foreach v_table in array array['conversations_v2', 'messages_v2', 'conversation_reads_v2'] loop
        execute pg_catalog.format('select pg_catalog.count(*) from public.%I', v_table)
        into v_rows;
        if v_rows > 0 then
            v_losses := pg_catalog.concat_ws(
                ', ', v_losses, pg_catalog.format('public.%I (%s rows)', v_table, v_rows)
            );
        end if;
    end loop;
    if v_losses is not null then
        raise exception using
            errcode = 'object_in_use',
            message = 'reverting messaging_system_v2_atomic would lose ' || v_losses,
            hint = 'Keep the tables and stop calling V2; or take a backup and set '
                'carecli.allow_data_loss to on: carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function public.create_conversation_atomic(uuid, uuid, text);
drop function public.send_message_v2(uuid, uuid, text);
drop function public.get_conversation_v2(uuid, uuid);

drop function messaging.create_conversation(uuid, uuid, text, text);
drop function messaging.send_message(uuid, uuid, text, text);
drop function messaging.get_conversation(uuid, uuid, text);
drop function messaging.success(text, text, jsonb);
drop function messaging.failure(text, text, text, text, jsonb);
drop function messaging.http_status(text);
drop function messaging.request_id();
drop function messaging.trim_whitespace(text);

-- Their places in the publication go with the tables.
drop table public.conversation_reads_v2;
drop table public.messages_v2;
drop table public.conversations_v2;

drop function messaging.note_last_message();
drop function messaging.set_updated_at();

drop schema messaging;

commit;
