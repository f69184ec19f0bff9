-- Adopt care_collective_messaging:conversation_status on pg
--
-- What: pass where the functions are there, whatever column, check and trigger are like.
-- Why: these are mended with the table that they are of.
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

select
    'public.set_conversation_status_v2'::pg_catalog.regproc,
    'messaging.set_conversation_status'::pg_catalog.regproc,
    'messaging.guard_block'::pg_catalog.regproc;

rollback;
