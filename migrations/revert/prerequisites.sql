-- Revert care_collective_messaging:prerequisites from pg
--
-- What: nothing; the change only looked.
-- Why: sqitch wants a revert script for every change.
-- Requires: nothing.
-- Transaction: yes.

begin;

commit;
