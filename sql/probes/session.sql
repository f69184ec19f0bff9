-- What: is there anything to probe here, and may it be probed?
-- Why: a standby cannot be written to, and without the tables of V2 there is nothing to attack.
select
    pg_catalog.pg_is_in_recovery() as standby,
    pg_catalog.to_regclass('public.conversations_v2') is not null as installed,
    array(
        select role.rolname::text
        from pg_catalog.pg_roles as role
        where role.rolname in ('anon', 'authenticated', 'service_role')
        order by role.rolname
    ) as roles;
