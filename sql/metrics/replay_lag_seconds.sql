-- name: replay_lag_seconds
-- help: How far each replica is behind; on a replica, the age of what it replayed last.
-- unit: seconds
-- type: gauge
-- labels: replica
-- window: now
-- target:
select
    replica.application_name as replica,
    pg_catalog.round(extract(epoch from replica.replay_lag), 3) as value
from pg_catalog.pg_stat_replication as replica
union all
select
    'this server' as replica,
    pg_catalog.round(
        extract(
            epoch from pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()
        ),
        3
    ) as value
where pg_catalog.pg_is_in_recovery()
order by replica;
