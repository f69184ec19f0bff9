-- What: schema public, its default privileges and the realtime publication as Supabase has them.
-- Why: Supabase grants everything on new tables, functions and sequences to its three roles; the
--     migrations must be right in spite of that, so the look-alike has to do the same.
-- Requires: 10_roles.sql.
-- Transaction: yes.

grant usage
    on schema public
    to anon, authenticated, service_role, postgres;
grant create
    on schema public
    to postgres;

do $database$
begin
    execute pg_catalog.format(
        'grant create, connect, temporary on database %I to postgres', pg_catalog.current_database()
    );
end;
$database$;

alter default privileges for role postgres in schema public
    grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
    grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
    grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
    grant all on sequences to postgres, anon, authenticated, service_role;

create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;

comment on publication supabase_realtime is 'What Supabase Realtime streams to its subscribers.';
