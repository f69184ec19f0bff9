-- What: the fix that was published for base.sql: the three functions ask who calls, but with `<>`,
--     which is null, hence not true, where nobody is signed in.
-- Why: it looks mended and is not.
-- Requires: base.sql.

create or replace function create_conversation_atomic(
    p_help_request_id uuid, p_helper_id uuid, p_initial_message text
) returns jsonb language plpgsql security definer as $$
declare
    owner_id uuid;
    new_id uuid;
begin
    if p_helper_id <> auth.uid() then
        return jsonb_build_object(
            'success', false, 'error', 'Cannot create conversation on behalf of another user'
        );
    end if;
    select user_id into owner_id from help_requests where id = p_help_request_id;
    insert into conversations_v2 (help_request_id, requester_id, helper_id, initial_message)
    values (p_help_request_id, owner_id, p_helper_id, p_initial_message)
    returning id into new_id;
    return jsonb_build_object('success', true, 'conversation_id', new_id);
end $$;

create or replace function send_message_v2(
    p_conversation_id uuid, p_sender_id uuid, p_content text
) returns jsonb language plpgsql security definer as $$
declare
    new_id uuid;
begin
    if p_sender_id <> auth.uid() then
        return jsonb_build_object(
            'success', false, 'error', 'Cannot send message on behalf of another user'
        );
    end if;
    insert into messages_v2 (conversation_id, sender_id, content)
    values (p_conversation_id, p_sender_id, p_content)
    returning id into new_id;
    return jsonb_build_object('success', true, 'message_id', new_id);
end $$;

create or replace function get_conversation_v2(p_conversation_id uuid, p_user_id uuid)
returns jsonb language plpgsql security definer as $$
begin
    if p_user_id <> auth.uid() then
        return jsonb_build_object(
            'success', false, 'error', 'Cannot access conversation for another user'
        );
    end if;
    return (
        select jsonb_build_object('success', true, 'conversation', to_jsonb(c))
        from conversations_v2 as c
        where c.id = p_conversation_id and p_user_id in (c.requester_id, c.helper_id)
    );
end $$;

grant execute on function create_conversation_atomic(uuid, uuid, text) to authenticated;
grant execute on function send_message_v2(uuid, uuid, text) to authenticated;
grant execute on function get_conversation_v2(uuid, uuid) to authenticated;
