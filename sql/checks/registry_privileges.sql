-- What: no role of the API may write sqitch's registry.
-- Why: whoever writes it makes a migration run again, or never, and passes for who deployed.
-- Silent: where there is no registry.
select
    'error' as level,
    'table ' || class.oid::regclass::text as object,
    case when privilege.grantee = 0 then 'public' else privilege.grantee::regrole::text end
    || ' has '
    || pg_catalog.string_agg(
        pg_catalog.lower(privilege.privilege_type), ', ' order by privilege.privilege_type
    ) as detail,
    'revoke all on table ' || class.oid::regclass::text || ' from '
    || case when privilege.grantee = 0 then 'public' else privilege.grantee::regrole::text end
    || ' cascade;' as remediation
from pg_catalog.pg_class as class
cross join pg_catalog.aclexplode(class.relacl) as privilege
where class.relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(%(registry)s))
    and class.relname in (
        'releases', 'projects', 'changes', 'tags', 'dependencies', 'events'
    )
    and privilege.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
    and case when privilege.grantee = 0 then 'public' else privilege.grantee::regrole::text end
    in ('public', 'anon', 'authenticated', 'service_role')
group by class.oid, privilege.grantee
order by object, detail;
