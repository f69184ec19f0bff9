-- What: views and materialized views, with their options.
-- Why: a view without security_invoker shows what row level security hides.
select
    view.word || ' ' || view.name as object,
    pg_catalog.format('schema %I', view.nspname) as parent,
    pg_catalog.concat_ws(E'\n', view.options, view.query) as definition,
    pg_catalog.format(
        E'create %s %s%s as\n%s', view.word, view.name, ' ' || view.options, view.query
    ) as creation,
    pg_catalog.format('drop %s %s;', view.word, view.name) as removal,
    case view.relkind
        when 'v' then pg_catalog.format(
            E'create or replace view %s%s as\n%s', view.name, ' ' || view.options, view.query
        )
    end as replacement,
    view.columns as shape,
    pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(view.relowner)) as owner,
    pg_catalog.has_schema_privilege(view.relowner, view.relnamespace, 'create') as owner_creates,
    pg_catalog.obj_description(view.oid, 'pg_class') as comment,
    'pg_catalog.pg_class'::pg_catalog.regclass::oid as class_id,
    view.oid as object_id
from (
    select
        relation.oid,
        relation.relkind,
        relation.relowner,
        relation.relnamespace,
        namespace.nspname,
        relation.oid::pg_catalog.regclass as name,
        case relation.relkind
            when 'm' then 'materialized view'
            else 'view'
        end as word,
        'with (' || pg_catalog.array_to_string(relation.reloptions, ', ') || ')' as options,
        pg_catalog.pg_get_viewdef(relation.oid) as query,
        (
            select pg_catalog.string_agg(
                pg_catalog.format(
                    '%I %s',
                    attribute.attname,
                    pg_catalog.format_type(attribute.atttypid, attribute.atttypmod)
                ),
                ', ' order by attribute.attnum
            )
            from pg_catalog.pg_attribute as attribute
            where attribute.attrelid = relation.oid
                and attribute.attnum > 0
                and not attribute.attisdropped
        ) as columns
    from pg_catalog.pg_class as relation
    join pg_catalog.pg_namespace as namespace
        on namespace.oid = relation.relnamespace
    where relation.relkind in ('v', 'm')
        and relation.relpersistence <> 't'
        and namespace.nspname !~ '^pg_'
        and namespace.nspname <> 'information_schema'
        and not exists (
            select
            from pg_catalog.pg_depend as membership
            where membership.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                and membership.objid = relation.oid
                and membership.deptype = 'e'
        )
) as view;
