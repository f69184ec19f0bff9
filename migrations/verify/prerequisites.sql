-- Verify care_collective_messaging:prerequisites on pg
--
-- What: use each prerequisite in the way that V2 uses it, in a transaction that is rolled back.
-- Why: the deploy script reads the catalogue; doing it proves more than reading about it.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

-- Each of these must plan and run, but reads no row; a column that is gone, or of another type,
-- fails here. No lock is taken that an application could feel.
select
    profile.id,
    profile.verification_status::text
from public.profiles as profile
where profile.id = null::uuid
    and profile.verification_status = 'approved'
limit 0;

select
    request.id,
    request.user_id,
    request.title::text,
    request.category::text,
    request.urgency::text,
    request.status::text
from public.help_requests as request
where request.id = null::uuid
    and request.user_id = null::uuid
    and request.status in ('open', 'in_progress')
for share;

-- The identity of the caller: one that is there, and nobody.
do $identity$
declare
    v_somebody constant uuid := pg_catalog.gen_random_uuid();
begin
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);
    perform pg_catalog.set_config(
        'request.jwt.claims',
        pg_catalog.json_build_object('sub', v_somebody)::text,
        true
    );
    if auth.uid() is distinct from v_somebody then
        raise exception using
            errcode = 'assert_failure',
            message = 'auth.uid() does not answer the "sub" of request.jwt.claims',
            hint = 'The functions of V2 would take every caller for a stranger.';
    end if;
    perform pg_catalog.set_config('request.jwt.claims', '', true);
    if auth.uid() is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'auth.uid() answers somebody where nobody is signed in';
    end if;
end;
$identity$;

do $bypass$
declare
    v_role text;
begin
    for v_role in
        select role.rolname
        from pg_catalog.pg_roles as role
        where role.rolname in ('anon', 'authenticated')
            and (role.rolsuper or role.rolbypassrls)
    loop
        raise exception using
            errcode = 'assert_failure',
            message = pg_catalog.format('role %I bypasses row level security', v_role),
            hint = pg_catalog.format('alter role %I nosuperuser nobypassrls', v_role);
    end loop;
end;
$bypass$;

rollback;
