-- The statements that give another cluster the roles of this one, without their
-- passwords. All may log in there, because one of them has to deploy.
select
    role.rolname as name,
    pg_catalog.format(
        'create role %I login %s %s %s %s %s %s;',
        role.rolname,
        case when role.rolsuper then 'superuser' else 'nosuperuser' end,
        case when role.rolcreatedb then 'createdb' else 'nocreatedb' end,
        case when role.rolcreaterole then 'createrole' else 'nocreaterole' end,
        case when role.rolinherit then 'inherit' else 'noinherit' end,
        case when role.rolreplication then 'replication' else 'noreplication' end,
        case when role.rolbypassrls then 'bypassrls' else 'nobypassrls' end
    ) as creation,
    (
        select pg_catalog.string_agg(
            pg_catalog.format('grant %I to %I;', granted.rolname, role.rolname), E'\n'
        )
        from pg_catalog.pg_auth_members as membership
        join pg_catalog.pg_roles as granted
            on granted.oid = membership.roleid
        where membership.member = role.oid
            and granted.rolname !~ '^pg_'
    ) as memberships
from pg_catalog.pg_roles as role
where role.rolname !~ '^pg_';
