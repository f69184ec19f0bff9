-- What: who may use enums, composite types and domains.
-- Why: as for everything else that has privileges.
select
    pg_catalog.format(
        'privileges of %s on %s %s',
        case
            when described.grantee = described.typowner then 'the owner'
            else described.role
        end,
        described.word,
        described.name
    ) as object,
    described.word || ' ' || described.name as parent,
    'usage' || described.suffix as definition,
    pg_catalog.format(
        'grant usage on type %s to %s%s;', described.name, described.role, described.suffix
    ) as creation,
    pg_catalog.format(
        'revoke all on type %s from %s;', described.name, described.role
    ) as removal,
    described.grantee = described.typowner as inline,
    case
        when described.grantee = described.typowner then described.role
    end as role,
    'pg_catalog.pg_type'::pg_catalog.regclass::oid as class_id,
    described.oid as object_id
from (
    select
        type.oid,
        type.typowner,
        granted.grantee,
        pg_catalog.format_type(type.oid, null) as name,
        case type.typtype
            when 'd' then 'domain'
            else 'type'
        end as word,
        case granted.grantee
            when 0 then 'public'
            else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(granted.grantee))
        end as role,
        case
            when pg_catalog.bool_or(granted.is_grantable) then ' with grant option'
            else ''
        end as suffix
    from pg_catalog.pg_type as type
    join pg_catalog.pg_namespace as namespace
        on namespace.oid = type.typnamespace
    left join pg_catalog.pg_class as composite
        on composite.oid = type.typrelid
    cross join lateral pg_catalog.aclexplode(
        coalesce(type.typacl, pg_catalog.acldefault('T'::"char", type.typowner))
    ) as granted
    where namespace.nspname !~ '^pg_'
        and namespace.nspname <> 'information_schema'
        and (type.typtype in ('e', 'd') or composite.relkind = 'c')
    group by
        type.oid,
        granted.grantee
) as described;
