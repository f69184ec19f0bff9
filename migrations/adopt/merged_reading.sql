-- Adopt care_collective_messaging:merged_reading on pg
--
-- What: pass where the functions are there, whoever may call them and however they are set.
-- Why: privileges and settings of functions are mended for all of them at once.
-- Requires: nothing.
-- Transaction: yes, rolled back.
--
-- Mended by: mend_hand_edits

begin;

set local search_path = '';

select
    'public.get_conversation_version'::pg_catalog.regproc,
    'public.get_messages'::pg_catalog.regproc,
    'public.list_conversations'::pg_catalog.regproc;

rollback;
