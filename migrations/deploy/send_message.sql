-- Deploy care_collective_messaging:send_message to pg
--
-- What: send_message, the whole send-message route for the signed-in user, and the table that
--     remembers which messages clients have sent under ids of their own.
-- Why: the conversation decides the system, not the flag: what began in V2 stays writable in V2. A
--     client that has not heard the answer asks again with the same id and gets the first answer,
--     and nothing is written twice.
-- Requires: v1_conversations, conversation_reading.
-- Transaction: yes.
--
-- squawk wants timeouts; the foreign key takes a short lock on auth.users, which the block covers.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

-- A conversation and its messages may be V1's or V2's, so these ids refer to no table. The sender
-- comes first, so that the key serves the foreign key too.
create table messaging.client_messages (
    conversation_id uuid not null,
    sender_id uuid not null,
    client_message_id uuid not null,
    message_id uuid not null,
    created_at timestamptz not null default pg_catalog.now(),
    constraint client_messages_pkey
        primary key (sender_id, conversation_id, client_message_id),
    constraint client_messages_sender_id_fkey
        foreign key (sender_id)
        references auth.users (id)
        on delete cascade
);

revoke all
    on table messaging.client_messages
    from public, anon, authenticated, service_role;

comment on table messaging.client_messages is
    'Which message a client has sent under an id of its own; a repeat is answered with it.';
comment on column messaging.client_messages.conversation_id is
    'Where it was written, in V2 or V1.';
comment on column messaging.client_messages.sender_id is
    'Who wrote it; two people may choose the same id.';
comment on column messaging.client_messages.client_message_id is
    'The id that the client chose.';
comment on column messaging.client_messages.message_id is
    'The message, in V2 or V1.';
comment on column messaging.client_messages.created_at is
    'When it was sent.';

create function messaging.sent_message(
    p_message_id uuid,
    p_conversation_id uuid,
    p_sender_id uuid,
    p_request_id text
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $function$
declare
    v_version pg_catalog.text := 'v2';
    v_message pg_catalog.jsonb;
begin
    select
        pg_catalog.jsonb_build_object(
            'id', message.id,
            'conversation_id', message.conversation_id,
            'sender_id', message.sender_id,
            'content', message.content,
            'created_at', message.created_at,
            'updated_at', message.updated_at
        )
    into v_message
    from public.messages_v2 as message
    where message.id = p_message_id
        and message.conversation_id = p_conversation_id
        and message.sender_id = p_sender_id;

    if not found and messaging.v1_exists() then
        v_version := 'v1';
        select
            pg_catalog.jsonb_build_object(
                'id', message.id,
                'conversation_id', message.conversation_id,
                'sender_id', message.sender_id,
                'content', message.content,
                'created_at', message.created_at,
                'updated_at', message.updated_at
            )
        into v_message
        from public.messages as message
        where message.id = p_message_id
            and message.conversation_id = p_conversation_id
            and message.sender_id = p_sender_id;
    end if;
    if v_message is null then
        return messaging.failure(
            p_request_id,
            'not_found',
            'message_not_found',
            'Message not found'
        );
    end if;
    return messaging.success(
        p_request_id,
        'Message sent successfully',
        pg_catalog.jsonb_build_object(
            'message_id', p_message_id,
            'sent_message', v_message,
            'status', 'sent',
            'version', v_version,
            'http_status', 201
        )
    );
end;
$function$;

revoke all
    on function messaging.sent_message(uuid, uuid, uuid, text)
    from public, anon, authenticated, service_role;

comment on function messaging.sent_message(uuid, uuid, uuid, text) is
    'Answer that shows a message to its sender, from V2 or V1.';

create function messaging.route_message(
    p_conversation_id uuid,
    p_sender_id uuid,
    p_content text,
    p_request_id text
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_version pg_catalog.text;
    v_status_of_v1 pg_catalog.text;
    v_answer pg_catalog.jsonb;
begin
    if messaging.is_participant_v2(p_conversation_id, p_sender_id) then
        v_version := 'v2';
    else
        v_status_of_v1 := messaging.lock_conversation_v1(p_conversation_id, p_sender_id);
        if v_status_of_v1 is not null then
            -- A backfill waits for the lock, or we for it: what it has copied by now is V2's.
            v_version := case
                when messaging.is_participant_v2(p_conversation_id, p_sender_id) then 'v2'
                else 'v1'
            end;
        end if;
    end if;

    if v_version = 'v1' then
        v_answer := messaging.insert_message_v1(
            p_conversation_id,
            p_sender_id,
            p_content,
            v_status_of_v1,
            p_request_id
        );
    else
        -- A stranger too: whatever there is, the answer is V2's and tells nothing.
        v_answer := messaging.insert_message(
            p_conversation_id,
            p_sender_id,
            p_content,
            p_request_id
        );
    end if;
    if v_version is null then
        return v_answer;
    end if;
    return v_answer || pg_catalog.jsonb_build_object('version', v_version);
end;
$function$;

revoke all
    on function messaging.route_message(uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.route_message(uuid, uuid, text, text) is
    'Writes a message into V2 or V1, wherever the sender has the conversation.';

create function messaging.send_once(
    p_conversation_id uuid,
    p_sender_id uuid,
    p_content text,
    p_client_message_id uuid,
    p_request_id text
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_answer pg_catalog.jsonb;
    v_message_id pg_catalog.uuid;
begin
    if p_client_message_id is not null then
        -- The calls of one user take turns: the second of two equal ones finds the first one's row.
        perform messaging.take_turn(p_sender_id);
        select sent.message_id
        into v_message_id
        from messaging.client_messages as sent
        where sent.sender_id = p_sender_id
            and sent.conversation_id = p_conversation_id
            and sent.client_message_id = p_client_message_id;

        if found then
            return messaging.sent_message(
                v_message_id, p_conversation_id, p_sender_id, p_request_id
            );
        end if;
    end if;

    v_answer := messaging.admit_message(p_request_id, p_sender_id);
    if v_answer is not null then
        return v_answer;
    end if;
    v_answer := messaging.route_message(
        p_conversation_id,
        p_sender_id,
        p_content,
        p_request_id
    );
    if not (v_answer -> 'success')::boolean then
        return v_answer;
    end if;
    v_message_id := v_answer ->> 'message_id';

    if p_client_message_id is not null then
        -- No conflict is possible, but beyond read committed, where this raises what is to be said:
        -- that the transaction has to be tried again.
        insert into messaging.client_messages (
            conversation_id,
            sender_id,
            client_message_id,
            message_id
        )
        values (
            p_conversation_id,
            p_sender_id,
            p_client_message_id,
            v_message_id
        )
        on conflict do nothing;
    end if;
    return messaging.sent_message(
        v_message_id, p_conversation_id, p_sender_id, p_request_id
    );
exception
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        return messaging.unexpected(
            p_request_id,
            'Failed to send message',
            sqlstate,
            sqlerrm,
            p_content
        );
end;
$function$;

revoke all
    on function messaging.send_once(uuid, uuid, text, uuid, text)
    from public, anon, authenticated, service_role;

comment on function messaging.send_once(uuid, uuid, text, uuid, text) is
    'The send-message route; a repeated p_client_message_id is answered with the first message, '
    'whatever limits there are by now. Trusts p_sender_id: callers have checked it.';

create function public.send_message(
    p_conversation_id uuid,
    p_content text,
    p_client_message_id uuid default null
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    v_started_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_request_id constant pg_catalog.text := messaging.request_id();
    v_answer pg_catalog.jsonb;
begin
    if v_caller_id is null then
        v_answer := messaging.failure(
            v_request_id,
            'unauthorized',
            'not_signed_in',
            'You must be signed in'
        );
    else
        v_answer := messaging.send_once(
            p_conversation_id,
            v_caller_id,
            p_content,
            p_client_message_id,
            v_request_id
        );
    end if;
    return messaging.record_call(
        'sendMessage',
        v_started_at,
        v_answer,
        v_caller_id,
        null,
        p_conversation_id
    );
end;
$function$;

revoke all
    on function public.send_message(uuid, text, uuid)
    from public, anon, authenticated, service_role;
grant execute
    on function public.send_message(uuid, text, uuid)
    to authenticated;

comment on function public.send_message(uuid, text, uuid) is
    'Writes a message of the signed-in user into a conversation of V2 or V1.';

commit;
