-- What: whether this role may write to the registry, or make it.
-- Why: a change is recorded in its own transaction, which would fail at its very end.
-- Parameters: registry, the name of its schema.
with registry as (
    select namespace.oid
    from pg_catalog.pg_namespace as namespace
    where namespace.nspname = %(registry)s
)
select
    'error' as level,
    'database ' || pg_catalog.current_database() as object,
    pg_catalog.format(
        'the role %%s may not make the schema %%s of the registry', current_user, %(registry)s::text
    ) as detail,
    pg_catalog.format(
        'grant create on database %%I to %%I;', pg_catalog.current_database(), current_user
    ) as remediation
where not exists (select from registry)
    and not pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create')
union all
select
    'error',
    pg_catalog.format('schema %%I', %(registry)s::text),
    pg_catalog.format('the role %%s may not use the registry', current_user),
    pg_catalog.format('grant usage on schema %%I to %%I;', %(registry)s::text, current_user)
from registry
where not pg_catalog.has_schema_privilege(registry.oid, 'usage')
union all
select
    'error',
    pg_catalog.format('table %%I.%%I', %(registry)s::text, relation.relname),
    pg_catalog.format('the role %%s may not write to it', current_user),
    pg_catalog.format(
        'grant select, insert, update, delete on table %%I.%%I to %%I;',
        %(registry)s::text,
        relation.relname,
        current_user
    )
from registry
join pg_catalog.pg_class as relation
    on relation.relnamespace = registry.oid
    and relation.relkind = 'r'
where not pg_catalog.has_table_privilege(relation.oid, 'insert')
order by 2;
