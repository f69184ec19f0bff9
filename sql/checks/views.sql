-- What: no view that anon or authenticated may read shows our tables with the rights of its owner.
-- Why: the owner passes row security by, so such a view shows everybody's messages to everybody; a
--     materialized view has no row security at all.
-- Silent: where the view is security_invoker, or only roles of the operators may read it.
with recursive reaching (oid) as (
    select class.oid
    from pg_catalog.pg_class as class
    where class.oid = any(%(relations)s::oid [])
        and class.relkind not in ('S', 'c')
    union
    select rule.ev_class
    from reaching
    inner join pg_catalog.pg_depend as dependency
        on dependency.refclassid = 'pg_catalog.pg_class'::regclass
        and reaching.oid = dependency.refobjid
        and dependency.classid = 'pg_catalog.pg_rewrite'::regclass
    inner join pg_catalog.pg_rewrite as rule
        on dependency.objid = rule.oid
),

open_views as (
    select
        class.oid::regclass::text as name,
        case class.relkind when 'm' then 'materialized view' else 'view' end as kind,
        pg_catalog.string_agg(role.rolname, ', ' order by role.rolname) as readers
    from reaching
    inner join pg_catalog.pg_class as class
        on reaching.oid = class.oid
    inner join pg_catalog.pg_roles as role
        on role.rolname in ('anon', 'authenticated')
    where class.relkind in ('v', 'm')
        and coalesce(
            (
                select choice.option_value::boolean
                from pg_catalog.pg_options_to_table(class.reloptions) as choice
                where choice.option_name = 'security_invoker'
            ),
            false
        ) is false
        and pg_catalog.has_schema_privilege(role.oid, class.relnamespace, 'usage')
        and pg_catalog.has_any_column_privilege(role.oid, class.oid, 'select')
    group by class.oid
)

select
    'error' as level,
    kind || ' ' || name as object,
    'shows our tables to ' || readers || ' with the rights of its owner' as detail,
    case kind
        when 'view' then 'alter view ' || name || ' set (security_invoker = true);'
        else 'revoke all on table ' || name || ' from public, anon, authenticated;'
    end as remediation
from open_views
order by object;
