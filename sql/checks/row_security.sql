-- What: row-level security is on for every table of ours in public, and not forced on its owner.
-- Why: without it SELECT shows everybody's conversations; forced, it would shut out the functions
--     that do the writing, since no policy is for the owner.
-- Silent: about schema messaging, where nobody but the owner has a privilege.
select
    'error' as level,
    'table ' || class.oid::regclass::text as object,
    'row-level security is off' as detail,
    'alter table ' || class.oid::regclass::text || ' enable row level security;' as remediation
from pg_catalog.pg_class as class
where class.oid = any(%(relations)s::oid [])
    and class.relkind in ('r', 'p')
    and class.relnamespace = pg_catalog.to_regnamespace('public')
    and not class.relrowsecurity
union all
select
    'error',
    'table ' || class.oid::regclass::text,
    'row-level security is forced on the owner, whose functions it shuts out',
    'alter table ' || class.oid::regclass::text || ' no force row level security;'
from pg_catalog.pg_class as class
where class.oid = any(%(relations)s::oid [])
    and class.relforcerowsecurity
order by object, detail;
