-- What: the privileges that new objects will get.
-- Why: in a schema of the plan's own they would open what is made there next.
select
    pg_catalog.format(
        'default privileges of %s on %s%s made by %s',
        described.role,
        described.target,
        ' in schema ' || described.schema,
        described.maker
    ) as object,
    'schema ' || described.schema as parent,
    described.definition,
    pg_catalog.format(
        'alter default privileges for role %s%s grant %s on %s to %s;',
        described.maker,
        ' in schema ' || described.schema,
        described.list,
        described.target,
        described.role
    ) as creation,
    pg_catalog.format(
        'alter default privileges for role %s%s revoke all on %s from %s;',
        described.maker,
        ' in schema ' || described.schema,
        described.target,
        described.role
    ) as removal,
    described.role,
    'pg_catalog.pg_default_acl'::pg_catalog.regclass::oid as class_id,
    described.oid as object_id
from (
    select
        entry.oid,
        pg_catalog.quote_ident(namespace.nspname) as schema,
        pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(entry.defaclrole)) as maker,
        case entry.defaclobjtype
            when 'r' then 'tables'
            when 'S' then 'sequences'
            when 'f' then 'functions'
            when 'T' then 'types'
            when 'n' then 'schemas'
            else 'large objects'
        end as target,
        case granted.grantee
            when 0 then 'public'
            else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(granted.grantee))
        end as role,
        pg_catalog.string_agg(
            pg_catalog.lower(granted.privilege_type), E'\n' order by granted.privilege_type
        ) as definition,
        pg_catalog.string_agg(
            pg_catalog.lower(granted.privilege_type), ', ' order by granted.privilege_type
        ) as list
    from pg_catalog.pg_default_acl as entry
    left join pg_catalog.pg_namespace as namespace
        on namespace.oid = entry.defaclnamespace
    cross join lateral pg_catalog.aclexplode(entry.defaclacl) as granted
    group by
        entry.oid,
        namespace.nspname,
        granted.grantee
) as described;
