-- What: on our tables, views and sequences every role has exactly these privileges; in schema
--     messaging nobody but the owner has any.
-- Why: they are narrower than the policies on purpose. With INSERT a helper could forge whose
--     request it is, with UPDATE of whole rows rewrite what the other one said. Supabase's default
--     privileges grant everything on every new table, so a table made anew is open.
-- Silent: about privileges of single columns, which column_privileges has; about the owner, and
--     roles that may do everything an owner may: superusers and its members.
with expected (grantee, privilege) as (
    values
        ('authenticated', 'SELECT'),
        ('service_role', 'SELECT'),
        ('service_role', 'INSERT'),
        ('service_role', 'UPDATE'),
        ('service_role', 'DELETE')
),

ours as (
    select
        class.oid,
        class.relnamespace = pg_catalog.to_regnamespace('public') as is_public,
        case when class.relkind = 'S' then 'sequence ' else 'table ' end
        || class.oid::regclass::text as name,
        class.relowner as owner,
        coalesce(
            class.relacl,
            pg_catalog.acldefault(
                case when class.relkind = 'S' then 's' else 'r' end::"char", class.relowner
            )
        ) as acl
    from pg_catalog.pg_class as class
    where class.oid = any(%(relations)s::oid [])
        and class.relkind <> 'c'
),

actual as (
    select
        ours.oid,
        ours.name,
        ours.is_public,
        case
            when privilege.grantee = 0 then 'public'
            else privilege.grantee::regrole::text
        end as grantee,
        privilege.privilege_type as privilege,
        privilege.is_grantable
    from ours
    cross join pg_catalog.aclexplode(ours.acl) as privilege
    where not pg_catalog.pg_has_role(privilege.grantee, ours.owner, 'usage')
),

excess as (
    select
        actual.name,
        actual.grantee,
        pg_catalog.string_agg(
            pg_catalog.lower(actual.privilege), ', ' order by actual.privilege
        ) as privileges,
        expected.grantee is not null as is_grant_option
    from actual
    left join expected
        on actual.grantee = expected.grantee
        and actual.privilege = expected.privilege
        and actual.is_public
    where expected.grantee is null or actual.is_grantable
    group by actual.name, actual.grantee, expected.grantee is not null
),

missing as (
    select
        ours.name,
        expected.grantee,
        pg_catalog.string_agg(
            pg_catalog.lower(expected.privilege), ', ' order by expected.privilege
        ) as privileges
    from ours
    cross join expected
    where ours.is_public
        and not exists (
            select
            from actual
            where actual.oid = ours.oid
                and actual.grantee = expected.grantee
                and actual.privilege = expected.privilege
        )
    group by ours.name, expected.grantee
)

select
    case
        when excess.grantee in ('public', 'anon', 'authenticated', 'service_role') then 'error'
        else 'warning'
    end as level,
    excess.name as object,
    excess.grantee || case when excess.is_grant_option then ' may pass on ' else ' has ' end
    || excess.privileges as detail,
    'revoke ' || case when excess.is_grant_option then 'grant option for ' else '' end
    || excess.privileges || ' on ' || excess.name || ' from ' || excess.grantee || ' cascade;'
        as remediation
from excess
union all
select
    'error',
    missing.name,
    missing.grantee || ' lacks ' || missing.privileges,
    'grant ' || missing.privileges || ' on ' || missing.name || ' to ' || missing.grantee || ';'
from missing
order by object, detail;
