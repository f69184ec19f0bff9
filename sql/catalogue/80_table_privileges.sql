-- What: who may do what with tables, their columns, views and sequences.
-- Why: a privilege too many walks past the functions.
-- One row for each role, the columns included: to revoke on a table revokes on its columns too.
with grants as (
    select
        relation.oid,
        granted.grantee,
        granted.is_grantable,
        pg_catalog.lower(granted.privilege_type) as privilege
    from pg_catalog.pg_class as relation
    cross join lateral pg_catalog.aclexplode(
        coalesce(
            relation.relacl,
            pg_catalog.acldefault(
                case relation.relkind
                    when 'S' then 's'::"char"
                    else 'r'::"char"
                end,
                relation.relowner
            )
        )
    ) as granted
    union all
    select
        attribute.attrelid,
        granted.grantee,
        granted.is_grantable,
        pg_catalog.format('%s (%I)', pg_catalog.lower(granted.privilege_type), attribute.attname)
    from pg_catalog.pg_attribute as attribute
    cross join lateral pg_catalog.aclexplode(attribute.attacl) as granted
    where not attribute.attisdropped
)
select
    pg_catalog.format(
        'privileges of %s on %s %s',
        case
            when described.grantee = described.relowner then 'the owner'
            else described.role
        end,
        described.word,
        described.name
    ) as object,
    coalesce(described.identity_column, described.word || ' ' || described.name) as parent,
    described.definition,
    pg_catalog.concat_ws(
        E'\n',
        pg_catalog.format(
            'grant %s on %s %s to %s;',
            described.plain,
            described.target,
            described.name,
            described.role
        ),
        'grant ' || described.grantable || pg_catalog.format(
            ' on %s %s to %s with grant option;',
            described.target,
            described.name,
            described.role
        )
    ) as creation,
    pg_catalog.format(
        'revoke %s on %s %s from %s;',
        described.plain,
        described.target,
        described.name,
        described.role
    ) as removal,
    described.grantee = described.relowner as inline,
    case
        when described.grantee = described.relowner then described.role
    end as role,
    'pg_catalog.pg_class'::pg_catalog.regclass::oid as class_id,
    described.oid as object_id
from (
    select
        relation.oid,
        relation.relowner,
        grants.grantee,
        relation.oid::pg_catalog.regclass as name,
        (
            select pg_catalog.format(
                'column %s.%I', attribute.attrelid::pg_catalog.regclass, attribute.attname
            )
            from pg_catalog.pg_depend as belonging
            join pg_catalog.pg_attribute as attribute
                on attribute.attrelid = belonging.refobjid
                and attribute.attnum = belonging.refobjsubid
            where belonging.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                and belonging.objid = relation.oid
                and belonging.deptype = 'i'
                and relation.relkind = 'S'
        ) as identity_column,
        case relation.relkind
            when 'v' then 'view'
            when 'm' then 'materialized view'
            when 'S' then 'sequence'
            else 'table'
        end as word,
        case relation.relkind
            when 'S' then 'sequence'
            else 'table'
        end as target,
        case grants.grantee
            when 0 then 'public'
            else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grants.grantee))
        end as role,
        pg_catalog.string_agg(
            grants.privilege || case
                when grants.is_grantable then ' with grant option'
                else ''
            end,
            E'\n' order by grants.privilege, grants.is_grantable
        ) as definition,
        pg_catalog.string_agg(grants.privilege, ', ' order by grants.privilege) as plain,
        pg_catalog.string_agg(grants.privilege, ', ' order by grants.privilege) filter (
            where grants.is_grantable
        ) as grantable
    from grants
    join pg_catalog.pg_class as relation
        on relation.oid = grants.oid
    join pg_catalog.pg_namespace as namespace
        on namespace.oid = relation.relnamespace
    where relation.relkind in ('r', 'p', 'v', 'm', 'S')
        and relation.relpersistence <> 't'
        and namespace.nspname !~ '^pg_'
        and namespace.nspname <> 'information_schema'
    group by
        relation.oid,
        grants.grantee
) as described
-- What an identity column counts with is its owner's whatever happens.
where described.identity_column is null
    or described.grantee <> described.relowner;
