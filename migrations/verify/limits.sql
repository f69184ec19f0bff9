-- Verify care_collective_messaging:limits on pg
--
-- What: ask for admission as somebody unknown and, where there are messages and conversations, as
--     somebody who has written; break the rules of the table; look at indexes and privileges.
-- Why: nothing but the limits stands between one user and everybody's inbox.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

-- The catalogue spells names with their schema only where the search path does not lead there.
set local search_path = '';

do $admission$
declare
    v_user constant uuid := pg_catalog.gen_random_uuid();
    v_answer jsonb;
begin
    if (
        select pg_catalog.count(*) <> 2
        from messaging.limits
    ) then
        raise exception using
            errcode = 'assert_failure',
            message = 'not every action has its limit';
    end if;

    v_answer := messaging.admit_message('verify', v_user);
    if v_answer is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'a user who never wrote may not send a message',
            detail = coalesce(v_answer::text, 'null');
    end if;
    v_answer := messaging.admit_start('verify', v_user);
    if v_answer #>> '{details,reason}' is distinct from 'not_approved'
        or v_answer ->> 'error' is distinct from 'permission_denied'
        or v_answer -> 'requiresApproval' is distinct from 'true'
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'a user without an approved profile is not told that it takes one',
            detail = coalesce(v_answer::text, 'null');
    end if;
    if not exists (
        select
        from pg_catalog.pg_locks as held
        where held.locktype = 'advisory'
            and held.pid = pg_catalog.pg_backend_pid()
            and held.granted
            and (held.classid::bigint << 32 | held.objid::bigint)
                = pg_catalog.uuid_hash_extended(v_user, 7166186713870395237)
    ) then
        raise exception using
            errcode = 'assert_failure',
            message = 'a user who asked for admission does not keep the turn';
    end if;
end;
$admission$;

do $rate$
declare
    v_user uuid;
    v_answer jsonb;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    perform messaging.set_limit('start_conversation', 1, '31 days');
    perform messaging.set_limit('send_message', 1, '31 days');

    select message.sender_id
    into v_user
    from public.messages_v2 as message
    where message.created_at > pg_catalog.now() - interval '30 days'
    limit 1;
    v_answer := messaging.admit_message('verify', v_user);
    if v_user is not null and (
        v_answer is null
        or v_answer ->> 'error' = 'rate_limit_exceeded'
            and coalesce((v_answer ->> 'retry_after')::integer, 0) < 1
    ) then
        raise exception using
            errcode = 'assert_failure',
            message = 'a user who has sent the one message of the period may send another one',
            detail = coalesce(v_answer::text, 'null');
    end if;

    v_user := null;
    select conversation.helper_id
    into v_user
    from public.conversations_v2 as conversation
    where conversation.created_at > pg_catalog.now() - interval '30 days'
        and conversation.origin = 'v2'
    limit 1;
    v_answer := messaging.admit_start('verify', v_user);
    if v_user is not null and (
        v_answer is null
        or v_answer ->> 'error' = 'rate_limit_exceeded'
            and coalesce((v_answer ->> 'retry_after')::integer, 0) < 1
    ) then
        raise exception using
            errcode = 'assert_failure',
            message = 'a user who has started the one conversation of the period may start another',
            detail = coalesce(v_answer::text, 'null');
    end if;
end;
$rate$;

do $rules$
declare
    v_rule text;
    v_change text;
    v_violated text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    for v_rule, v_change in
        values
            ('limits_action_known', 'action = ''read'''),
            ('limits_maximum_range', 'maximum = 0'),
            ('limits_period_range', 'period = ''0''')
    loop
        v_violated := null;
        begin
            execute pg_catalog.format(
                'update messaging.limits set %s where action = ''send_message''', v_change
            );
        exception
            when check_violation then
                get stacked diagnostics v_violated = constraint_name;
        end;
        if v_violated is distinct from v_rule then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format('constraint %s does not hold', v_rule);
        end if;
    end loop;
end;
$rules$;

do $indexes$
declare
    v_differences text;
begin
    select pg_catalog.string_agg(
        pg_catalog.format('%s is %s', expected.name, coalesce(actual.indexdef, 'missing')), E'\n'
    )
    into v_differences
    from (
        values
            (
                'conversations_v2_helper_id_created_at_idx',
                'CREATE INDEX conversations_v2_helper_id_created_at_idx ON '
                'public.conversations_v2 USING btree (helper_id, created_at)'
            ),
            (
                'messages_v2_sender_id_created_at_idx',
                'CREATE INDEX messages_v2_sender_id_created_at_idx ON '
                'public.messages_v2 USING btree (sender_id, created_at)'
            ),
            ('conversations_v2_helper_id_idx', null),
            ('messages_v2_sender_id_idx', null)
    ) as expected (name, definition)
    left join pg_catalog.pg_indexes as actual
        on actual.schemaname = 'public'
        and actual.indexname = expected.name
    where actual.indexdef is distinct from expected.definition;

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'the counting does not have its indexes',
            detail = v_differences;
    end if;
end;
$indexes$;

do $privileges$
declare
    v_differences text;
begin
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
    from (
        values
            ('service_role on messaging.set_limit(text,integer,interval)', 'EXECUTE')
    ) as expected (object, definition)
    full join (
        select
            pg_catalog.format('%s on %s', coalesce(role.rolname, 'public'), thing.name) as object,
            pg_catalog.string_agg(
                entry.privilege_type, ', ' order by entry.privilege_type
            ) as definition
        from (
            select
                routine.oid::pg_catalog.regprocedure::text as name,
                coalesce(
                    routine.proacl, pg_catalog.acldefault('f', routine.proowner)
                ) as privileges
            from pg_catalog.pg_proc as routine
            where routine.oid in (
                'messaging.nth_newest_start(uuid,integer,timestamptz)'::pg_catalog.regprocedure,
                'messaging.nth_newest_message(uuid,integer,timestamptz)'::pg_catalog.regprocedure,
                'messaging.take_turn(uuid)'::pg_catalog.regprocedure,
                'messaging.retry_after(timestamptz,timestamptz)'::pg_catalog.regprocedure,
                'messaging.admit(text,uuid,text)'::pg_catalog.regprocedure,
                'messaging.admit_start(text,uuid)'::pg_catalog.regprocedure,
                'messaging.admit_message(text,uuid)'::pg_catalog.regprocedure,
                'messaging.set_limit(text,integer,interval)'::pg_catalog.regprocedure
            )
            union all
            select
                class.oid::pg_catalog.regclass::text,
                class.relacl
            from pg_catalog.pg_class as class
            where class.oid in (
                'messaging.limits'::pg_catalog.regclass
            )
        ) as thing
        cross join lateral pg_catalog.aclexplode(thing.privileges) as entry
        left join pg_catalog.pg_roles as role
            on role.oid = entry.grantee
        where entry.grantee = 0
            or role.rolname in ('anon', 'authenticated', 'service_role')
        group by
            role.rolname,
            thing.name
    ) as actual using (object)
    where expected.definition is distinct from actual.definition;

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'the privileges on the limits are not those they must be',
            detail = v_differences;
    end if;

    select pg_catalog.string_agg(routine.oid::pg_catalog.regprocedure::text, ', ')
    into v_differences
    from pg_catalog.pg_proc as routine
    where routine.oid in (
            'messaging.set_limit(text,integer,interval)'::pg_catalog.regprocedure
    )
        and (
            not routine.prosecdef
            or routine.proconfig is distinct from array['search_path=""']
        );

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'not security definer with an empty search_path alone: ' || v_differences;
    end if;
end;
$privileges$;

rollback;
