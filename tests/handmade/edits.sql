-- What: what somebody may have edited in a migrated database, all of it at once.
-- Why: `carecli adopt` has to find it, and `carecli migrate` to undo it.
-- Requires: the whole plan. Run as the owner of the database.

drop policy messages_v2_insert_sender on messages_v2;
drop policy conversations_v2_select_participant on conversations_v2;
drop policy conversations_v2_insert_helper on conversations_v2;
drop policy conversations_v2_update_participant on conversations_v2;
create policy everybody on conversations_v2 using (true);
drop trigger conversations_v2_guard_block on conversations_v2;
alter table conversations_v2
    drop constraint conversations_v2_status_known,
    drop constraint conversations_v2_blocked_by_known;
create type conversation_status as enum ('pending', 'active', 'accepted', 'rejected', 'closed');
alter table conversations_v2
    alter column status drop default,
    alter column status type conversation_status using status::conversation_status,
    alter column status set default 'active',
    alter column status drop not null,
    alter column created_at drop not null,
    alter column origin drop default,
    add check (requester_id <> helper_id);
alter table conversations_v2 drop constraint conversations_v2_two_people;
alter table conversations_v2
    rename constraint conversations_v2_helper_id_fkey to helper_of_conversation;
alter table messages_v2 drop constraint messages_v2_content_length;
alter table messages_v2 add check (length(content) > 0) not valid;
alter table messages_v2 disable trigger messages_v2_note_last_message;
alter table messages_v2 disable row level security;
alter index conversations_v2_helper_id_created_at_idx rename to helpers;
drop index messages_v2_conversation_id_created_at_id_sender_id_idx;
drop index messages_v2_sender_id_created_at_idx;

grant insert, update on conversations_v2, messages_v2 to authenticated;
grant select on messages_v2 to anon;
grant execute on function create_conversation_atomic(uuid, uuid, text) to public;
grant execute on function list_conversations_v2(uuid, integer, integer) to anon;
revoke execute on function get_messages_v2(uuid, uuid, text, integer, text) from authenticated;
grant execute on function messaging.send_message(uuid, uuid, text, text) to authenticated;
alter function get_messages(uuid, text, integer, text) reset search_path;
alter function messaging.trim_whitespace(text) reset search_path;
alter function mark_conversation_read_v2(uuid, uuid) security invoker;
alter publication supabase_realtime drop table messages_v2;

create or replace function send_message_v2(
    p_conversation_id uuid, p_sender_id uuid, p_content text
) returns jsonb language plpgsql security definer as $$
begin
    if p_sender_id <> auth.uid() then
        return messaging.failure('id', 'permission_denied', 'not_the_caller', 'Not you');
    end if;
    return messaging.send_message(p_conversation_id, p_sender_id, p_content, 'id');
end $$;
drop function get_conversation_v2(uuid, uuid);
create function get_conversation_v2(conversation uuid, person uuid)
returns json language sql security definer as $$
    select to_json(c) from conversations_v2 as c where c.id = conversation
$$;
