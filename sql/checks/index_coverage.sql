-- What: every foreign key of our tables, and every column of theirs that a policy asks, leads a
--     valid index.
-- Why: deleting an account or a request looks for what hangs on it, and a policy for one's own
--     rows: without an index both read the whole table.
-- Silent: about columns of other tables that a policy asks, and about policies that are not ours
--     to keep fast: those for INSERT, which ask about the new row alone.
with wanted (relation, attribute, reason) as (
    select
        rule.conrelid,
        rule.conkey[1],
        'foreign key ' || pg_catalog.quote_ident(rule.conname)
    from pg_catalog.pg_constraint as rule
    where rule.conrelid = any(%(relations)s::oid [])
        and rule.contype = 'f'
    union
    select
        policy.polrelid,
        dependency.refobjsubid::smallint,
        'policy ' || pg_catalog.quote_ident(policy.polname)
    from pg_catalog.pg_policy as policy
    inner join pg_catalog.pg_depend as dependency
        on dependency.classid = 'pg_catalog.pg_policy'::regclass
        and policy.oid = dependency.objid
        and dependency.refclassid = 'pg_catalog.pg_class'::regclass
        and policy.polrelid = dependency.refobjid
    where policy.polrelid = any(%(relations)s::oid [])
        and policy.polcmd <> 'a'
        and dependency.refobjsubid > 0
)

select
    'warning' as level,
    'column ' || wanted.relation::regclass::text || '.' || pg_catalog.quote_ident(column_.attname)
        as object,
    'leads no index, though it is asked by '
    || pg_catalog.string_agg(wanted.reason, ', ' order by wanted.reason) as detail,
    'create index concurrently on ' || wanted.relation::regclass::text || ' ('
    || pg_catalog.quote_ident(column_.attname) || ');' as remediation
from wanted
inner join pg_catalog.pg_attribute as column_
    on wanted.relation = column_.attrelid and wanted.attribute = column_.attnum
where not exists (
    select
    from pg_catalog.pg_index as index
    where index.indrelid = wanted.relation
        and index.indkey[0] = wanted.attribute
        and index.indisvalid
        and index.indpred is null
)
group by wanted.relation, column_.attname
order by object;
