-- Up to when the log can have been read, when the oldest transaction that one may see began, the
-- number of the oldest transaction that has not ended, and that of the next one to begin.
-- A standby has got no further than what it has replayed.
select case when pg_catalog.pg_is_in_recovery()
            then least(pg_catalog.pg_last_xact_replay_timestamp(), pg_catalog.clock_timestamp())
            else pg_catalog.clock_timestamp()
       end,
       (select least(min(session.xact_start), pg_catalog.clock_timestamp())
          from pg_catalog.pg_stat_activity as session
         where session.datname = pg_catalog.current_database()),
       pg_catalog.pg_snapshot_xmin(snapshot.now)::text::bigint,
       pg_catalog.pg_snapshot_xmax(snapshot.now)::text::bigint
  from (select pg_catalog.pg_current_snapshot() as now) as snapshot;
