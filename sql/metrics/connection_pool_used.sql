-- name: connection_pool_used
-- help: Client connections by state, and their share of the places open to users.
-- unit: connections
-- type: gauge
-- labels: state
-- window: now
-- target: share < 0.80
with place as (
    select
        pg_catalog.current_setting('max_connections')::numeric
        - pg_catalog.current_setting('superuser_reserved_connections')::numeric
        -- PostgreSQL 16 brought a second reserve.
        - coalesce(pg_catalog.current_setting('reserved_connections', true)::numeric, 0) as count
)
select
    -- Of other people's connections a role without pg_read_all_stats sees that they are there.
    case
        when grouping(coalesce(activity.state, 'hidden')) = 1 then 'total'
        else coalesce(activity.state, 'hidden')
    end as state,
    pg_catalog.count(*) as connections,
    pg_catalog.round(pg_catalog.count(*) / pg_catalog.max(place.count), 4) as share
from pg_catalog.pg_stat_activity as activity
cross join place
where activity.backend_type = 'client backend'
    or (
        -- Hidden: background processes have no database, or no user.
        activity.backend_type is null
        and activity.datid is not null
        and activity.usesysid is not null
    )
group by grouping sets ((coalesce(activity.state, 'hidden')), ())
order by connections desc;
