-- What: every error code that functions answer is in messaging.error_codes, with its HTTP status
--     and what the person and the client are told.
-- Why: it is the only source of http_status; without the row an answer has none.
-- Silent: about further codes.
-- Reads: messaging.error_codes.
with expected (code, http_status, user_message, client_action) as (
    values
        (
            'conversation_exists', 409, 'You already have a conversation about this help request',
            'Open the existing conversation: its id is in conversation_id'
        ),
        (
            'help_request_unavailable', 400, 'This help request is no longer accepting offers',
            'Refresh the list of help requests'
        ),
        (
            'not_found', 404, 'This help request or conversation was not found',
            'Go back to the list and refresh it'
        ),
        (
            'permission_denied', 403, 'You do not have permission to do this',
            'Check who is signed in, requiresApproval and restriction_level; do not retry'
        ),
        (
            'rate_limit_exceeded', 429, 'You are doing this too often',
            'Retry after retry_after seconds'
        ),
        (
            'rpc_error', 500, 'The messaging system could not do this right now',
            'Retry once, then contact support with the request_id'
        ),
        (
            'server_error', 500, 'Something went wrong on our side',
            'Retry once, then contact support with the request_id'
        ),
        ('unauthorized', 401, 'You must be signed in', 'Sign in again, then retry'),
        (
            'validation_error', 400, 'Something you entered cannot be accepted',
            'Show the message of the answer and let the person correct the input'
        )
)

select
    'error' as level,
    'row ' || expected.code || ' of messaging.error_codes' as object,
    case
        when actual.code is null then 'is missing'
        when actual.http_status <> expected.http_status
            then 'has HTTP status ' || actual.http_status || ', not ' || expected.http_status
        else 'says something else'
    end as detail,
    'insert into messaging.error_codes (code, http_status, user_message, client_action) values ('
    || pg_catalog.concat_ws(
        ', ',
        pg_catalog.quote_literal(expected.code),
        expected.http_status,
        pg_catalog.quote_literal(expected.user_message),
        pg_catalog.quote_literal(expected.client_action)
    )
    || ') on conflict (code) do update set http_status = excluded.http_status, '
    'user_message = excluded.user_message, client_action = excluded.client_action;' as remediation
from expected
left join messaging.error_codes as actual
    on expected.code = actual.code
where (actual.http_status, actual.user_message, actual.client_action)
    is distinct from (expected.http_status, expected.user_message, expected.client_action)
order by object;
