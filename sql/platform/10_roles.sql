-- What: the roles of a Supabase project.
-- Why: policies, grants and default privileges name them.
-- Requires: 00_guard.sql.
-- Transaction: yes.

-- Roles belong to the cluster, advisory locks to a database: a lock on the shared catalogue is
-- what makes two databases of one cluster wait for each other here.
lock table pg_catalog.pg_authid in share row exclusive mode;

do $roles$
declare
    v_role text;
    v_attributes text;
begin
    for v_role, v_attributes in
        values
            ('supabase_admin', 'superuser createdb createrole replication bypassrls'),
            ('postgres', 'login createdb createrole replication bypassrls'),
            ('supabase_auth_admin', 'nologin noinherit createrole'),
            ('authenticator', 'login noinherit'),
            ('anon', 'nologin noinherit'),
            ('authenticated', 'nologin noinherit'),
            ('service_role', 'nologin noinherit bypassrls')
    loop
        if pg_catalog.to_regrole(v_role) is null then
            execute pg_catalog.format('create role %I ', v_role) || v_attributes;
        end if;
    end loop;
end;
$roles$;

-- A second grant of a membership would only raise a notice, but would still write the catalogue.
do $memberships$
declare
    v_member text;
    v_role text;
begin
    for v_member, v_role in
        select
            member.name,
            granted.name
        from (values ('authenticator'), ('postgres')) as member (name)
        cross join (values ('anon'), ('authenticated'), ('service_role')) as granted (name)
        where not exists (
            select
            from pg_catalog.pg_auth_members as membership
            where membership.roleid = pg_catalog.to_regrole(granted.name)
                and membership.member = pg_catalog.to_regrole(member.name)
        )
    loop
        execute pg_catalog.format('grant %I to %I', v_role, v_member);
    end loop;
end;
$memberships$;
