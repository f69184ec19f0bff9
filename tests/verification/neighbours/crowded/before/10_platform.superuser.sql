-- What: the schemas, functions and settings that a Supabase project has beside ours.
-- Why: none of them is ours, so verify has nothing to say about them.
-- Requires: sql/platform; a superuser session.

create schema extensions;
grant usage on schema extensions to public;
create function extensions.uuid_generate_v4()
returns uuid
language sql
volatile
return gen_random_uuid();

create schema storage authorization supabase_admin;
grant all on schema storage to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema storage
    grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema storage
    grant all on functions to postgres, anon, authenticated, service_role;
create table storage.objects (
    id uuid default gen_random_uuid() primary key,
    bucket_id text,
    name text,
    owner uuid
);
alter table storage.objects enable row level security;
grant all on storage.objects to anon, authenticated, service_role;
create policy "Anybody looks at avatars"
    on storage.objects
    for select
    using (bucket_id = 'avatars');
create policy "Own uploads"
    on storage.objects
    for insert
    to authenticated
    with check (auth.uid() = owner);

create schema graphql_public;
grant usage on schema graphql_public to anon, authenticated, service_role;
create function graphql_public.graphql(query text)
returns jsonb
language sql
return jsonb_build_object('errors', jsonb_build_array(query));

create schema vault;
create table vault.secrets (
    id uuid primary key,
    secret text
);
create view vault.decrypted_secrets as select * from vault.secrets;

create function auth.email()
returns text
language sql
stable
return nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email';

-- PostgREST is told of each change of the schema.
create function extensions.pgrst_ddl_watch()
returns event_trigger
language plpgsql
as $$
begin
    notify pgrst, 'reload schema';
end $$;
create event trigger pgrst_ddl_watch
    on ddl_command_end
    execute function extensions.pgrst_ddl_watch();

create publication everything for all tables;
