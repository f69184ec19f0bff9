-- name: oldest_transaction_seconds
-- help: Age of the oldest open transaction here; an old one stops vacuum and blocks DDL.
-- unit: seconds
-- type: gauge
-- labels:
-- window: now
-- target:
select
    pg_catalog.round(
        extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.min(activity.xact_start)), 3
    ) as value
from pg_catalog.pg_stat_activity as activity
where activity.datname = pg_catalog.current_database()
    and activity.pid <> pg_catalog.pg_backend_pid()
having pg_catalog.min(activity.xact_start) is not null;
