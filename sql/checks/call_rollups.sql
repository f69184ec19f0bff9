-- What: the roll-ups have the one row that says how far they go.
-- Why: without it nothing is rolled up, and nothing of the event log is dropped any more.
-- Silent: about how far they go: what is not rolled up is read from the log.
-- Reads: messaging.rollup_state.
select
    'error' as level,
    'table messaging.rollup_state' as object,
    'has no row' as detail,
    'insert into messaging.rollup_state default values;' as remediation
where not exists (select from messaging.rollup_state);
