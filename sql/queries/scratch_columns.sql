-- The columns of all tables in the schemas that the application and Supabase Auth have, with types
-- that another database can have too: an enum with its labels, text for what an extension brings.
select
    relation.oid::pg_catalog.regclass::text as table_name,
    pg_catalog.quote_ident(attribute.attname) as column_name,
    case
        when labels.list is not null or base_schema.nspname = 'pg_catalog'
            then pg_catalog.format_type(attribute.atttypid, attribute.atttypmod)
        else 'text'
    end as type,
    case
        when labels.list is not null then pg_catalog.format(
            'create type %s as enum (%s);', pg_catalog.format_type(base.oid, null), labels.list
        )
    end as type_creation
from pg_catalog.pg_class as relation
join pg_catalog.pg_namespace as namespace
    on namespace.oid = relation.relnamespace
join pg_catalog.pg_attribute as attribute
    on attribute.attrelid = relation.oid
join pg_catalog.pg_type as base
    on base.oid = attribute.atttypid
join pg_catalog.pg_namespace as base_schema
    on base_schema.oid = base.typnamespace
left join lateral (
    select pg_catalog.string_agg(
        pg_catalog.quote_literal(label.enumlabel), ', ' order by label.enumsortorder
    ) as list
    from pg_catalog.pg_enum as label
    where label.enumtypid = base.oid
        and base_schema.nspname in ('auth', 'public')
) as labels
    on true
where namespace.nspname in ('auth', 'public')
    and relation.relkind in ('r', 'p')
    and attribute.attnum > 0
    and not attribute.attisdropped;
