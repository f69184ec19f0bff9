-- Verify care_collective_messaging:conversation_status on pg
--
-- What: compare column, check, trigger and function with what they must be; block and unblock a
--     row of a temporary table that has the same trigger; call the function as a stranger.
-- Why: a conversation is blocked for a reason, and the other one has it in hand to test the lock.
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
            ('column public.conversations_v2.blocked_by', 'uuid'),
            (
                'constraint conversations_v2_blocked_by_known',
                'CHECK (((blocked_by IS NULL) OR ((status = ''blocked''::text) AND ((blocked_by = '
                'requester_id) OR (blocked_by = helper_id)))))'
            ),
            (
                'trigger conversations_v2_guard_block',
                'CREATE TRIGGER conversations_v2_guard_block BEFORE UPDATE OF status, blocked_by '
                'ON public.conversations_v2 FOR EACH ROW WHEN (((old.status = ''blocked''::text) '
                'OR (new.status = ''blocked''::text))) EXECUTE FUNCTION messaging.guard_block()'
            ),
            (
                'function messaging.guard_block()',
                'returns trigger, security definer, search_path=""'
            ),
            (
                'function public.set_conversation_status_v2(uuid,uuid,text)',
                'returns jsonb, security definer, search_path="", for authenticated'
            )
    ),
    actual (object, definition) as (
        select
            'column public.conversations_v2.' || attribute.attname,
            pg_catalog.format_type(attribute.atttypid, attribute.atttypmod)
            || case when attribute.attnotnull then ' not null' else '' end
        from pg_catalog.pg_attribute as attribute
        where attribute.attrelid = pg_catalog.to_regclass('public.conversations_v2')
            and not attribute.attisdropped
        union all
        select
            'constraint ' || checked.conname,
            pg_catalog.pg_get_constraintdef(checked.oid)
        from pg_catalog.pg_constraint as checked
        where checked.conrelid = pg_catalog.to_regclass('public.conversations_v2')
            and checked.convalidated
        union all
        select
            'trigger ' || trigger.tgname,
            pg_catalog.pg_get_triggerdef(trigger.oid)
        from pg_catalog.pg_trigger as trigger
        where trigger.tgrelid = pg_catalog.to_regclass('public.conversations_v2')
            and trigger.tgenabled = 'O'
        union all
        select
            'function ' || routine.oid::pg_catalog.regprocedure,
            pg_catalog.concat_ws(
                ', ',
                'returns ' || pg_catalog.pg_get_function_result(routine.oid),
                case when routine.prosecdef then 'security definer' else 'security invoker' end,
                pg_catalog.array_to_string(routine.proconfig, ', '),
                (
                    select 'for ' || pg_catalog.string_agg(
                        coalesce(role.rolname, 'public'), ', ' order by role.rolname
                    )
                    from pg_catalog.aclexplode(
                        coalesce(routine.proacl, pg_catalog.acldefault('f', routine.proowner))
                    ) as entry
                    left join pg_catalog.pg_roles as role
                        on role.oid = entry.grantee
                    where entry.grantee = 0
                        or role.rolname in ('anon', 'authenticated', 'service_role')
                )
            )
        from pg_catalog.pg_proc as routine
        where routine.pronamespace in (
            select namespace.oid
            from pg_catalog.pg_namespace as namespace
            where namespace.nspname in ('public', 'messaging')
        )
    )
    select pg_catalog.string_agg(
        pg_catalog.format(
            '%s: expected %s, found %s',
            object,
            expected.definition,
            coalesce(actual.definition, 'nothing')
        ),
        E'\n'
        order by object
    )
    into v_differences
    from expected
    left join actual using (object)
    where expected.definition is distinct from actual.definition;

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'conversation_status is not in the shape in which it was deployed',
            detail = v_differences;
    end if;
end;
$shape$;

-- A twin without foreign keys: its rows need no people and no request.
create temporary table probe (
    like public.conversations_v2
    including defaults
    including constraints
);
create trigger probe_guard_block
    before update of status, blocked_by
    on pg_temp.probe
    for each row
    when (old.status = 'blocked' or new.status = 'blocked')
    execute function messaging.guard_block();

do $block$
declare
    v_requester constant uuid := pg_catalog.gen_random_uuid();
    v_helper constant uuid := pg_catalog.gen_random_uuid();
    v_step text;
    v_user uuid;
    v_status text;
    v_blocked_by uuid;
    v_refused boolean;
    v_found record;
begin
    insert into pg_temp.probe (help_request_id, requester_id, helper_id, initial_message)
    values (pg_catalog.gen_random_uuid(), v_requester, v_helper, 'I can help you');
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);

    for v_step, v_user, v_status, v_refused, v_blocked_by in
        values
            ('the helper blocks', v_helper, 'blocked', false, v_helper),
            ('the other one unblocks', v_requester, 'active', true, v_helper),
            ('the other one closes', v_requester, 'closed', true, v_helper),
            ('the other one blocks too', v_requester, 'blocked', false, v_helper),
            ('the helper unblocks', v_helper, 'active', false, null),
            ('the other one blocks', v_requester, 'blocked', false, v_requester),
            ('an operator unblocks', null, 'active', false, null)
    loop
        perform pg_catalog.set_config(
            'request.jwt.claims',
            case
                when v_user is null then ''
                else pg_catalog.json_build_object('sub', v_user)::text
            end,
            true
        );
        begin
            update pg_temp.probe set status = v_status;
            if v_refused then
                raise exception using
                    errcode = 'assert_failure',
                    message = v_step || ', and is let';
            end if;
        exception
            when insufficient_privilege then
                if not v_refused then
                    raise;
                end if;
        end;
        select
            probe.status,
            probe.blocked_by
        into v_found
        from pg_temp.probe;
        if v_found.blocked_by is distinct from v_blocked_by
            or (v_found.status = 'blocked') <> (v_blocked_by is not null)
        then
            raise exception using
                errcode = 'assert_failure',
                message = v_step || ', and blocked_by is wrong',
                detail = pg_catalog.format(
                    'status %s, blocked by %s', v_found.status, v_found.blocked_by
                );
        end if;
    end loop;
end;
$block$;

do $answers$
declare
    v_user constant uuid := pg_catalog.gen_random_uuid();
    v_nobody constant uuid := pg_catalog.gen_random_uuid();
    v_difference text;
begin
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);
    perform pg_catalog.set_config(
        'request.jwt.claims', pg_catalog.json_build_object('sub', v_user)::text, true
    );
    select pg_catalog.format('%s: expected %s, found %s', call.name, call.reason, call.answer)
    into v_difference
    from (
        values
            (
                'another user',
                public.set_conversation_status_v2(v_nobody, v_nobody, 'closed'),
                'not_the_caller'
            ),
            (
                'nobody',
                public.set_conversation_status_v2(v_nobody, null, 'closed'),
                'not_the_caller'
            ),
            (
                'an unknown status',
                public.set_conversation_status_v2(v_nobody, v_user, 'pending'),
                'invalid_status'
            ),
            (
                'no status',
                public.set_conversation_status_v2(v_nobody, v_user, null),
                'invalid_status'
            ),
            (
                'no such conversation',
                public.set_conversation_status_v2(v_nobody, v_user, 'closed'),
                'conversation_not_found'
            )
    ) as call (name, answer, reason)
    where call.answer #>> '{details,reason}' is distinct from call.reason
    limit 1;

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'set_conversation_status_v2 answers otherwise than it must',
            detail = v_difference;
    end if;
end;
$answers$;

rollback;
