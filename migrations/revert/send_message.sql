-- Revert care_collective_messaging:send_message from pg
--
-- What: drop send_message and what it remembers of clients' ids; refuse where rows would go.
-- Why: without those rows a client that asks again after the next deploy would write twice.
-- Requires: nothing.
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
    messaging.client_messages
    in access exclusive mode;

do $data_loss$
declare
    v_rows constant bigint := (select pg_catalog.count(*) from messaging.client_messages);
begin
    if coalesce(pg_catalog.current_setting('carecli.allow_data_loss', true), '') <> 'on'
        and v_rows > 0
    then
        raise exception using
            errcode = 'object_in_use',
            message = pg_catalog.format(
                'reverting send_message would lose messaging.client_messages (%s rows)', v_rows
            ),
            hint = 'Keep the table and stop calling send_message; or take a backup and set '
                'carecli.allow_data_loss to on: carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function public.send_message(uuid, text, uuid);
drop function messaging.send_once(uuid, uuid, text, uuid, text);
drop function messaging.route_message(uuid, uuid, text, text);
drop function messaging.sent_message(uuid, uuid, uuid, text);
drop table messaging.client_messages;

commit;
