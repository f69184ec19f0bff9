-- Adopt care_collective_messaging:messaging_system_v2_atomic on pg
--
-- What: pass where tables and internal functions are there, whatever somebody has edited about
--     columns, constraints, indexes, triggers, policies, privileges and the three functions.
-- Why: a database may have been edited since it was migrated.
-- Requires: nothing.
-- Transaction: yes, rolled back.
--
-- Mended by: mend_hand_edits

begin;

set local search_path = '';

-- Without what the second version stands on, the first one is what there is.
select entry.code
from messaging.error_codes as entry
limit 0;

-- Each column has to be there; of which type it is, is for the change that mends.
select
    conversation.id,
    conversation.help_request_id,
    conversation.requester_id,
    conversation.helper_id,
    conversation.initial_message,
    conversation.status,
    conversation.origin,
    conversation.created_at,
    conversation.updated_at,
    conversation.last_message_at
from public.conversations_v2 as conversation
limit 0;

select
    message.id,
    message.conversation_id,
    message.sender_id,
    message.content,
    message.created_at,
    message.updated_at
from public.messages_v2 as message
limit 0;

select
    reading.conversation_id,
    reading.user_id,
    reading.last_read_at
from public.conversation_reads_v2 as reading
limit 0;

select
    'messaging.create_conversation'::pg_catalog.regproc,
    'messaging.send_message'::pg_catalog.regproc,
    'messaging.get_conversation'::pg_catalog.regproc,
    'messaging.failure'::pg_catalog.regproc,
    'messaging.success'::pg_catalog.regproc,
    'messaging.http_status'::pg_catalog.regproc,
    'messaging.request_id'::pg_catalog.regproc,
    'messaging.trim_whitespace'::pg_catalog.regproc,
    'messaging.note_last_message'::pg_catalog.regproc,
    'messaging.set_updated_at'::pg_catalog.regproc;

-- Of the second version.
select 'messaging.write_conversation'::pg_catalog.regproc;

rollback;
