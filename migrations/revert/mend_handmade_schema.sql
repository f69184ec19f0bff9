-- Revert care_collective_messaging:mend_handmade_schema from pg
--
-- What: nothing; tables and functions stay as they are mended, which is the shape of @v0.1.0.
-- Why: what was there before let anybody act as anybody, and nobody has kept it.
-- Requires: nothing.
-- Transaction: yes.
--
-- carecli-check: ignore revert, what was there before is not to come back

begin;

do $kept$
begin
    raise notice 'tables and functions of messaging V2 stay in the shape of @v0.1.0';
end;
$kept$;

commit;
