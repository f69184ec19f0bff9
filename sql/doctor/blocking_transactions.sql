-- What: sessions whose transaction has held locks on tables for longer than a migration waits.
-- Why: DDL waits for them, and everybody who comes later waits behind the DDL.
-- Parameters: patience, how long a migration waits for a lock (milliseconds).
-- A role without pg_read_all_stats does not see how old transactions of others are: then it is told
-- that they are there.
with holder as (
    select
        activity.pid,
        activity.usename,
        activity.application_name,
        activity.state,
        extract(epoch from pg_catalog.clock_timestamp() - activity.xact_start) as seconds,
        pg_catalog.string_agg(
            distinct held.relation::pg_catalog.regclass::text, ', '
        ) as relations
    from pg_catalog.pg_locks as held
    join pg_catalog.pg_stat_activity as activity
        on activity.pid = held.pid
    join pg_catalog.pg_class as relation
        on relation.oid = held.relation
    join pg_catalog.pg_namespace as namespace
        on namespace.oid = relation.relnamespace
    where held.locktype = 'relation'
        and held.granted
        and held.database = (
            select here.oid
            from pg_catalog.pg_database as here
            where here.datname = pg_catalog.current_database()
        )
        and held.pid <> pg_catalog.pg_backend_pid()
        and relation.relkind in ('r', 'p', 'v', 'm', 'f')
        and namespace.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
        -- Workers of autovacuum have no user, and make way by themselves.
        and activity.usesysid is not null
        and coalesce(activity.backend_type, 'client backend') = 'client backend'
    group by
        activity.pid,
        activity.usename,
        activity.application_name,
        activity.state,
        activity.xact_start
)
select
    case when holder.seconds is null then 'info' else 'warning' end as level,
    pg_catalog.format('session %%s of %%s', holder.pid, holder.usename) as object,
    pg_catalog.format(
        '%%s%%s holds locks on %%s%%s',
        coalesce(nullif(holder.application_name, ''), 'a client without a name'),
        ', ' || holder.state || ',',
        holder.relations,
        coalesce(
            ' for ' || pg_catalog.round(holder.seconds)::text || ' s',
            '; this role may not see for how long'
        )
    ) as detail,
    pg_catalog.format(
        'let it end, or: select pg_catalog.pg_terminate_backend(%%s);', holder.pid
    ) as remediation
from holder
where holder.seconds is null
    or holder.seconds * 1000 >= %(patience)s
order by
    holder.seconds desc nulls last,
    holder.pid;
