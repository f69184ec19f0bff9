-- What: the indexes, but for those behind constraints, and those that a partition has from its
--     parent.
-- Why: a missing or invalid index lets queries and deletes read whole tables.
select
    'index ' || entry.indexrelid::pg_catalog.regclass as object,
    'table ' || entry.indrelid::pg_catalog.regclass as parent,
    pg_catalog.pg_get_indexdef(entry.indexrelid) || case
        when entry.indisvalid and entry.indisready then ''
        else E'\ninvalid: a build was interrupted'
    end as definition,
    case relation.relkind
        when 'r' then pg_catalog.regexp_replace(
            pg_catalog.pg_get_indexdef(entry.indexrelid), ' INDEX ', ' INDEX CONCURRENTLY '
        )
        else pg_catalog.pg_get_indexdef(entry.indexrelid)
    end || ';' as creation,
    pg_catalog.format(
        'drop index %s%s;',
        case relation.relkind
            when 'r' then 'concurrently '
        end,
        entry.indexrelid::pg_catalog.regclass
    ) as removal,
    pg_catalog.obj_description(entry.indexrelid, 'pg_class') as comment,
    'pg_catalog.pg_class'::pg_catalog.regclass::oid as class_id,
    entry.indexrelid as object_id
from pg_catalog.pg_index as entry
join pg_catalog.pg_class as index
    on index.oid = entry.indexrelid
join pg_catalog.pg_class as relation
    on relation.oid = entry.indrelid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
where not index.relispartition
    and namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema'
    and not exists (
        select
        from pg_catalog.pg_constraint as backed
        where backed.conindid = entry.indexrelid
            and backed.contype in ('p', 'u', 'x')
    );
