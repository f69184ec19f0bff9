-- What: whether this role can stand where a client of the application does.
-- Why: `carecli verify` plays the attacker as each of them; the migration itself needs it not.
select
    'warning' as level,
    'role ' || role.rolname as object,
    pg_catalog.format('%%s may not set it, so carecli verify cannot try it', current_user) as detail,
    pg_catalog.format('grant %%I to %%I;', role.rolname, current_user) as remediation
from pg_catalog.pg_roles as role
where role.rolname in ('anon', 'authenticated', 'service_role')
    and not case
        -- PostgreSQL 16 has learned to tell being a member from being allowed to become it.
        when pg_catalog.current_setting('server_version_num')::integer >= 160000
            then pg_catalog.pg_has_role(current_user, role.oid, 'set')
        else pg_catalog.pg_has_role(current_user, role.oid, 'member')
    end
order by role.rolname;
