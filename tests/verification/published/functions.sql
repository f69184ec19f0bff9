-- What: the three functions with the holes that they were first published with.
-- Why: the check is written with <>, which is null for somebody who is not signed in; the names are
--     looked up in the search path of the caller; everybody may call.
-- Requires: tables.sql.
-- Transaction: yes.

create function public.create_conversation_atomic(
    p_help_request_id uuid,
    p_helper_id uuid,
    p_initial_message text
)
returns jsonb
language plpgsql
security definer
as $function$
declare
    v_owner uuid;
    v_id uuid;
begin
    if p_helper_id <> auth.uid() then
        return jsonb_build_object('success', false, 'error', 'permission_denied');
    end if;
    select user_id
    into v_owner
    from help_requests
    where id = p_help_request_id
        and status in ('open', 'in_progress');
    if v_owner is null then
        return jsonb_build_object('success', false, 'error', 'help_request_unavailable');
    end if;
    insert into conversations_v2 (help_request_id, requester_id, helper_id, initial_message)
    values (p_help_request_id, v_owner, p_helper_id, p_initial_message)
    returning id into v_id;
    return jsonb_build_object('success', true, 'conversation_id', v_id);
exception
    when unique_violation then
        return jsonb_build_object('success', false, 'error', 'conversation_exists');
end;
$function$;

create function public.send_message_v2(
    p_conversation_id uuid,
    p_sender_id uuid,
    p_content text
)
returns jsonb
language plpgsql
security definer
as $function$
declare
    v_id uuid;
begin
    if p_sender_id <> auth.uid() then
        return jsonb_build_object('success', false, 'error', 'permission_denied');
    end if;
    if not exists (
        select
        from conversations_v2
        where id = p_conversation_id
            and p_sender_id in (requester_id, helper_id)
            and status in ('pending', 'active', 'accepted')
    ) then
        return jsonb_build_object('success', false, 'error', 'permission_denied');
    end if;
    insert into messages_v2 (conversation_id, sender_id, content)
    values (p_conversation_id, p_sender_id, p_content)
    returning id into v_id;
    return jsonb_build_object('success', true, 'message_id', v_id);
end;
$function$;

create function public.get_conversation_v2(
    p_conversation_id uuid,
    p_user_id uuid
)
returns jsonb
language plpgsql
security definer
as $function$
declare
    v_conversation jsonb;
    v_messages jsonb;
begin
    if p_user_id <> auth.uid() then
        return jsonb_build_object('success', false, 'error', 'permission_denied');
    end if;
    select to_jsonb(conversation)
    into v_conversation
    from conversations_v2 as conversation
    where conversation.id = p_conversation_id
        and p_user_id in (conversation.requester_id, conversation.helper_id);
    if v_conversation is null then
        return jsonb_build_object('success', false, 'error', 'not_found');
    end if;
    select coalesce(jsonb_agg(message order by message.created_at), '[]')
    into v_messages
    from messages_v2 as message
    where message.conversation_id = p_conversation_id;
    return jsonb_build_object(
        'success', true, 'conversation', v_conversation, 'messages', v_messages
    );
end;
$function$;
