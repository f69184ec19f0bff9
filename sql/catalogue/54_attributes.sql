-- What: the columns of views and of composite types.
-- Why: they have comments of their own; all else about them is the view's, or the type's.
select
    pg_catalog.format(
        'column %s.%I', attribute.attrelid::pg_catalog.regclass, attribute.attname
    ) as object,
    case relation.relkind
        when 'm' then 'materialized view '
        when 'c' then 'type '
        else 'view '
    end || attribute.attrelid::pg_catalog.regclass as parent,
    '' as definition,
    true as inline,
    pg_catalog.col_description(attribute.attrelid, attribute.attnum) as comment,
    'pg_catalog.pg_class'::pg_catalog.regclass::oid as class_id,
    attribute.attrelid as object_id
from pg_catalog.pg_attribute as attribute
join pg_catalog.pg_class as relation
    on relation.oid = attribute.attrelid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
where relation.relkind in ('v', 'm', 'c')
    and attribute.attnum > 0
    and not attribute.attisdropped
    and namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema';
