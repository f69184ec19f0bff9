-- name: table_health
-- help: Rows, dead rows and size with indexes of the tables of V2, as the statistics estimate them.
-- unit: rows and bytes
-- type: gauge
-- labels: table
-- window: now
-- target:
select
    health.relname as "table",
    health.n_live_tup as rows,
    health.n_dead_tup as dead_rows,
    pg_catalog.pg_total_relation_size(health.relid) as bytes
from pg_catalog.pg_stat_user_tables as health
where health.schemaname = 'public'
    and health.relname in ('conversations_v2', 'messages_v2', 'conversation_reads_v2')
order by health.relname;
