-- What: who may look into schemas, and make things in them.
-- Why: a schema that is open is the first door to what is in it.
select
    pg_catalog.format(
        'privileges of %s on schema %I',
        case
            when described.grantee = described.nspowner then 'the owner'
            else described.role
        end,
        described.nspname
    ) as object,
    pg_catalog.format('schema %I', described.nspname) as parent,
    described.definition,
    pg_catalog.concat_ws(
        E'\n',
        pg_catalog.format(
            'grant %s on schema %I to %s;', described.plain, described.nspname, described.role
        ),
        'grant ' || described.grantable || pg_catalog.format(
            ' on schema %I to %s with grant option;', described.nspname, described.role
        )
    ) as creation,
    pg_catalog.format(
        'revoke %s on schema %I from %s;', described.plain, described.nspname, described.role
    ) as removal,
    described.grantee = described.nspowner as inline,
    case
        when described.grantee = described.nspowner then described.role
    end as role,
    'pg_catalog.pg_namespace'::pg_catalog.regclass::oid as class_id,
    described.oid as object_id
from (
    select
        namespace.oid,
        namespace.nspname,
        namespace.nspowner,
        granted.grantee,
        case granted.grantee
            when 0 then 'public'
            else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(granted.grantee))
        end as role,
        pg_catalog.string_agg(
            pg_catalog.lower(granted.privilege_type) || case
                when granted.is_grantable then ' with grant option'
                else ''
            end,
            E'\n' order by granted.privilege_type, granted.is_grantable
        ) as definition,
        pg_catalog.string_agg(
            distinct pg_catalog.lower(granted.privilege_type), ', '
        ) as plain,
        pg_catalog.string_agg(
            distinct pg_catalog.lower(granted.privilege_type), ', '
        ) filter (
            where granted.is_grantable
        ) as grantable
    from pg_catalog.pg_namespace as namespace
    cross join lateral pg_catalog.aclexplode(
        coalesce(namespace.nspacl, pg_catalog.acldefault('n'::"char", namespace.nspowner))
    ) as granted
    where namespace.nspname !~ '^pg_'
        and namespace.nspname <> 'information_schema'
    group by
        namespace.oid,
        granted.grantee
) as described;
