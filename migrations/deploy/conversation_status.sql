-- Deploy care_collective_messaging:conversation_status to pg
--
-- What: conversations_v2.blocked_by and the trigger that keeps it; the function that closes,
--     archives, blocks and opens again.
-- Why: only the one who blocked may unblock, by whichever way the status is changed: the function,
--     or the UPDATE of this one column that signed-in users have.
-- Requires: fix_v2_security_definer_auth.
-- Transaction: yes.
--
-- squawk wants literal settings; carecli brings its own, and the block below covers the rest. The
-- check looks at the rows under the lock: nobody is on V2 before the rollout begins.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, constraint-missing-not-valid

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

-- Null for a conversation that was blocked before today, or by somebody V1 does not name: then
-- nobody but an operator can tell who may unblock it. One of the two people, hence no foreign key:
-- the conversation goes with either of them.
alter table public.conversations_v2
    add column blocked_by uuid,
    add constraint conversations_v2_blocked_by_known
        check (
            blocked_by is null
            or (status = 'blocked' and blocked_by in (requester_id, helper_id))
        );

comment on column public.conversations_v2.blocked_by is
    'Who blocked it and alone may unblock it; null: not blocked, or only an operator may unblock.';

-- A definer, for the sake of those who may update the status but not look into schema messaging.
create function messaging.guard_block()
returns trigger
language plpgsql
security definer
set search_path = ''
as $function$
declare
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
begin
    -- Nobody signed in: an operator or a job of the application, who may do anything.
    if v_caller_id is null then
        if new.status <> 'blocked' then
            new.blocked_by := null;
        end if;
        return new;
    end if;
    if old.status <> 'blocked' then
        new.blocked_by := v_caller_id;
        return new;
    end if;
    if new.status <> 'blocked' and old.blocked_by is distinct from v_caller_id then
        raise exception using
            errcode = 'insufficient_privilege',
            message = 'Only the one who blocked this conversation can unblock it';
    end if;
    -- Blocking what is blocked changes nothing: the first one still holds the key.
    new.blocked_by := case when new.status = 'blocked' then old.blocked_by end;
    return new;
end;
$function$;

revoke all
    on function messaging.guard_block()
    from public, anon, authenticated, service_role;

comment on function messaging.guard_block() is
    'Trigger: notes who blocks a conversation and lets nobody else unblock it.';

-- The "when" keeps the trigger away from all other updates, such as that of every new message.
create trigger conversations_v2_guard_block
    before update of status, blocked_by
    on public.conversations_v2
    for each row
    when (old.status = 'blocked' or new.status = 'blocked')
    execute function messaging.guard_block();
comment on trigger conversations_v2_guard_block on public.conversations_v2 is
    'Keeps blocked_by.';

create function messaging.set_conversation_status(
    p_conversation_id uuid,
    p_user_id uuid,
    p_status text,
    p_request_id text
)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $function$
declare
    v_status pg_catalog.text;
    v_blocked_by pg_catalog.uuid;
begin
    if p_status is null or p_status not in ('active', 'closed', 'archived', 'blocked') then
        return messaging.failure(
            p_request_id,
            'validation_error',
            'invalid_status',
            'Status must be active, closed, archived or blocked'
        );
    end if;

    -- Whoever is writing a message waits for us, or we for them, and then sees the new status.
    -- A stranger's call finds no row, hence locks none.
    select
        conversation.status,
        conversation.blocked_by
    into
        v_status,
        v_blocked_by
    from public.conversations_v2 as conversation
    where conversation.id = p_conversation_id
        and p_user_id in (conversation.requester_id, conversation.helper_id)
    for no key update;

    if not found then
        return messaging.failure(
            p_request_id,
            'not_found',
            'conversation_not_found',
            'Conversation not found or you do not have access'
        );
    end if;
    -- The trigger would say so as well, but by an exception.
    if v_status = 'blocked'
        and p_status <> 'blocked'
        and v_blocked_by is distinct from p_user_id
    then
        return messaging.failure(
            p_request_id,
            'permission_denied',
            'not_the_blocker',
            'Only the one who blocked this conversation can unblock it'
        );
    end if;
    if v_status <> p_status then
        update public.conversations_v2
        set status = p_status
        where conversations_v2.id = p_conversation_id;
    end if;

    return messaging.success(
        p_request_id,
        'Conversation status updated successfully',
        pg_catalog.jsonb_build_object(
            'conversation_id', p_conversation_id,
            'status', p_status
        )
    );
exception
    -- Beyond read committed the transaction can only be tried again, which is for its owner to do.
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        return messaging.unexpected(
            p_request_id,
            'Failed to update conversation status',
            sqlstate,
            sqlerrm
        );
end;
$function$;

revoke all
    on function messaging.set_conversation_status(uuid, uuid, text, text)
    from public, anon, authenticated, service_role;

comment on function messaging.set_conversation_status(uuid, uuid, text, text) is
    'Closes, archives, blocks or opens a conversation. Trusts p_user_id: callers have checked it.';

create function public.set_conversation_status_v2(
    p_conversation_id uuid,
    p_user_id uuid,
    p_status text
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_started_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_request_id constant pg_catalog.text := messaging.request_id();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    v_answer pg_catalog.jsonb;
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_user_id is distinct from v_caller_id then
        v_answer := messaging.failure(
            v_request_id,
            'permission_denied',
            'not_the_caller',
            'Cannot access conversation for another user'
        );
    else
        v_answer := messaging.set_conversation_status(
            p_conversation_id,
            p_user_id,
            p_status,
            v_request_id
        );
    end if;
    return messaging.record_call(
        'setConversationStatus',
        v_started_at,
        v_answer,
        v_caller_id,
        p_conversation_id => p_conversation_id,
        p_version => 'v2'
    );
end;
$function$;

revoke all
    on function public.set_conversation_status_v2(uuid, uuid, text)
    from public, anon, authenticated, service_role;
grant execute
    on function public.set_conversation_status_v2(uuid, uuid, text)
    to authenticated;

comment on function public.set_conversation_status_v2(uuid, uuid, text) is
    'Closes, archives, blocks or opens a conversation of the user; who blocked it, unblocks it.';

commit;
