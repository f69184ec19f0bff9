-- Revert {{ project }}:{{ change }} from pg
--
-- What: undo the change and nothing else; refuse where rows would be lost.
-- Why:
-- Requires: nothing.
-- Transaction: yes.

begin;

-- The statements that undo this change, the last one first.

commit;
