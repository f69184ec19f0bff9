-- What: our schema, tables, views, types, columns, functions, policies and triggers have a comment.
-- Why: whoever meets them in a database tool has nothing else to go by.
-- Silent: about partitions, and about sequences, which belong to a column.
with objects (kind, name, comment) as (
    select
        'schema',
        namespace.nspname::text,
        pg_catalog.obj_description(namespace.oid, 'pg_namespace')
    from pg_catalog.pg_namespace as namespace
    where namespace.nspname = 'messaging'
    union all
    select
        case class.relkind
            when 'v' then 'view'
            when 'm' then 'materialized view'
            when 'c' then 'type'
            else 'table'
        end,
        class.oid::regclass::text,
        case class.relkind
            when 'c' then pg_catalog.obj_description(class.reltype, 'pg_type')
            else pg_catalog.obj_description(class.oid, 'pg_class')
        end
    from pg_catalog.pg_class as class
    where class.oid = any(%(relations)s::oid [])
        and class.relkind <> 'S'
        and not class.relispartition
    union all
    select
        'column',
        attribute.attrelid::regclass::text || '.' || pg_catalog.quote_ident(attribute.attname),
        pg_catalog.col_description(attribute.attrelid, attribute.attnum)
    from pg_catalog.pg_attribute as attribute
    inner join pg_catalog.pg_class as class
        on attribute.attrelid = class.oid
    where class.oid = any(%(relations)s::oid [])
        and class.relkind <> 'S'
        and not class.relispartition
        and attribute.attnum > 0
        and not attribute.attisdropped
    union all
    select
        'function',
        routine.oid::regprocedure::text,
        pg_catalog.obj_description(routine.oid, 'pg_proc')
    from pg_catalog.pg_proc as routine
    where routine.oid = any(%(functions)s::oid [])
    union all
    select
        'policy',
        pg_catalog.quote_ident(policy.polname) || ' on ' || policy.polrelid::regclass::text,
        pg_catalog.obj_description(policy.oid, 'pg_policy')
    from pg_catalog.pg_policy as policy
    where policy.polrelid = any(%(relations)s::oid [])
    union all
    select
        'trigger',
        pg_catalog.quote_ident(trigger.tgname) || ' on ' || trigger.tgrelid::regclass::text,
        pg_catalog.obj_description(trigger.oid, 'pg_trigger')
    from pg_catalog.pg_trigger as trigger
    where trigger.tgrelid = any(%(relations)s::oid [])
        and not trigger.tgisinternal
)

select
    'warning' as level,
    kind || ' ' || name as object,
    'has no comment' as detail,
    'Run its `comment on ' || kind || ' ' || name || ' is ...` again, as it stands in the scripts '
    'of migrations/deploy/.' as remediation
from objects
where coalesce(comment, '') = ''
order by object;
