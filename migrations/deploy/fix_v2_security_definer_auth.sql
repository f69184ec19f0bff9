-- Deploy care_collective_messaging:fix_v2_security_definer_auth to pg
--
-- What: second version. Each call of the three functions leaves one row in the event log, whoever
--     calls and whatever is answered; an ordinary call is written at once.
-- Why: metrics and alerts count calls, those of strangers too; and limits, moderation and the log
--     may not cost much more than the row.
-- Requires: event_log, fix_v2_security_definer_auth@v0.1.0, messaging_system_v2_atomic, rules_at_once.
-- Transaction: yes.
--
-- The first version, script fix_v2_security_definer_auth@v0.1.0, makes messaging.caller_id(); the
-- tables come from messaging_system_v2_atomic@v0.1.0.
--
-- squawk wants timeouts; replacing a function takes no lock that an application could feel.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

-- At once ----------------------------------------------------------------------------------------
-- Each function that is called and each statement costs more than a row. So the two functions that
-- write ask in one statement what an ordinary call passes: the person has no restriction at all,
-- and is below the rate; the text is ASCII with nothing to trim, and nothing that a prohibited
-- pattern needs. Rate and patterns are read from messaging.rules_at_once. Where it writes no row,
-- or fails, nothing has happened, and the call goes step by step, which finds out why, or that it
-- may be all the same.
--
-- It may be stricter than the steps and never laxer: a rule that is given to messaging.admit(),
-- check_content(), write_conversation() or write_message() has to be given here too, and so has a
-- column that record_call() fills. A column that is missing must admit nobody, so all that the
-- steps read is named. No look-up is trusted that a policy would cut short, and none in a view, of
-- which nobody can say: it has no tableoid. Time counts from the beginning of the call, which makes
-- the period longer and never shorter.

create or replace function public.create_conversation_atomic(
    p_help_request_id uuid,
    p_helper_id uuid,
    p_initial_message text
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_started_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    -- As messaging.request_id(), without the call, and without asking the system for randomness.
    v_request_id constant pg_catalog.text := pg_catalog.concat(
        'v2_',
        pg_catalog.floor(pg_catalog.date_part('epoch', v_started_at) * 1000)::pg_catalog.int8,
        '_',
        pg_catalog.lpad(
            pg_catalog.to_hex((pg_catalog.random() * 281474976710655)::pg_catalog.int8), 12, '0'
        )
    );
    v_conversation_id pg_catalog.uuid;
    v_answer pg_catalog.jsonb;
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_helper_id is distinct from v_caller_id then
        v_answer := messaging.failure(
            v_request_id,
            'permission_denied',
            'not_the_caller',
            'Cannot create conversation on behalf of another user'
        );
    else
        -- At once, or not at all.
        begin
            if pg_catalog.octet_length(p_initial_message) between 10 and 1000
                and p_initial_message ~ '^[!-~](?:[\x01-\x7f]*[!-~])?$'
                and not pg_catalog.row_security_active(
                    'public.user_restrictions'::pg_catalog.regclass
                )
                and not pg_catalog.row_security_active(
                    'public.conversations'::pg_catalog.regclass
                )
                and not pg_catalog.row_security_active(
                    'public.conversations_v2'::pg_catalog.regclass
                )
                -- As messaging.take_turn(), without the call.
                and pg_catalog.pg_advisory_xact_lock(
                    pg_catalog.uuid_hash_extended(p_helper_id, 7166186713870395237)
                ) is not null
            then
                insert into public.conversations_v2 (
                    help_request_id,
                    requester_id,
                    helper_id,
                    initial_message
                )
                select
                    request.id,
                    request.user_id,
                    p_helper_id,
                    p_initial_message
                from messaging.rules_at_once as rules
                cross join public.help_requests as request
                where request.id = p_help_request_id
                    and request.user_id <> p_helper_id
                    and request.status::pg_catalog.text in ('open', 'in_progress')
                    and exists (
                        select
                        from public.profiles as profile
                        where profile.id = p_helper_id
                            and profile.verification_status::pg_catalog.text = 'approved'
                    )
                    and not exists (
                        select
                            restriction.restriction_level,
                            restriction.can_start_conversations,
                            restriction.message_limit_per_day,
                            restriction.applied_at,
                            restriction.tableoid
                        from public.user_restrictions as restriction
                        where restriction.user_id = p_helper_id
                            and (
                                restriction.expires_at is null
                                or restriction.expires_at > v_started_at
                            )
                    )
                    and (
                        select pg_catalog.count(*)
                        from (
                            select conversation.created_at
                            from public.conversations_v2 as conversation
                            where conversation.helper_id = p_helper_id
                                and conversation.created_at > v_started_at - rules.start_period
                            union all
                            select v1.created_at
                            from public.conversations as v1
                            where v1.created_by = p_helper_id
                                and v1.created_at > v_started_at - rules.start_period
                                and v1.tableoid is not null
                        ) as started
                    ) < rules.start_maximum
                    and p_initial_message !~* all (rules.prohibited)
                for share of request
                on conflict on constraint conversations_v2_help_request_id_helper_id_key do nothing
                returning conversations_v2.id into v_conversation_id;

                if v_conversation_id is not null then
                    insert into messaging.rpc_events (
                        occurred_at,
                        request_id,
                        service,
                        method,
                        event,
                        user_id,
                        conversation_id,
                        help_request_id,
                        version,
                        duration_ms
                    )
                    values (
                        pg_catalog.clock_timestamp(),
                        v_request_id,
                        'MessagingServiceV2',
                        'startHelpConversation',
                        'success',
                        p_helper_id,
                        v_conversation_id,
                        p_help_request_id,
                        'v2',
                        greatest(
                            pg_catalog.date_part(
                                'epoch', pg_catalog.clock_timestamp() - v_started_at
                            ) * 1000,
                            0
                        )
                    );
                    return pg_catalog.jsonb_build_object(
                        'success', true,
                        'message', 'Conversation created successfully',
                        'request_id', v_request_id,
                        'conversation_id', v_conversation_id
                    );
                end if;
            end if;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when lock_not_available then
                -- Nobody waits for the same lock twice, but where it was the log's.
                if v_conversation_id is null then
                    v_answer := messaging.start_failed(
                        v_request_id, sqlstate, sqlerrm, null, p_initial_message
                    );
                end if;
            when others then
                -- Nothing of it is left; the steps run into the same, and know what to answer.
                null;
        end;
        if v_answer is null then
            v_answer := messaging.create_conversation(
                p_help_request_id,
                p_helper_id,
                p_initial_message,
                v_request_id
            );
        end if;
    end if;
    return messaging.record_call(
        'startHelpConversation',
        v_started_at,
        v_answer,
        v_caller_id,
        p_help_request_id => p_help_request_id,
        p_version => 'v2'
    );
end;
$function$;

revoke all
    on function public.create_conversation_atomic(uuid, uuid, text)
    from public, anon, authenticated, service_role;
grant execute
    on function public.create_conversation_atomic(uuid, uuid, text)
    to authenticated;

create or replace function public.send_message_v2(
    p_conversation_id uuid,
    p_sender_id uuid,
    p_content text
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_started_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    -- As messaging.request_id(), without the call, and without asking the system for randomness.
    v_request_id constant pg_catalog.text := pg_catalog.concat(
        'v2_',
        pg_catalog.floor(pg_catalog.date_part('epoch', v_started_at) * 1000)::pg_catalog.int8,
        '_',
        pg_catalog.lpad(
            pg_catalog.to_hex((pg_catalog.random() * 281474976710655)::pg_catalog.int8), 12, '0'
        )
    );
    v_message_id pg_catalog.uuid;
    v_answer pg_catalog.jsonb;
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_sender_id is distinct from v_caller_id then
        v_answer := messaging.failure(
            v_request_id,
            'permission_denied',
            'not_the_caller',
            'Cannot send message on behalf of another user'
        );
    else
        -- At once, or not at all.
        begin
            if pg_catalog.octet_length(p_content) between 1 and 1000
                and p_content ~ '^[!-~](?:[\x01-\x7f]*[!-~])?$'
                and not pg_catalog.row_security_active(
                    'public.user_restrictions'::pg_catalog.regclass
                )
                and not pg_catalog.row_security_active(
                    'public.messages'::pg_catalog.regclass
                )
                and not pg_catalog.row_security_active(
                    'public.messages_v2'::pg_catalog.regclass
                )
                -- As messaging.take_turn(), without the call.
                and pg_catalog.pg_advisory_xact_lock(
                    pg_catalog.uuid_hash_extended(p_sender_id, 7166186713870395237)
                ) is not null
            then
                -- Times and locks are those of messaging.write_message().
                insert into public.messages_v2 (
                    conversation_id,
                    sender_id,
                    content,
                    created_at,
                    updated_at
                )
                select
                    turn.conversation_id,
                    p_sender_id,
                    p_content,
                    turn.now,
                    turn.now
                from (
                    select
                        locked.id as conversation_id,
                        greatest(
                            pg_catalog.clock_timestamp(),
                            locked.last_message_at + interval '1 microsecond'
                        ) as now
                    from (
                        select
                            conversation.id,
                            conversation.last_message_at
                        from messaging.rules_at_once as rules
                        cross join public.conversations_v2 as conversation
                        where conversation.id = p_conversation_id
                            and p_sender_id in (conversation.requester_id, conversation.helper_id)
                            and conversation.status = 'active'
                            and not exists (
                                select
                                    restriction.restriction_level,
                                    restriction.can_send_messages,
                                    restriction.message_limit_per_day,
                                    restriction.applied_at,
                                    restriction.tableoid
                                from public.user_restrictions as restriction
                                where restriction.user_id = p_sender_id
                                    and (
                                        restriction.expires_at is null
                                        or restriction.expires_at > v_started_at
                                    )
                            )
                            and (
                                select pg_catalog.count(*)
                                from (
                                    select message.created_at
                                    from public.messages_v2 as message
                                    where message.sender_id = p_sender_id
                                        and message.created_at > v_started_at - rules.send_period
                                    union all
                                    select v1.created_at
                                    from public.messages as v1
                                    where v1.sender_id = p_sender_id
                                        and v1.created_at > v_started_at - rules.send_period
                                        and v1.tableoid is not null
                                ) as sent
                            ) < rules.send_maximum
                            and p_content !~* all (rules.prohibited)
                        for no key update of conversation
                    ) as locked
                ) as turn
                returning messages_v2.id into v_message_id;

                if v_message_id is not null then
                    insert into messaging.rpc_events (
                        occurred_at,
                        request_id,
                        service,
                        method,
                        event,
                        user_id,
                        conversation_id,
                        version,
                        duration_ms
                    )
                    values (
                        pg_catalog.clock_timestamp(),
                        v_request_id,
                        'MessagingServiceV2',
                        'sendMessage',
                        'success',
                        p_sender_id,
                        p_conversation_id,
                        'v2',
                        greatest(
                            pg_catalog.date_part(
                                'epoch', pg_catalog.clock_timestamp() - v_started_at
                            ) * 1000,
                            0
                        )
                    );
                    return pg_catalog.jsonb_build_object(
                        'success', true,
                        'message', 'Message sent successfully',
                        'request_id', v_request_id,
                        'message_id', v_message_id
                    );
                end if;
            end if;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when lock_not_available then
                -- Nobody waits for the same lock twice, but where it was the log's.
                if v_message_id is null then
                    v_answer := messaging.unexpected(
                        v_request_id, 'Failed to send message', sqlstate, sqlerrm, p_content
                    );
                end if;
            when others then
                -- Nothing of it is left; the steps run into the same, and know what to answer.
                null;
        end;
        if v_answer is null then
            v_answer := messaging.send_message(
                p_conversation_id,
                p_sender_id,
                p_content,
                v_request_id
            );
        end if;
    end if;
    return messaging.record_call(
        'sendMessage',
        v_started_at,
        v_answer,
        v_caller_id,
        p_conversation_id => p_conversation_id,
        p_version => 'v2'
    );
end;
$function$;

revoke all
    on function public.send_message_v2(uuid, uuid, text)
    from public, anon, authenticated, service_role;
grant execute
    on function public.send_message_v2(uuid, uuid, text)
    to authenticated;

create or replace function public.get_conversation_v2(
    p_conversation_id uuid,
    p_user_id uuid
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_started_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    v_answer pg_catalog.jsonb;
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_user_id is distinct from v_caller_id then
        v_answer := messaging.failure(
            messaging.request_id(),
            'permission_denied',
            'not_the_caller',
            'Cannot access conversation for another user'
        );
    else
        v_answer := messaging.get_conversation(
            p_conversation_id,
            p_user_id,
            messaging.request_id()
        );
    end if;
    return messaging.record_call(
        'getConversation',
        v_started_at,
        v_answer,
        v_caller_id,
        p_conversation_id => p_conversation_id,
        p_version => 'v2'
    );
end;
$function$;

revoke all
    on function public.get_conversation_v2(uuid, uuid)
    from public, anon, authenticated, service_role;
grant execute
    on function public.get_conversation_v2(uuid, uuid)
    to authenticated;

commit;
