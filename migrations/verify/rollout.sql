-- Verify care_collective_messaging:rollout on pg
--
-- What: compare buckets with those of the application; set the flag to each strategy and ask who is
--     on V2; rewrite the history, which must fail; look who may do what.
-- Why: the flag decides where new conversations begin, and must say no where it is not sure.
-- Requires: nothing.
-- Transaction: yes, rolled back; a gap in the ids of the history is all that stays.

begin;

-- The catalogue spells names with their schema only where the search path does not lead there.
set local search_path = '';

do $buckets$
declare
    v_difference text;
begin
    select pg_catalog.format(
        '%s is in bucket %s, not %s',
        vector.user_id,
        messaging.rollout_bucket(vector.user_id),
        vector.bucket
    )
    into v_difference
    from (
        values
            ('3e334e85-9879-af25-6d38-27d651b7804a'::uuid, 7),
            ('e4774cdd-a079-3f86-414e-8b9140bb6db4'::uuid, 30),
            ('270c1b08-4f3f-146e-b578-7075158d9c53'::uuid, 23),
            ('7b8d62fd-2f0f-5b2e-3ba5-437e5b983128'::uuid, 99),
            -- Its hash is -2^31, of which there is no positive counterpart in 32 bits.
            ('5a5a5a5a-0000-4000-8000-fb161f4605d3'::uuid, 48)
    ) as vector (user_id, bucket)
    where messaging.rollout_bucket(vector.user_id) is distinct from vector.bucket
    limit 1;

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'the buckets are not those of the application: ' || v_difference;
    end if;
end;
$buckets$;

do $flag$
declare
    -- Bucket 7.
    v_user constant uuid := '3e334e85-9879-af25-6d38-27d651b7804a';
    v_tester uuid;
    v_strategy text;
    v_percentage integer;
    v_expected boolean;
    v_newest text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    select account.id
    into v_tester
    from auth.users as account
    where account.id <> v_user
    limit 1;
    delete from messaging.internal_testers;
    if v_tester is not null then
        perform messaging.add_internal_tester(v_tester);
    end if;

    for v_strategy, v_percentage, v_expected in
        values
            ('disabled', null, false),
            ('percentage', 0, false),
            ('percentage', 7, false),
            ('percentage', 8, true),
            ('percentage', 100, true),
            ('enabled', null, true)
    loop
        perform messaging.set_rollout(
            v_strategy,
            v_percentage,
            'verify ' || v_strategy,
            p_figures => pg_catalog.to_jsonb(v_expected)
        );
        if messaging.is_v2_enabled(v_user) is distinct from v_expected
            or messaging.is_v2_enabled(null)
        then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    'with strategy %s (%s) V2 is not %s for a user of bucket 7',
                    v_strategy,
                    v_percentage,
                    v_expected
                );
        end if;

        select pg_catalog.concat_ws(
            ' ', history.new_strategy, history.reason, history.figures
        )
        into v_newest
        from messaging.rollout_history as history
        order by history.id desc
        limit 1;
        if v_newest is distinct from pg_catalog.format(
            '%1$s verify %1$s %2$s', v_strategy, pg_catalog.to_jsonb(v_expected)
        ) then
            raise exception using
                errcode = 'assert_failure',
                message = 'a change of the flag is not in its history: ' || v_strategy;
        end if;
    end loop;

    perform messaging.set_rollout('internal', null, 'verify internal');
    if (v_tester is not null and not messaging.is_v2_enabled(v_tester))
        or messaging.is_v2_enabled(pg_catalog.gen_random_uuid())
    then
        raise exception using
            errcode = 'assert_failure',
            message = 'with strategy internal V2 is not on for the testers alone';
    end if;
end;
$flag$;

do $caller$
declare
    v_user constant uuid := pg_catalog.gen_random_uuid();
    v_claims text;
    v_argument uuid;
    v_expected boolean;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    perform messaging.set_rollout('enabled', null, 'verify the caller');
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);
    for v_claims, v_argument, v_expected in
        values
            (pg_catalog.json_build_object('sub', v_user)::text, v_user, true),
            (pg_catalog.json_build_object('sub', v_user)::text, null, false),
            (
                pg_catalog.json_build_object('sub', pg_catalog.gen_random_uuid())::text,
                v_user,
                false
            ),
            ('{"sub": "somebody"}', v_user, false),
            ('{"sub": ', v_user, false),
            ('', v_user, false),
            ('', null, false)
    loop
        perform pg_catalog.set_config('request.jwt.claims', v_claims, true);
        if public.is_messaging_v2_enabled(v_argument) is distinct from v_expected then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    'public.is_messaging_v2_enabled(%L) is not %s', v_argument, v_expected
                ),
                detail = 'request.jwt.claims: ' || v_claims;
        end if;
    end loop;
    perform pg_catalog.set_config('request.jwt.claims', '', true);
end;
$caller$;

do $refusals$
declare
    v_statement text;
    v_expected text;
    v_state text;
begin
    if pg_catalog.pg_is_in_recovery() then
        return;
    end if;
    for v_statement, v_expected in
        values
            ('update messaging.rollout_history set reason = ''another''', '55000'),
            ('delete from messaging.rollout_history', '55000'),
            ('delete from messaging.rollout', '55000'),
            ('update messaging.rollout set strategy = ''most''', '23514'),
            ('update messaging.rollout set percentage = 101', '23514'),
            ('select messaging.set_rollout(''most'', null, ''verify'')', '22023'),
            ('select messaging.set_rollout(''percentage'', null, ''verify'')', '22023'),
            ('select messaging.set_rollout(''percentage'', -1, ''verify'')', '22023'),
            ('select messaging.set_rollout(''enabled'', null, '' '')', '22023')
    loop
        v_state := 'nothing';
        begin
            execute v_statement;
        exception
            when others then
                v_state := sqlstate;
        end;
        if v_state <> v_expected then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format(
                    '%s raises %s, not %s', v_statement, v_state, v_expected
                );
        end if;
    end loop;
end;
$refusals$;

-- Not tried: a truncate that waits for its lock would make every call behind it wait.
do $truncate$
declare
    v_guarded bigint;
begin
    select pg_catalog.count(*)
    into v_guarded
    from pg_catalog.pg_trigger as guard
    where guard.tgrelid in (
        'messaging.rollout'::pg_catalog.regclass,
        'messaging.rollout_history'::pg_catalog.regclass
    )
        and guard.tgfoid = 'messaging.refuse_rollout_loss()'::pg_catalog.regprocedure
        -- A trigger before (2) a statement (not 1) of truncate (32), in force.
        and guard.tgtype & 35 = 34
        and guard.tgenabled = 'O';

    if v_guarded <> 2 then
        raise exception using
            errcode = 'assert_failure',
            message = 'the flag and its history may be truncated';
    end if;
end;
$truncate$;

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
            ('authenticated on public.is_messaging_v2_enabled(uuid)', 'EXECUTE'),
            ('service_role on public.is_messaging_v2_enabled(uuid)', 'EXECUTE'),
            ('service_role on messaging.rollout_status(integer)', 'EXECUTE'),
            ('pg_monitor on messaging.rollout_status(integer)', 'EXECUTE'),
            ('service_role on messaging.set_rollout(text,integer,text,text,jsonb)', 'EXECUTE'),
            ('service_role on messaging.add_internal_tester(uuid,text,text)', 'EXECUTE'),
            ('service_role on messaging.remove_internal_tester(uuid)', 'EXECUTE')
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
                'messaging.rollout_bucket(uuid)'::pg_catalog.regprocedure,
                'messaging.is_v2_enabled(uuid)'::pg_catalog.regprocedure,
                'public.is_messaging_v2_enabled(uuid)'::pg_catalog.regprocedure,
                'messaging.rollout_problem()'::pg_catalog.regprocedure,
                'messaging.rollout_status(integer)'::pg_catalog.regprocedure,
                'messaging.set_rollout(text,integer,text,text,jsonb)'::pg_catalog.regprocedure,
                'messaging.add_internal_tester(uuid,text,text)'::pg_catalog.regprocedure,
                'messaging.remove_internal_tester(uuid)'::pg_catalog.regprocedure
            )
            union all
            select
                class.oid::pg_catalog.regclass::text,
                class.relacl
            from pg_catalog.pg_class as class
            where class.oid in (
                'messaging.rollout'::pg_catalog.regclass,
                'messaging.rollout_history'::pg_catalog.regclass,
                'messaging.internal_testers'::pg_catalog.regclass
            )
        ) as thing
        cross join lateral pg_catalog.aclexplode(thing.privileges) as entry
        left join pg_catalog.pg_roles as role
            on role.oid = entry.grantee
        where entry.grantee = 0
            or role.rolname in ('anon', 'authenticated', 'service_role', 'pg_monitor')
        group by
            role.rolname,
            thing.name
    ) as actual using (object)
    where expected.definition is distinct from actual.definition;

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'the privileges on the rollout are not those they must be',
            detail = v_differences;
    end if;

    select pg_catalog.string_agg(routine.oid::pg_catalog.regprocedure::text, ', ')
    into v_differences
    from pg_catalog.pg_proc as routine
    where routine.oid in (
            'public.is_messaging_v2_enabled(uuid)'::pg_catalog.regprocedure,
            'messaging.rollout_status(integer)'::pg_catalog.regprocedure,
            'messaging.set_rollout(text,integer,text,text,jsonb)'::pg_catalog.regprocedure,
            'messaging.add_internal_tester(uuid,text,text)'::pg_catalog.regprocedure,
            'messaging.remove_internal_tester(uuid)'::pg_catalog.regprocedure
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
