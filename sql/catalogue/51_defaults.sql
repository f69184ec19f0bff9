-- What: the defaults of columns. Those of a partition are left out: rows come in by its parent.
-- Why: a default that is gone or another one writes other rows.
select
    pg_catalog.format(
        'default of %s.%I', attribute.attrelid::pg_catalog.regclass, attribute.attname
    ) as object,
    pg_catalog.format(
        'column %s.%I', attribute.attrelid::pg_catalog.regclass, attribute.attname
    ) as parent,
    pg_catalog.pg_get_expr(preset.adbin, preset.adrelid) as definition,
    described.statement as creation,
    pg_catalog.format(
        'alter table %s alter column %I drop default;',
        attribute.attrelid::pg_catalog.regclass,
        attribute.attname
    ) as removal,
    described.statement as replacement,
    true as inline,
    'pg_catalog.pg_attrdef'::pg_catalog.regclass::oid as class_id,
    preset.oid as object_id
from pg_catalog.pg_attrdef as preset
join pg_catalog.pg_attribute as attribute
    on attribute.attrelid = preset.adrelid
    and attribute.attnum = preset.adnum
join pg_catalog.pg_class as relation
    on relation.oid = attribute.attrelid
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
cross join lateral (
    select pg_catalog.format(
        'alter table %s alter column %I set default %s;',
        attribute.attrelid::pg_catalog.regclass,
        attribute.attname,
        pg_catalog.pg_get_expr(preset.adbin, preset.adrelid)
    ) as statement
) as described
where attribute.attgenerated = ''
    and relation.relkind in ('r', 'p')
    and not relation.relispartition
    and namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema';
