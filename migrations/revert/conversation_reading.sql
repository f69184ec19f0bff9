-- Revert care_collective_messaging:conversation_reading from pg
--
-- What: drop the functions that list, page and mark as read, their shapes and their indexes.
-- Why: get_conversation_v2 still reads. What people have read stays noted: the rows are of the
--     table that was there before.
-- Requires: nothing that reads through these functions.
-- Transaction: yes.
--
-- squawk warns of drops: they are what a revert is for. The block below sees to the timeouts.
-- squawk-ignore-file ban-drop-function, require-lock-timeout, require-statement-timeout
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

drop function public.mark_conversation_read_v2(uuid, uuid);
drop function messaging.mark_conversation_read(uuid, uuid, text);

drop function public.get_messages_v2(uuid, uuid, text, integer, text);
drop function messaging.is_participant_v2(uuid, uuid);
drop function messaging.message_page(text, uuid, messaging.message[], text, integer, text);
drop function messaging.read_messages_v2(uuid, text, boolean, integer);
drop function messaging.refuse_message_page(text, uuid, text, integer, text);
drop function messaging.read_cursor(text, uuid, boolean);
drop function messaging.make_cursor(uuid, timestamptz, uuid);

drop function public.list_conversations_v2(uuid, integer, integer);
drop function messaging.conversation_page(
    text, messaging.listed_conversation[], integer, integer, bigint
);
drop function messaging.describe_conversations_v2(uuid[], uuid);
drop function messaging.describe_person(uuid);
drop function messaging.describe_help_request(uuid);
drop function messaging.count_conversations_v2(uuid);
drop function messaging.newest_conversations_v2(uuid, bigint);
drop function messaging.refuse_page(text, integer, integer);

drop type messaging.listed_conversation;
drop type messaging.message;

create index conversations_v2_requester_id_idx on public.conversations_v2 (requester_id);
create index messages_v2_conversation_id_created_at_id_idx
    on public.messages_v2 (conversation_id, created_at, id);

drop index public.messages_v2_conversation_id_created_at_id_sender_id_idx;
drop index public.conversations_v2_helper_id_last_message_at_id_idx;
drop index public.conversations_v2_requester_id_last_message_at_id_idx;

commit;
