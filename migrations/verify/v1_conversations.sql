-- Verify care_collective_messaging:v1_conversations on pg
--
-- What: look who owns the two functions that write V1 and who may call them; let V1 refuse them as
--     it refuses a signed-in user, whatever its policies are; look for conversations of nobody.
-- Why: were they run with the rights of another role, V1's policies would hold nobody.
-- Requires: nothing; V1 may be missing.
-- Transaction: yes, rolled back.

begin;

do $ownership$
declare
    v_difference text;
begin
    select pg_catalog.format(
        '%s belongs to %s, is security %s and has %s',
        procedure.oid::pg_catalog.regprocedure,
        procedure.proowner::pg_catalog.regrole,
        case when procedure.prosecdef then 'definer' else 'invoker' end,
        coalesce(pg_catalog.array_to_string(procedure.proconfig, ', '), 'no settings')
    )
    into v_difference
    from pg_catalog.pg_proc as procedure
    where procedure.oid in (
        'messaging.start_conversation_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)'
            ::pg_catalog.regprocedure,
        'messaging.send_message_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)'
            ::pg_catalog.regprocedure
    )
        and (
            procedure.proowner <> 'authenticated'::pg_catalog.regrole
            or not procedure.prosecdef
            or procedure.proconfig is distinct from array['search_path=""', 'row_security=on']
        )
    limit 1;

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = v_difference,
            detail = 'What writes V1 must run with the rights of authenticated, and no more.';
    end if;

    select pg_catalog.format(
        '%s may be executed by %s',
        procedure.oid::pg_catalog.regprocedure,
        coalesce(role.rolname, 'public')
    )
    into v_difference
    from pg_catalog.pg_proc as procedure
    cross join lateral pg_catalog.aclexplode(
        coalesce(procedure.proacl, pg_catalog.acldefault('f', procedure.proowner))
    ) as entry
    left join pg_catalog.pg_roles as role
        on role.oid = entry.grantee
    where procedure.oid in (
        'messaging.v1_exists()'::pg_catalog.regprocedure,
        'messaging.conversation_v1(uuid, uuid)'::pg_catalog.regprocedure,
        'messaging.pair_conversation_v1(uuid, uuid, uuid)'::pg_catalog.regprocedure,
        'messaging.is_answered_v1(uuid, uuid)'::pg_catalog.regprocedure,
        'messaging.lock_conversation_v1(uuid, uuid)'::pg_catalog.regprocedure,
        'messaging.start_conversation_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)'
            ::pg_catalog.regprocedure,
        'messaging.send_message_v1(uuid, uuid, uuid, uuid, uuid, text, timestamptz)'
            ::pg_catalog.regprocedure,
        'messaging.failure_of_v1(text, text, text, text, text)'::pg_catalog.regprocedure,
        'messaging.insert_conversation_v1(uuid, uuid, uuid, text, text)'
            ::pg_catalog.regprocedure,
        'messaging.insert_message_v1(uuid, uuid, text, text, text)'::pg_catalog.regprocedure
    )
        and (
            entry.grantee = 0
            or role.rolname in ('anon', 'authenticated', 'service_role')
        )
    limit 1;

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = v_difference || ', not by our functions alone';
    end if;
    if pg_catalog.has_schema_privilege('authenticated', 'messaging', 'usage')
        or pg_catalog.has_schema_privilege('authenticated', 'messaging', 'create')
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'signed-in users have a privilege on schema messaging';
    end if;
end;
$ownership$;

-- Whatever V1's policies are, sound, recursing or none: the functions must end as the statements of
-- a signed-in user end. In the user's own name the rows are refused for the keys that do not exist,
-- in another name by the policies.
do $rights$
declare
    v_user constant uuid := pg_catalog.gen_random_uuid();
    v_other constant uuid := pg_catalog.gen_random_uuid();
    v_key constant uuid := pg_catalog.gen_random_uuid();
    v_sender uuid;
    v_of_user text;
    v_of_function text;
begin
    if not messaging.v1_exists() then
        return;
    end if;
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);
    perform pg_catalog.set_config(
        'request.jwt.claims',
        pg_catalog.json_build_object('sub', v_user, 'role', 'authenticated')::text,
        true
    );
    foreach v_sender in array array[v_user, v_other] loop
        begin
            perform pg_catalog.set_config('role', 'authenticated', true);
            insert into public.conversations (
                id, help_request_id, created_by, created_at, updated_at, last_message_at
            )
            values (v_key, v_key, v_sender, now(), now(), now());
            raise exception using errcode = 'CC000';
        exception
            when others then
                v_of_user := sqlstate;
        end;
        begin
            perform messaging.start_conversation_v1(
                v_key, v_key, v_sender, v_other, v_key, 'I can help you', pg_catalog.now()
            );
            raise exception using errcode = 'CC000';
        exception
            when others then
                v_of_function := sqlstate;
        end;
        if v_of_function is distinct from v_of_user then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    'V1 ends messaging.start_conversation_v1() with %s, and a signed-in user''s '
                    'own statement with %s',
                    v_of_function,
                    v_of_user
                );
        end if;

        begin
            perform pg_catalog.set_config('role', 'authenticated', true);
            insert into public.messages (
                id, conversation_id, sender_id, recipient_id, help_request_id, content,
                created_at, updated_at
            )
            values (v_key, v_key, v_sender, v_other, v_key, 'hello', now(), now());
            raise exception using errcode = 'CC000';
        exception
            when others then
                v_of_user := sqlstate;
        end;
        begin
            perform messaging.send_message_v1(
                v_key, v_key, v_key, v_sender, v_other, 'hello', pg_catalog.now()
            );
            raise exception using errcode = 'CC000';
        exception
            when others then
                v_of_function := sqlstate;
        end;
        if v_of_function is distinct from v_of_user then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    'V1 ends messaging.send_message_v1() with %s, and a signed-in user''s own '
                    'statement with %s',
                    v_of_function,
                    v_of_user
                );
        end if;
    end loop;
end;
$rights$;

-- Who takes part in nothing finds nothing.
do $nobody$
declare
    v_nobody constant uuid := pg_catalog.gen_random_uuid();
begin
    if exists (select from messaging.conversation_v1(v_nobody, v_nobody))
        or messaging.pair_conversation_v1(v_nobody, v_nobody, v_nobody) is not null
        or messaging.is_answered_v1(v_nobody, v_nobody) is not false
        or messaging.lock_conversation_v1(v_nobody, v_nobody) is not null
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'a conversation of V1 is found by somebody who takes part in none';
    end if;
end;
$nobody$;

rollback;
