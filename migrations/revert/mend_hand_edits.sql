-- Revert care_collective_messaging:mend_hand_edits from pg
--
-- What: nothing; tables and functions stay as they are mended, which is the shape of the plan.
-- Why: what somebody edited by hand was not meant to be, and nobody has kept it.
-- Requires: nothing.
-- Transaction: yes.
--
-- carecli-check: ignore revert, what was there before is not to come back

begin;

do $kept$
begin
    raise notice 'tables and functions of messaging V2 stay in the shape of the plan';
end;
$kept$;

commit;
