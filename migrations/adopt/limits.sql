-- Adopt care_collective_messaging:limits on pg
--
-- What: pass where the limits and their functions are there, whatever indexes are.
-- Why: the verify script wants indexes of the message tables, which are mended.
-- Requires: nothing.
-- Transaction: yes, rolled back.
--
-- Mended by: mend_hand_edits

begin;

set local search_path = '';

select
    entry.action,
    entry.maximum,
    entry.period
from messaging.limits as entry
limit 0;

select
    'messaging.admit'::pg_catalog.regproc,
    'messaging.take_turn'::pg_catalog.regproc,
    'messaging.set_limit'::pg_catalog.regproc;

rollback;
