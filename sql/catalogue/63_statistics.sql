-- What: extended statistics.
-- Why: the planner's choices rest on them.
select
    pg_catalog.format('statistics %I.%I', namespace.nspname, entry.stxname) as object,
    'table ' || entry.stxrelid::pg_catalog.regclass as parent,
    pg_catalog.pg_get_statisticsobjdef(entry.oid) as definition,
    pg_catalog.pg_get_statisticsobjdef(entry.oid) || ';' as creation,
    pg_catalog.format('drop statistics %I.%I;', namespace.nspname, entry.stxname) as removal,
    pg_catalog.obj_description(entry.oid, 'pg_statistic_ext') as comment,
    'pg_catalog.pg_statistic_ext'::pg_catalog.regclass::oid as class_id,
    entry.oid as object_id
from pg_catalog.pg_statistic_ext as entry
join pg_catalog.pg_namespace as namespace
    on namespace.oid = entry.stxnamespace
where namespace.nspname !~ '^pg_';
