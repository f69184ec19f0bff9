-- Verify care_collective_messaging:fix_v2_security_definer_auth on pg
--
-- What: second version. Call the three functions as nobody, as somebody else, with claims that are
--     no claims and with null, and as the user himself; count what they left in the event log; then
--     look who may call them.
-- Why: the identity check is what stands between a caller and the rights of the functions' owner.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

do $identity$
declare
    v_user constant uuid := pg_catalog.gen_random_uuid();
    v_other constant uuid := pg_catalog.gen_random_uuid();
    v_claims text;
    v_sub text;
    v_argument uuid;
    v_difference text;
begin
    for v_claims, v_sub, v_argument in
        select
            stranger.claims,
            stranger.sub,
            argument.user_id
        from (
            values
                ('', ''),
                ('{}', ''),
                ('null', ''),
                ('{"sub": null}', ''),
                ('{"sub": ""}', ''),
                ('{"sub": "somebody"}', ''),
                ('{"sub": ', ''),
                ('', 'somebody'),
                (pg_catalog.json_build_object('sub', v_other)::text, ''),
                ('', v_other::text)
        ) as stranger (claims, sub)
        cross join (values (v_user), (null)) as argument (user_id)
    loop
        perform pg_catalog.set_config('request.jwt.claims', v_claims, true);
        perform pg_catalog.set_config('request.jwt.claim.sub', v_sub, true);

        select pg_catalog.format('%s answers %s', call.name, call.answer)
        into v_difference
        from (
            values
                (
                    'create_conversation_atomic',
                    public.create_conversation_atomic(v_other, v_argument, 'I can help you'),
                    'Cannot create conversation on behalf of another user'
                ),
                (
                    'send_message_v2',
                    public.send_message_v2(v_other, v_argument, 'hello'),
                    'Cannot send message on behalf of another user'
                ),
                (
                    'get_conversation_v2',
                    public.get_conversation_v2(v_other, v_argument),
                    'Cannot access conversation for another user'
                )
        ) as call (name, answer, message)
        where call.answer - 'request_id' is distinct from pg_catalog.jsonb_build_object(
            'success', false,
            'error', 'permission_denied',
            'message', call.message,
            'http_status', 403,
            'details', '{"reason": "not_the_caller"}'::jsonb
        )
        limit 1;

        if v_difference is not null then
            raise exception using
                errcode = 'assert_failure',
                message = 'a stranger is not turned away: ' || v_difference,
                detail = pg_catalog.format(
                    'request.jwt.claims: %L, request.jwt.claim.sub: %L, user argument: %L',
                    v_claims,
                    v_sub,
                    v_argument
                );
        end if;
    end loop;

    -- The user himself gets past the check: he has no account, and there is no such conversation.
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);
    perform pg_catalog.set_config(
        'request.jwt.claims',
        pg_catalog.json_build_object('sub', v_user)::text,
        true
    );

    select pg_catalog.format('%s answers %s', call.name, call.answer)
    into v_difference
    from (
        values
            (
                'create_conversation_atomic',
                public.create_conversation_atomic(v_other, v_user, 'I can help you'),
                'not_approved'
            ),
            (
                'send_message_v2',
                public.send_message_v2(v_other, v_user, 'hello'),
                'not_a_participant'
            ),
            (
                'get_conversation_v2',
                public.get_conversation_v2(v_other, v_user),
                'conversation_not_found'
            )
    ) as call (name, answer, reason)
    where call.answer #>> '{details,reason}' is distinct from call.reason
    limit 1;

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'a user does not get past the identity check: ' || v_difference;
    end if;

    -- 20 strangers and the user himself, with three calls each; on a standby there is no log.
    select pg_catalog.string_agg(
        pg_catalog.format('%s %s %s', call.method, call.error_code, call.calls),
        ', '
        order by call.method, call.error_code
    )
    into v_difference
    from (
        select
            logged.method,
            logged.error_code,
            pg_catalog.count(distinct logged.request_id) as calls
        from messaging.rpc_events as logged
        where v_other in (logged.help_request_id, logged.conversation_id)
            and logged.version = 'v2'
            and logged.event = 'function_error'
        group by
            logged.method,
            logged.error_code
        having pg_catalog.count(distinct logged.request_id) = pg_catalog.count(*)
    ) as call;

    if v_difference is distinct from
        'getConversation not_found 1, getConversation permission_denied 20, '
        'sendMessage permission_denied 21, startHelpConversation permission_denied 21'
        and not pg_catalog.pg_is_in_recovery()
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'not every call is in the event log once',
            detail = v_difference;
    end if;
end;
$identity$;

do $privileges$
declare
    v_difference text;
begin
    select pg_catalog.format('%s may be called by %s', routine.name, routine.callers)
    into v_difference
    from (
        select
            procedure.oid::pg_catalog.regprocedure as name,
            pg_catalog.string_agg(
                coalesce(role.rolname, 'public'), ', ' order by role.rolname
            ) as callers
        from pg_catalog.pg_proc as procedure
        cross join lateral pg_catalog.aclexplode(
            coalesce(procedure.proacl, pg_catalog.acldefault('f', procedure.proowner))
        ) as entry
        left join pg_catalog.pg_roles as role
            on role.oid = entry.grantee
        where procedure.oid in (
            'public.create_conversation_atomic(uuid, uuid, text)'::pg_catalog.regprocedure,
            'public.send_message_v2(uuid, uuid, text)'::pg_catalog.regprocedure,
            'public.get_conversation_v2(uuid, uuid)'::pg_catalog.regprocedure
        )
            and (
                entry.grantee = 0
                or role.rolname in ('anon', 'authenticated', 'service_role')
            )
        group by procedure.oid
    ) as routine
    where routine.callers is distinct from 'authenticated'
    limit 1;

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = v_difference || ', not by signed-in users alone';
    end if;
    if not pg_catalog.has_function_privilege(
        'authenticated', 'public.create_conversation_atomic(uuid, uuid, text)', 'execute'
    ) or not pg_catalog.has_function_privilege(
        'authenticated', 'public.send_message_v2(uuid, uuid, text)', 'execute'
    ) or not pg_catalog.has_function_privilege(
        'authenticated', 'public.get_conversation_v2(uuid, uuid)', 'execute'
    ) then
        raise exception using
            errcode = 'assert_failure',
            message = 'signed-in users may not call the functions of messaging V2';
    end if;
end;
$privileges$;

do $definer$
declare
    v_function text;
begin
    select pg_catalog.format(
        '%s is security %s with %s',
        procedure.oid::pg_catalog.regprocedure,
        case when procedure.prosecdef then 'definer' else 'invoker' end,
        coalesce(pg_catalog.array_to_string(procedure.proconfig, ', '), 'no settings')
    )
    into v_function
    from pg_catalog.pg_proc as procedure
    where procedure.oid in (
        'public.create_conversation_atomic(uuid, uuid, text)'::pg_catalog.regprocedure,
        'public.send_message_v2(uuid, uuid, text)'::pg_catalog.regprocedure,
        'public.get_conversation_v2(uuid, uuid)'::pg_catalog.regprocedure
    )
        and (
            not procedure.prosecdef
            or procedure.proconfig is distinct from array['search_path=""']
        )
    limit 1;

    if v_function is not null then
        raise exception using
            errcode = 'assert_failure',
            message = v_function || ', not security definer with an empty search_path alone';
    end if;
end;
$definer$;

rollback;
