-- What: storage parameters and replica identities that were set on tables.
-- Why: they are part of what the plan says, though no row depends on them.
select
    pg_catalog.format('%s of %s', setting.name, relation.oid::pg_catalog.regclass) as object,
    'table ' || relation.oid::pg_catalog.regclass as parent,
    setting.value as definition,
    pg_catalog.format(
        setting.creation, relation.oid::pg_catalog.regclass, setting.value
    ) as creation,
    pg_catalog.format(
        setting.removal, relation.oid::pg_catalog.regclass, setting.names
    ) as removal,
    'info' as level,
    'pg_catalog.pg_class'::pg_catalog.regclass::oid as class_id,
    relation.oid as object_id
from pg_catalog.pg_class as relation
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
cross join lateral (
    select
        'storage parameters' as name,
        pg_catalog.string_agg(parameter.text, ', ' order by parameter.text) as value,
        pg_catalog.string_agg(
            pg_catalog.split_part(parameter.text, '=', 1), ', ' order by parameter.text
        ) as names,
        'alter table %s set (%s);' as creation,
        'alter table %s reset (%s);' as removal
    from pg_catalog.unnest(relation.reloptions) as parameter (text)
    having pg_catalog.count(*) > 0
    union all
    select
        'replica identity',
        case relation.relreplident
            when 'f' then 'full'
            when 'n' then 'nothing'
            else 'using index ' || (
                select pg_catalog.quote_ident(index.relname)
                from pg_catalog.pg_index as entry
                join pg_catalog.pg_class as index
                    on index.oid = entry.indexrelid
                where entry.indrelid = relation.oid
                    and entry.indisreplident
            )
        end,
        null,
        'alter table %s replica identity %s;',
        'alter table %s replica identity default;'
    where relation.relreplident <> 'd'
) as setting
where relation.relkind in ('r', 'p')
    and namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema';
