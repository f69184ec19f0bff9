-- What: default privileges taken back, as Supabase advises for new projects.
-- Why: the plan grants what it needs by itself, wherever it starts from.
-- Requires: sql/platform; a superuser session.

alter default privileges for role postgres in schema public
    revoke all on tables from anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    revoke all on functions from anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    revoke all on sequences from anon, authenticated, service_role;
alter default privileges for role postgres
    revoke execute on functions from public;
revoke all on schema public from public;
