-- What: the check and foreign key constraints that are proved for all rows.
-- Why: one that is `not valid` says nothing about the rows that were there before.
select
    pg_catalog.format(
        'validation of %I on %s', entry.conname, entry.conrelid::pg_catalog.regclass
    ) as object,
    pg_catalog.format(
        'constraint %I on %s', entry.conname, entry.conrelid::pg_catalog.regclass
    ) as parent,
    'valid' as definition,
    pg_catalog.format(
        'alter table %s validate constraint %I;',
        entry.conrelid::pg_catalog.regclass,
        entry.conname
    ) as creation,
    relation.relkind = 'p' as inline,
    'pg_catalog.pg_constraint'::pg_catalog.regclass::oid as class_id,
    entry.oid as object_id
from pg_catalog.pg_constraint as entry
join pg_catalog.pg_class as relation
    on relation.oid = entry.conrelid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
where entry.contype in ('c', 'f')
    and entry.convalidated
    and entry.coninhcount = 0
    and entry.conparentid = 0
    and namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema';
