-- What: on schema messaging service_role has USAGE, and nobody else but the owner anything.
-- Why: it is the outer door of the internals: without USAGE no grant on what is in it is of use,
--     with CREATE somebody could put a function of their own there.
-- Silent: before the change that grants it is deployed; about superusers and members of the owner.
with expected (since, grantee, privilege) as (
    values
        ('error_codes', 'service_role', 'USAGE'),
        ('monitoring', 'pg_monitor', 'USAGE')
),

actual as (
    select
        case
            when privilege.grantee = 0 then 'public'
            else privilege.grantee::regrole::text
        end as grantee,
        privilege.privilege_type as privilege,
        privilege.is_grantable
    from pg_catalog.pg_namespace as namespace
    cross join
        pg_catalog.aclexplode(
            coalesce(namespace.nspacl, pg_catalog.acldefault('n', namespace.nspowner))
        ) as privilege
    where namespace.nspname = 'messaging'
        and not pg_catalog.pg_has_role(privilege.grantee, namespace.nspowner, 'usage')
)

select
    case
        when actual.grantee in ('public', 'anon', 'authenticated', 'service_role') then 'error'
        else 'warning'
    end as level,
    'schema messaging' as object,
    actual.grantee || case when expected.grantee is null then ' has ' else ' may pass on ' end
    || pg_catalog.lower(actual.privilege) as detail,
    'revoke ' || case when expected.grantee is null then '' else 'grant option for ' end
    || pg_catalog.lower(actual.privilege) || ' on schema messaging from ' || actual.grantee
    || ' cascade;' as remediation
from actual
left join expected
    on actual.grantee = expected.grantee
    and actual.privilege = expected.privilege
    and expected.since = any(%(deployed)s::text [])
where expected.grantee is null or actual.is_grantable
union all
select
    'error',
    'schema messaging',
    expected.grantee || ' lacks ' || pg_catalog.lower(expected.privilege),
    'grant ' || pg_catalog.lower(expected.privilege) || ' on schema messaging to '
    || expected.grantee || ';'
from expected
where expected.since = any(%(deployed)s::text [])
    and pg_catalog.to_regnamespace('messaging') is not null
    and not exists (
        select
        from actual
        where actual.grantee = expected.grantee
            and actual.privilege = expected.privilege
    )
order by object, detail;
