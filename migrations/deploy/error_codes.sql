-- Deploy care_collective_messaging:error_codes to pg
--
-- What: the nine error codes as rows, each with its HTTP status, what a person is told and what a
--     client does about it; a function that lists them; usage of schema messaging for service_role.
-- Why: a client that has the table needs no second list of its own that goes out of date.
-- Requires: messaging_system_v2_atomic.
-- Transaction: yes.
--
-- squawk would give 64 bits to numbers that a constraint keeps small, and wants timeouts;
-- nothing here takes a lock that an application could feel.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, prefer-bigint-over-int

begin;

-- Operations functions in here are granted to service_role one by one. It sees no table.
grant usage
    on schema messaging
    to service_role;

create table messaging.error_codes (
    code text not null,
    http_status integer not null,
    user_message text not null,
    client_action text not null,
    constraint error_codes_pkey
        primary key (code),
    constraint error_codes_code_format
        check (code ~ '^[a-z]+(_[a-z]+)*$'),
    constraint error_codes_http_status_of_an_error
        check (http_status between 400 and 599),
    constraint error_codes_user_message_not_blank
        check (user_message ~ '[^[:space:]]'),
    constraint error_codes_client_action_not_blank
        check (client_action ~ '[^[:space:]]')
);

revoke all
    on table messaging.error_codes
    from public, anon, authenticated, service_role;

comment on table messaging.error_codes is
    'What the functions of messaging may answer in "error"; texts may be edited, codes are fixed.';
comment on column messaging.error_codes.code is
    'Stands in "error" of an answer.';
comment on column messaging.error_codes.http_status is
    'Stands in "http_status" of an answer; 500 and above counts as a fault of the server.';
comment on column messaging.error_codes.user_message is
    'For a person, where the message of the answer itself is not shown.';
comment on column messaging.error_codes.client_action is
    'What a client does about it.';

insert into messaging.error_codes (
    code,
    http_status,
    user_message,
    client_action
)
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
    );

-- Asks for no identity: it tells nothing of anybody, and service_role has none.
create function public.list_error_codes()
returns jsonb
language sql
volatile
security definer
set search_path = ''
return messaging.success(
    messaging.request_id(),
    'Error codes retrieved successfully',
    pg_catalog.jsonb_build_object(
        'error_codes',
        (
            select pg_catalog.jsonb_agg(
                pg_catalog.jsonb_build_object(
                    'code', entry.code,
                    'http_status', entry.http_status,
                    'user_message', entry.user_message,
                    'client_action', entry.client_action
                )
                order by entry.http_status, entry.code
            )
            from messaging.error_codes as entry
        )
    )
);

revoke all
    on function public.list_error_codes()
    from public, anon, authenticated, service_role;
grant execute
    on function public.list_error_codes()
    to authenticated, service_role;

comment on function public.list_error_codes() is
    'All error codes with HTTP status, a message for a person and what a client does about them.';

commit;
