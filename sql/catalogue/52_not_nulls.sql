-- What: the columns that must not be null.
-- Why: a column that may be null is one that the functions do not expect.
select
    pg_catalog.format(
        'not null of %s.%I', attribute.attrelid::pg_catalog.regclass, attribute.attname
    ) as object,
    pg_catalog.format(
        'column %s.%I', attribute.attrelid::pg_catalog.regclass, attribute.attname
    ) as parent,
    'not null' as definition,
    pg_catalog.format(
        E'-- Care: this reads the whole table, and fails where rows hold null.\n'
        'alter table %s alter column %I set not null;',
        attribute.attrelid::pg_catalog.regclass,
        attribute.attname
    ) as creation,
    pg_catalog.format(
        'alter table %s alter column %I drop not null;',
        attribute.attrelid::pg_catalog.regclass,
        attribute.attname
    ) as removal,
    true as inline,
    'pg_catalog.pg_class'::pg_catalog.regclass::oid as class_id,
    attribute.attrelid as object_id
from pg_catalog.pg_attribute as attribute
join pg_catalog.pg_class as relation
    on relation.oid = attribute.attrelid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
where attribute.attnotnull
    and attribute.attnum > 0
    and not attribute.attisdropped
    and relation.relkind in ('r', 'p')
    and not relation.relispartition
    and namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema';
