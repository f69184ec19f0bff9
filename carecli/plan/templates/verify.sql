-- Verify {{ project }}:{{ change }} on pg
--
-- What: prove that the change is there and does what it is for; fail loudly where it does not.
-- Why:
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

-- The statements that fail where the change is missing or wrong; `select 1` proves nothing.

rollback;
