-- Verify care_collective_messaging:start_help_conversation on pg
--
-- What: call start_help_conversation as nobody and as somebody without an account, and look who may
--     call it and with whose rights it runs.
-- Why: an object of the right name may still answer otherwise.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

do $answers$
declare
    v_nobody constant uuid := pg_catalog.gen_random_uuid();
    v_claims text;
    v_answer jsonb;
begin
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);
    foreach v_claims in array array['', '{}', 'null', '{"sub": null}', '{"sub": "x"}', '{"sub": ']
    loop
        perform pg_catalog.set_config('request.jwt.claims', v_claims, true);
        v_answer := public.start_help_conversation(v_nobody, 'I can help you');
        if v_answer - 'request_id' is distinct from pg_catalog.jsonb_build_object(
            'success', false,
            'error', 'unauthorized',
            'message', 'You must be signed in',
            'http_status', 401,
            'details', '{"reason": "not_signed_in"}'::jsonb
        ) then
            raise exception using
                errcode = 'assert_failure',
                message = 'start_help_conversation does not turn away who is not signed in',
                detail = pg_catalog.format(
                    'request.jwt.claims: %L, answer: %s', v_claims, v_answer
                );
        end if;
    end loop;

    -- Whose account is gone gets past the identity, and no further.
    perform pg_catalog.set_config(
        'request.jwt.claims', pg_catalog.json_build_object('sub', v_nobody)::text, true
    );
    v_answer := public.start_help_conversation(v_nobody, 'I can help you');
    if v_answer #>> '{details,reason}' is distinct from 'not_approved' then
        raise exception using
            errcode = 'assert_failure',
            message = 'start_help_conversation admits somebody without an account',
            detail = v_answer::text;
    end if;
end;
$answers$;

do $privileges$
declare
    v_function constant oid :=
        'public.start_help_conversation(uuid, text)'::pg_catalog.regprocedure;
    v_callers text;
    v_shape text;
begin
    select pg_catalog.string_agg(coalesce(role.rolname, 'public'), ', ' order by role.rolname)
    into v_callers
    from pg_catalog.pg_proc as procedure
    cross join lateral pg_catalog.aclexplode(
        coalesce(procedure.proacl, pg_catalog.acldefault('f', procedure.proowner))
    ) as entry
    left join pg_catalog.pg_roles as role
        on role.oid = entry.grantee
    where procedure.oid = v_function
        and (
            entry.grantee = 0
            or role.rolname in ('anon', 'authenticated', 'service_role')
        );
    if v_callers is distinct from 'authenticated' then
        raise exception using
            errcode = 'assert_failure',
            message = pg_catalog.format(
                'start_help_conversation may be called by %s, not by signed-in users alone',
                coalesce(v_callers, 'nobody')
            );
    end if;

    select pg_catalog.format(
        'security %s with %s',
        case when procedure.prosecdef then 'definer' else 'invoker' end,
        coalesce(pg_catalog.array_to_string(procedure.proconfig, ', '), 'no settings')
    )
    into v_shape
    from pg_catalog.pg_proc as procedure
    where procedure.oid = v_function
        and (
            not procedure.prosecdef
            or procedure.proconfig is distinct from array['search_path=""']
        );
    if v_shape is not null then
        raise exception using
            errcode = 'assert_failure',
            message = pg_catalog.format(
                'start_help_conversation is %s, not security definer with an empty search_path '
                'alone',
                v_shape
            );
    end if;

    select procedure.oid::pg_catalog.regprocedure::text
    into v_callers
    from pg_catalog.pg_proc as procedure
    cross join lateral pg_catalog.aclexplode(
        coalesce(procedure.proacl, pg_catalog.acldefault('f', procedure.proowner))
    ) as entry
    left join pg_catalog.pg_roles as role
        on role.oid = entry.grantee
    where procedure.oid in (
        'messaging.start_help_conversation(uuid, uuid, text, text)'::pg_catalog.regprocedure
    )
        and (
            entry.grantee = 0
            or role.rolname in ('anon', 'authenticated', 'service_role')
        )
    limit 1;
    if v_callers is not null then
        raise exception using
            errcode = 'assert_failure',
            message = v_callers || ' may be called past the identity check';
    end if;
end;
$privileges$;

rollback;
