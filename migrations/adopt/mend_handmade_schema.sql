-- Adopt care_collective_messaging:mend_handmade_schema on pg
--
-- What: pass where changes that are planned after this one are there.
-- Why: the other adopt scripts judge of what this verify script finds.
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
    'messaging.caller_id'::pg_catalog.regproc,
    'messaging.failure'::pg_catalog.regproc;

rollback;
