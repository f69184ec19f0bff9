-- What: who may call functions and procedures.
-- Why: a function is open to everybody unless somebody revoked that.
select
    pg_catalog.format(
        'privileges of %s on %s %s',
        case
            when described.grantee = described.proowner then 'the owner'
            else described.role
        end,
        described.word,
        described.name
    ) as object,
    described.word || ' ' || described.name as parent,
    'execute' || described.suffix as definition,
    pg_catalog.format(
        'grant execute on %s %s to %s%s;',
        described.word,
        described.name,
        described.role,
        described.suffix
    ) as creation,
    pg_catalog.format(
        'revoke execute on %s %s from %s;', described.word, described.name, described.role
    ) as removal,
    described.grantee = described.proowner as inline,
    case
        when described.grantee = described.proowner then described.role
    end as role,
    'pg_catalog.pg_proc'::pg_catalog.regclass::oid as class_id,
    described.oid as object_id
from (
    select
        procedure.oid,
        procedure.proowner,
        granted.grantee,
        procedure.oid::pg_catalog.regprocedure as name,
        case procedure.prokind
            when 'p' then 'procedure'
            else 'function'
        end as word,
        case granted.grantee
            when 0 then 'public'
            else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(granted.grantee))
        end as role,
        case
            when pg_catalog.bool_or(granted.is_grantable) then ' with grant option'
            else ''
        end as suffix
    from pg_catalog.pg_proc as procedure
    join pg_catalog.pg_namespace as namespace
        on namespace.oid = procedure.pronamespace
    cross join lateral pg_catalog.aclexplode(
        coalesce(procedure.proacl, pg_catalog.acldefault('f'::"char", procedure.proowner))
    ) as granted
    where procedure.prokind <> 'a'
        and namespace.nspname !~ '^pg_'
        and namespace.nspname <> 'information_schema'
    group by
        procedure.oid,
        granted.grantee
) as described;
