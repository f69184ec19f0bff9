-- Verify care_collective_messaging:send_message on pg
--
-- What: compare the table with what it must be; call send_message as nobody and as somebody without
--     a conversation; look who may call what, and with whose rights it runs.
-- Why: an object of the right name may still answer otherwise.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

-- The catalogue spells names with their schema only where the search path does not lead there.
set local search_path = '';

do $shape$
declare
    v_differences text;
begin
    with expected (object, definition) as (
        values
            ('column conversation_id', 'uuid not null'),
            ('column sender_id', 'uuid not null'),
            ('column client_message_id', 'uuid not null'),
            ('column message_id', 'uuid not null'),
            ('column created_at', 'timestamp with time zone not null default now()'),
            (
                'constraint client_messages_pkey',
                'PRIMARY KEY (sender_id, conversation_id, client_message_id)'
            ),
            (
                'constraint client_messages_sender_id_fkey',
                'FOREIGN KEY (sender_id) REFERENCES auth.users(id) ON DELETE CASCADE'
            )
    ),
    actual (object, definition) as (
        select
            'column ' || attribute.attname,
            pg_catalog.concat_ws(
                ' ',
                pg_catalog.format_type(attribute.atttypid, attribute.atttypmod),
                case when attribute.attnotnull then 'not null' end,
                'default ' || pg_catalog.pg_get_expr(initial.adbin, initial.adrelid)
            )
        from pg_catalog.pg_attribute as attribute
        left join pg_catalog.pg_attrdef as initial
            on initial.adrelid = attribute.attrelid
            and initial.adnum = attribute.attnum
        where attribute.attrelid = 'messaging.client_messages'::pg_catalog.regclass
            and attribute.attnum > 0
            and not attribute.attisdropped
        union all
        select
            'constraint ' || rule.conname,
            pg_catalog.pg_get_constraintdef(rule.oid)
        from pg_catalog.pg_constraint as rule
        where rule.conrelid = 'messaging.client_messages'::pg_catalog.regclass
            -- From version 18 on "not null" is a constraint too; it is compared with the column.
            and rule.contype <> 'n'
        union all
        select
            'privilege of ' || coalesce(role.rolname, 'public'),
            entry.privilege_type
        from pg_catalog.pg_class as class
        cross join lateral pg_catalog.aclexplode(
            coalesce(class.relacl, pg_catalog.acldefault('r', class.relowner))
        ) as entry
        left join pg_catalog.pg_roles as role
            on role.oid = entry.grantee
        where class.oid = 'messaging.client_messages'::pg_catalog.regclass
            and (
                entry.grantee = 0
                or role.rolname in ('anon', 'authenticated', 'service_role')
            )
    )
    select pg_catalog.string_agg(
        pg_catalog.format(
            '%s: expected %s, found %s',
            object,
            coalesce(expected.definition, 'nothing'),
            coalesce(actual.definition, 'nothing')
        ),
        E'\n'
        order by object
    )
    into v_differences
    from expected
    full join actual using (object)
    where expected.definition is distinct from actual.definition;

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'messaging.client_messages is not in the shape in which it was deployed',
            detail = v_differences;
    end if;
end;
$shape$;

do $answers$
declare
    v_nobody constant uuid := pg_catalog.gen_random_uuid();
    v_claims text;
    v_answer jsonb;
    v_of_v2 jsonb;
begin
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);
    foreach v_claims in array array['', '{}', 'null', '{"sub": null}', '{"sub": "x"}', '{"sub": ']
    loop
        perform pg_catalog.set_config('request.jwt.claims', v_claims, true);
        v_answer := public.send_message(v_nobody, 'hello', v_nobody);
        if v_answer - 'request_id' is distinct from pg_catalog.jsonb_build_object(
            'success', false,
            'error', 'unauthorized',
            'message', 'You must be signed in',
            'http_status', 401,
            'details', '{"reason": "not_signed_in"}'::jsonb
        ) then
            raise exception using
                errcode = 'assert_failure',
                message = 'send_message does not turn away who is not signed in',
                detail = pg_catalog.format(
                    'request.jwt.claims: %L, answer: %s', v_claims, v_answer
                );
        end if;
    end loop;

    perform pg_catalog.set_config(
        'request.jwt.claims', pg_catalog.json_build_object('sub', v_nobody)::text, true
    );
    v_answer := public.send_message(v_nobody, 'hello');
    v_of_v2 := public.send_message_v2(v_nobody, v_nobody, 'hello');
    if v_answer #>> '{details,reason}' is distinct from 'not_a_participant'
        or v_answer - 'request_id' is distinct from v_of_v2 - 'request_id'
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'send_message does not turn a stranger away in the words of send_message_v2',
            detail = v_answer::text;
    end if;
    if exists (
        select
        from messaging.client_messages as sent
        where sent.sender_id = v_nobody
    ) then
        raise exception using
            errcode = 'assert_failure',
            message = 'send_message remembers the id of a message that was not sent';
    end if;
    if messaging.sent_message(v_nobody, v_nobody, v_nobody, 'id') #>> '{details,reason}'
        is distinct from 'message_not_found'
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'a message that does not exist is shown';
    end if;
end;
$answers$;

do $privileges$
declare
    v_function constant oid :=
        'public.send_message(uuid, text, uuid)'::pg_catalog.regprocedure;
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
                'send_message may be called by %s, not by signed-in users alone',
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
                'send_message is %s, not security definer with an empty search_path '
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
        'messaging.send_once(uuid, uuid, text, uuid, text)'::pg_catalog.regprocedure,
        'messaging.route_message(uuid, uuid, text, text)'::pg_catalog.regprocedure,
        'messaging.sent_message(uuid, uuid, uuid, text)'::pg_catalog.regprocedure
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
