-- The advisory lock that sqitch takes as well: one migrator at a time, whichever tool it is.
-- Asked for without waiting: a waiting backend would hold a snapshot, and
-- `create index concurrently` would wait for it for ever.
select pg_try_advisory_lock(75474063);
