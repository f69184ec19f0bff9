-- Adopt care_collective_messaging:start_help_conversation on pg
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
    'public.start_help_conversation'::pg_catalog.regproc,
    'messaging.start_help_conversation'::pg_catalog.regproc;

rollback;
