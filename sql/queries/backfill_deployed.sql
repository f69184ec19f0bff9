-- What: whether the functions of change v1_backfill are there.
-- Why: `carecli backfill` says what to deploy, rather than that a function does not exist.
select to_regprocedure('messaging.backfill_conversations(integer, boolean)') is not null;
