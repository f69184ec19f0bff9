-- Deploy care_collective_messaging:start_help_conversation to pg
--
-- What: start_help_conversation, the whole start-conversation route for the signed-in user.
-- Why: what the application asked in six round trips, each of which could fail by itself, is one
--     call and one transaction: limits, the request, V2 or V1, and the request's new status.
--     A helper has one conversation about a request, in whichever system it began: who answered
--     in V1 and is on V2 since is told the id of that conversation, which stays writable, and does
--     not get a second one that no backfill could bring together with the first.
-- Requires: v1_conversations, rollout.
-- Transaction: yes.
--
-- squawk wants timeouts; nothing here takes a lock that an application could feel.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

create function messaging.start_help_conversation(
    p_help_request_id uuid,
    p_helper_id uuid,
    p_initial_message text,
    p_request_id text
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_answer pg_catalog.jsonb;
    v_requester_id pg_catalog.uuid;
    v_status pg_catalog.text;
    v_version pg_catalog.text;
    v_conversation_id pg_catalog.uuid;
    v_is_first boolean;
begin
    v_answer := messaging.admit_start(p_request_id, p_helper_id);
    if v_answer is not null then
        return v_answer;
    end if;

    -- At once as strong as the change of status below needs it: two helpers who both had a share of
    -- the row and both wanted more would deadlock. Whoever closes the request waits for us, or we
    -- for them, and then see what they did.
    select
        request.user_id,
        request.status::pg_catalog.text
    into
        v_requester_id,
        v_status
    from public.help_requests as request
    where request.id = p_help_request_id
    for no key update;

    if not found then
        return messaging.failure(
            p_request_id,
            'not_found',
            'help_request_not_found',
            'Help request not found'
        );
    end if;
    if v_requester_id is not distinct from p_helper_id then
        return messaging.failure(
            p_request_id,
            'validation_error',
            'own_help_request',
            'Cannot create conversation with yourself'
        );
    end if;
    if v_status is null or v_status not in ('open', 'in_progress') then
        return messaging.failure(
            p_request_id,
            'help_request_unavailable',
            'help_request_closed',
            'Help request is no longer available'
        );
    end if;

    select conversation.id
    into v_conversation_id
    from public.conversations_v2 as conversation
    where conversation.help_request_id = p_help_request_id
        and conversation.helper_id = p_helper_id;

    if found then
        v_version := 'v2';
    else
        v_conversation_id := messaging.pair_conversation_v1(
            p_help_request_id, p_helper_id, v_requester_id
        );
        v_version := 'v1';
    end if;
    if v_conversation_id is not null then
        return messaging.failure(
            p_request_id,
            'conversation_exists',
            'duplicate_conversation',
            'Conversation already exists for this help request and helper',
            pg_catalog.jsonb_build_object(
                'conversation_id', v_conversation_id,
                'version', v_version
            )
        );
    end if;

    -- A request that its owner has opened again stays open: what follows is not its first answer.
    v_is_first := v_status = 'open'
        and not exists (
            select
            from public.conversations_v2 as conversation
            where conversation.help_request_id = p_help_request_id
        )
        and not messaging.is_answered_v1(p_help_request_id, v_requester_id);

    if messaging.is_v2_enabled(p_helper_id) then
        v_version := 'v2';
        v_answer := messaging.insert_conversation(
            p_help_request_id,
            p_helper_id,
            p_initial_message,
            p_request_id
        );
    else
        v_version := 'v1';
        v_answer := messaging.insert_conversation_v1(
            p_help_request_id,
            p_helper_id,
            v_requester_id,
            p_initial_message,
            p_request_id
        );
    end if;
    v_answer := v_answer || pg_catalog.jsonb_build_object('version', v_version);
    if not (v_answer -> 'success')::boolean then
        return v_answer;
    end if;

    if v_is_first then
        update public.help_requests
        set status = 'in_progress'
        where help_requests.id = p_help_request_id;
    end if;
    return v_answer || pg_catalog.jsonb_build_object(
        'help_request_id', p_help_request_id,
        'http_status', 201
    );
exception
    -- Beyond read committed the transaction can only be tried again, which is for its owner to do.
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        return messaging.unexpected(
            p_request_id,
            'Failed to create conversation',
            sqlstate,
            sqlerrm,
            p_initial_message
        );
end;
$function$;

revoke all
    on function messaging.start_help_conversation(uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.start_help_conversation(uuid, uuid, text, text) is
    'The start-conversation route. Trusts p_helper_id: callers have checked it.';

create function public.start_help_conversation(
    p_help_request_id uuid,
    p_initial_message text
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
        v_answer := messaging.start_help_conversation(
            p_help_request_id,
            v_caller_id,
            p_initial_message,
            v_request_id
        );
    end if;
    return messaging.record_call(
        'startHelpConversation',
        v_started_at,
        v_answer,
        v_caller_id,
        p_help_request_id
    );
end;
$function$;

revoke all
    on function public.start_help_conversation(uuid, text)
    from public, anon, authenticated, service_role;
grant execute
    on function public.start_help_conversation(uuid, text)
    to authenticated;

comment on function public.start_help_conversation(uuid, text) is
    'Begins the conversation of the signed-in user on a help request, in V2 or V1 by the rollout.';

commit;
