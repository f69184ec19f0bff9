-- What: of all columns, authenticated may update conversations_v2.status, and nobody else has a
--     privilege of a single column.
-- Why: signed-in users close and archive their conversations with it; with any other column they
--     could change who talks to whom, or what was said.
-- Silent: about privileges of whole tables, which table_privileges has; about the owner,
--     superusers and members of the owner.
with expected (since, relation, name, grantee, privilege) as (
    values
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2', 'status',
            'authenticated', 'UPDATE'
        )
),

in_force as (
    select
        expected.relation,
        expected.name,
        expected.grantee,
        expected.privilege
    from expected
    inner join pg_catalog.pg_attribute as attribute
        on attribute.attrelid = pg_catalog.to_regclass(expected.relation)
        and attribute.attname = expected.name
        and not attribute.attisdropped
    where expected.since = any(%(deployed)s::text [])
),

actual as (
    select
        attribute.attrelid::regclass::text as relation,
        pg_catalog.quote_ident(attribute.attname) as name,
        case
            when privilege.grantee = 0 then 'public'
            else privilege.grantee::regrole::text
        end as grantee,
        privilege.privilege_type as privilege,
        privilege.is_grantable
    from pg_catalog.pg_attribute as attribute
    inner join pg_catalog.pg_class as class
        on attribute.attrelid = class.oid
    cross join pg_catalog.aclexplode(attribute.attacl) as privilege
    where attribute.attrelid = any(%(relations)s::oid [])
        and not pg_catalog.pg_has_role(privilege.grantee, class.relowner, 'usage')
)

select
    case
        when actual.grantee in ('public', 'anon', 'authenticated', 'service_role') then 'error'
        else 'warning'
    end as level,
    'column ' || actual.relation || '.' || actual.name as object,
    actual.grantee || case when expected.name is null then ' has ' else ' may pass on ' end
    || pg_catalog.lower(actual.privilege) as detail,
    'revoke ' || case when expected.name is null then '' else 'grant option for ' end
    || pg_catalog.lower(actual.privilege) || ' (' || actual.name || ') on table '
    || actual.relation || ' from ' || actual.grantee || ' cascade;' as remediation
from actual
left join in_force as expected
    using (relation, name, grantee, privilege)
where expected.name is null or actual.is_grantable
union all
select
    'error',
    'column ' || expected.relation || '.' || expected.name,
    expected.grantee || ' lacks ' || pg_catalog.lower(expected.privilege),
    'grant ' || pg_catalog.lower(expected.privilege) || ' (' || expected.name || ') on table '
    || expected.relation || ' to ' || expected.grantee || ';'
from in_force as expected
left join actual
    using (relation, name, grantee, privilege)
where actual.name is null
order by object, detail;
