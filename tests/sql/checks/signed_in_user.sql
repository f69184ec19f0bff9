-- case: somebody though nobody is signed in
-- as: superuser
-- finds: error function auth.uid(): answers a user though nobody is signed in
create or replace function auth.uid() returns uuid language sql stable as $function$
    select coalesce(
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid,
        gen_random_uuid()
    )
$function$;
-- mend:
create or replace function auth.uid() returns uuid language sql stable as $function$
    select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$function$;

-- case: nobody though somebody is signed in
-- as: superuser
-- finds: error function auth.uid(): does not answer the user whose claims are set
create or replace function auth.uid() returns uuid language sql stable as 'select null::uuid';
-- mend:
create or replace function auth.uid() returns uuid language sql stable as $function$
    select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$function$;

-- case: a setting that anybody can make
-- as: superuser
-- finds: error function auth.uid(): reads the setting app.user_id
create or replace function auth.uid() returns uuid language sql stable as $function$
    select coalesce(
        nullif(current_setting('app.user_id', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
$function$;
-- mend:
create or replace function auth.uid() returns uuid language sql stable as $function$
    select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$function$;
