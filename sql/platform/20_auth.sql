-- What: schema auth with the users and the functions that read the claims of the signed-in user.
-- Why: V2 refers to auth.users and asks auth.uid() who is calling.
-- Requires: 10_roles.sql.
-- Transaction: yes.

create schema auth authorization supabase_admin;

comment on schema auth is 'Look-alike of the schema of Supabase Auth.';

grant usage
    on schema auth
    to anon, authenticated, service_role, postgres;
grant all
    on schema auth
    to supabase_auth_admin;

create table auth.users (
    id uuid
        constraint users_pkey primary key,
    aud text,
    role text,
    email text,
    raw_user_meta_data jsonb,
    created_at timestamptz not null default pg_catalog.now(),
    updated_at timestamptz not null default pg_catalog.now(),
    constraint users_email_key unique (email)
);
alter table auth.users owner to supabase_auth_admin;
alter table auth.users enable row level security;

comment on table auth.users is 'People who can sign in.';
comment on column auth.users.id is 'The "sub" of their tokens.';
comment on column auth.users.aud is 'Audience of their tokens.';
comment on column auth.users.role is 'Database role of their tokens.';
comment on column auth.users.email is 'Address they sign in with.';
comment on column auth.users.raw_user_meta_data is 'What they said about themselves on signing up.';
comment on column auth.users.created_at is 'When they signed up.';
comment on column auth.users.updated_at is 'When the row last changed.';

revoke all
    on table auth.users
    from public, anon, authenticated, service_role;
grant all
    on table auth.users
    to postgres;

-- PostgREST puts the claims of a token into a setting as JSON, older versions one setting a claim.
-- A setting that was once set in a session reads as '' afterwards: that is nobody, not an error.
-- Claims that are no JSON, or a "sub" that is no uuid, raise an error here as they do on Supabase.
-- As there, the functions do not pin the search path: the migrations must be safe all the same.
create function auth.uid()
returns uuid
language sql
stable
as $function$
    select coalesce(
        nullif(pg_catalog.current_setting('request.jwt.claim.sub', true), ''),
        nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
$function$;
alter function auth.uid() owner to supabase_auth_admin;
comment on function auth.uid() is 'Id of the signed-in user, or null where nobody is.';

create function auth.role()
returns text
language sql
stable
as $function$
    select coalesce(
        nullif(pg_catalog.current_setting('request.jwt.claim.role', true), ''),
        nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
    )
$function$;
alter function auth.role() owner to supabase_auth_admin;
comment on function auth.role() is 'Database role that the token names, or null.';

create function auth.jwt()
returns jsonb
language sql
stable
as $function$
    select coalesce(
        nullif(pg_catalog.current_setting('request.jwt.claim', true), ''),
        nullif(pg_catalog.current_setting('request.jwt.claims', true), '')
    )::jsonb
$function$;
alter function auth.jwt() owner to supabase_auth_admin;
comment on function auth.jwt() is 'All claims of the token, or null.';

-- As on Supabase, everybody may ask who is signed in.
grant execute
    on function auth.uid(), auth.role(), auth.jwt()
    to public;
