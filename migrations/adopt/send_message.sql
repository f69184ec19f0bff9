-- Adopt care_collective_messaging:send_message on pg
--
-- What: pass where the functions are there, whoever may call them and however they are set.
-- Why: privileges and settings of functions are mended for all of them at once.
-- Requires: nothing.
-- Transaction: yes, rolled back.
--
-- Mended by: mend_hand_edits

begin;

set local search_path = '';

select 'public.send_message'::pg_catalog.regproc;

select entry.message_id
from messaging.client_messages as entry
limit 0;

rollback;
