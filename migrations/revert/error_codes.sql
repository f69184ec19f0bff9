-- Revert care_collective_messaging:error_codes from pg
--
-- What: drop the table of error codes and its function; refuse where an operator has edited it.
-- Why: the rows of the deploy come back with the next deploy; an edited text would not.
-- Requires: nothing that reads the table.
-- Transaction: yes.
--
-- squawk warns of drops, which are what a revert is for, and wants timeouts that nothing here
-- needs.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- squawk-ignore-file ban-drop-function, ban-drop-table

begin;

-- From here on nobody can edit the row that the count would miss.
lock table messaging.error_codes in access exclusive mode;

do $data_loss$
declare
    v_rows bigint;
begin
    if coalesce(pg_catalog.current_setting('carecli.allow_data_loss', true), '') = 'on' then
        return;
    end if;
    select pg_catalog.count(*)
    into v_rows
    from messaging.error_codes as entry
    where (entry.code, entry.http_status, entry.user_message, entry.client_action) not in (
        values
            (
                'conversation_exists',
                409,
                'You already have a conversation about this help request',
                'Open the existing conversation: its id is in conversation_id'
            ),
            (
                'help_request_unavailable',
                400,
                'This help request is no longer accepting offers',
                'Refresh the list of help requests'
            ),
            (
                'permission_denied',
                403,
                'You do not have permission to do this',
                'Check who is signed in, requiresApproval and restriction_level; do not retry'
            ),
            (
                'validation_error',
                400,
                'Something you entered cannot be accepted',
                'Show the message of the answer and let the person correct the input'
            ),
            (
                'not_found',
                404,
                'This help request or conversation was not found',
                'Go back to the list and refresh it'
            ),
            (
                'unauthorized',
                401,
                'You must be signed in',
                'Sign in again, then retry'
            ),
            (
                'rate_limit_exceeded',
                429,
                'You are doing this too often',
                'Retry after retry_after seconds'
            ),
            (
                'rpc_error',
                500,
                'The messaging system could not do this right now',
                'Retry once, then contact support with the request_id'
            ),
            (
                'server_error',
                500,
                'Something went wrong on our side',
                'Retry once, then contact support with the request_id'
            )
    );
    if v_rows > 0 then
        raise exception using
            errcode = 'object_in_use',
            message = pg_catalog.format(
                'reverting error_codes would lose messaging.error_codes (%s edited rows)', v_rows
            ),
            hint = 'Keep the table; or take a backup and set carecli.allow_data_loss to on: '
                'carecli rollback --allow-data-loss, or '
                'PGOPTIONS="-c carecli.allow_data_loss=on" for sqitch and psql.';
    end if;
end;
$data_loss$;

drop function public.list_error_codes();
drop table messaging.error_codes;

revoke usage
    on schema messaging
    from service_role;

commit;
