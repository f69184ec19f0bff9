-- case: no progress
-- finds: error table messaging.v1_backfill_progress: has no row
delete from messaging.v1_backfill_progress;
