-- What: the progress of the backfill has its one row.
-- Why: a batch begins where that row says, and cannot begin without it.
-- Silent: about how far it is.
-- Reads: messaging.v1_backfill_progress.
select
    'error' as level,
    'table messaging.v1_backfill_progress' as object,
    'has no row' as detail,
    'insert into messaging.v1_backfill_progress (only_row) values (true);' as remediation
where not exists (select from messaging.v1_backfill_progress);
