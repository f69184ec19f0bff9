-- Adopt care_collective_messaging:v1_backfill on pg
--
-- What: pass where its tables and functions are there, whatever the tables are like that it fills.
-- Why: the verify script runs the functions, which fail where a column has another type until that
--     is mended.
-- Requires: nothing.
-- Transaction: yes, rolled back.
--
-- Mended by: mend_hand_edits

begin;

set local search_path = '';

select
    'messaging.backfill_conversations'::pg_catalog.regproc,
    'messaging.backfill_progress'::pg_catalog.regproc,
    'messaging.reconcile_backfill'::pg_catalog.regproc;

do $tables$
begin
    if pg_catalog.to_regclass('messaging.v1_backfill_conversations') is null
        or pg_catalog.to_regclass('messaging.v1_backfill_progress') is null
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'a table of the backfill is missing';
    end if;
end;
$tables$;

rollback;
