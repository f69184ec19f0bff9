-- What: how many connections this role can still open to this database.
-- Why: a migration needs two: for the scripts and for its lock. A third looks for a pooler in the way.
with me as (
    select
        role.oid,
        role.rolname,
        role.rolsuper,
        role.rolconnlimit
    from pg_catalog.pg_roles as role
    where role.rolname = current_user
),
place (whose, maximum, taken, remediation) as (
    select
        'server',
        pg_catalog.current_setting('max_connections')::integer
        - case
            when me.rolsuper then 0
            else pg_catalog.current_setting('superuser_reserved_connections')::integer
            -- PostgreSQL 16 brought a second reserve.
            + coalesce(pg_catalog.current_setting('reserved_connections', true)::integer, 0)
        end,
        (
            select pg_catalog.count(*)
            from pg_catalog.pg_stat_activity as activity
            where activity.usesysid is not null
                and activity.datid is not null
                and coalesce(activity.backend_type, 'client backend') = 'client backend'
        ),
        'end sessions that idle, or raise max_connections'
    from me
    union all
    select
        'database ' || here.datname,
        here.datconnlimit,
        (
            select pg_catalog.count(*)
            from pg_catalog.pg_stat_activity as activity
            where activity.datid = here.oid
                and activity.usesysid is not null
        ),
        pg_catalog.format('alter database %%I connection limit -1;', here.datname)
    from pg_catalog.pg_database as here
    cross join me
    where here.datname = pg_catalog.current_database()
        and here.datconnlimit >= 0
        and not me.rolsuper
    union all
    select
        'role ' || me.rolname,
        me.rolconnlimit,
        (
            select pg_catalog.count(*)
            from pg_catalog.pg_stat_activity as activity
            where activity.usesysid = me.oid
        ),
        pg_catalog.format('alter role %%I connection limit -1;', me.rolname)
    from me
    where me.rolconnlimit >= 0
        and not me.rolsuper
)
select
    case when place.maximum - place.taken < 2 then 'error' else 'warning' end as level,
    'connections of ' || place.whose as object,
    pg_catalog.format(
        '%%s of %%s are taken, and a migration needs two more', place.taken, place.maximum
    ) as detail,
    place.remediation
from place
where place.maximum - place.taken < 5
order by place.whose;
