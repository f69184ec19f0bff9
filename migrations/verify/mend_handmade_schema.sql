-- Verify care_collective_messaging:mend_handmade_schema on pg
--
-- What: look for what hand-made tables and functions had and the plan's have not.
-- Why: the verify scripts of the two changes before state the shape in full, but give way to those
--     of their second versions; this one holds for all of the plan from here on.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

set local search_path = '';

do $shape$
declare
    v_differences text;
begin
    with relation as (
        select
            wanted.name,
            class.oid,
            class.relrowsecurity
        from (
            values
                ('public.conversations_v2'),
                ('public.messages_v2'),
                ('public.conversation_reads_v2')
        ) as wanted (name)
        left join pg_catalog.pg_class as class
            on class.oid = pg_catalog.to_regclass(wanted.name)
            and class.relkind = 'r'
    ),
    column_wanted (relation, name, type) as (
        values
            ('public.conversations_v2', 'id', 'uuid'),
            ('public.conversations_v2', 'help_request_id', 'uuid'),
            ('public.conversations_v2', 'requester_id', 'uuid'),
            ('public.conversations_v2', 'helper_id', 'uuid'),
            ('public.conversations_v2', 'initial_message', 'text'),
            ('public.conversations_v2', 'status', 'text'),
            ('public.conversations_v2', 'origin', 'text'),
            ('public.conversations_v2', 'created_at', 'timestamptz'),
            ('public.conversations_v2', 'updated_at', 'timestamptz'),
            ('public.conversations_v2', 'last_message_at', 'timestamptz'),
            ('public.messages_v2', 'id', 'uuid'),
            ('public.messages_v2', 'conversation_id', 'uuid'),
            ('public.messages_v2', 'sender_id', 'uuid'),
            ('public.messages_v2', 'content', 'text'),
            ('public.messages_v2', 'created_at', 'timestamptz'),
            ('public.messages_v2', 'updated_at', 'timestamptz'),
            ('public.conversation_reads_v2', 'conversation_id', 'uuid'),
            ('public.conversation_reads_v2', 'user_id', 'uuid'),
            ('public.conversation_reads_v2', 'last_read_at', 'timestamptz')
    ),
    fault (said) as (
        select relation.name || ' is no table'
        from relation
        where relation.oid is null
        union all
        select relation.name || ' has no row level security'
        from relation
        where not relation.relrowsecurity
        union all
        select pg_catalog.format(
            '%s.%s is no %s that is never null', wanted.relation, wanted.name, wanted.type
        )
        from column_wanted as wanted
        join relation
            on relation.name = wanted.relation
        left join pg_catalog.pg_attribute as attribute
            on attribute.attrelid = relation.oid
            and attribute.attname = wanted.name
        where (
            attribute.attnotnull
            and attribute.atttypid = wanted.type::pg_catalog.regtype
        ) is not true
        union all
        select pg_catalog.format('check %s on %s was made by hand', rule.conname, relation.name)
        from relation
        join pg_catalog.pg_constraint as rule
            on rule.conrelid = relation.oid
            and rule.contype = 'c'
        where rule.conname ~ '_check[0-9]*$'
            and not exists (
                select
                from pg_catalog.pg_attribute as attribute
                where attribute.attrelid = relation.oid
                    and attribute.attnum = any (rule.conkey)
                    and not exists (
                        select
                        from column_wanted as wanted
                        where wanted.relation = relation.name
                            and wanted.name = attribute.attname
                    )
            )
        union all
        select pg_catalog.format(
            '%s has no check %s that is validated', rule_wanted.relation, rule_wanted.name
        )
        from (
            values
                ('public.conversations_v2', 'conversations_v2_two_people'),
                ('public.conversations_v2', 'conversations_v2_initial_message_length'),
                ('public.conversations_v2', 'conversations_v2_status_known'),
                ('public.conversations_v2', 'conversations_v2_origin_known'),
                ('public.messages_v2', 'messages_v2_content_length')
        ) as rule_wanted (relation, name)
        where not exists (
            select
            from pg_catalog.pg_constraint as rule
            where rule.conrelid = pg_catalog.to_regclass(rule_wanted.relation)
                and rule.conname = rule_wanted.name
                and rule.convalidated
        )
        union all
        select pg_catalog.format(
            'policy %s on %s is for more than signed-in users',
            policy.policyname,
            policy.tablename
        )
        from pg_catalog.pg_policies as policy
        join relation
            on relation.name = pg_catalog.format('%s.%s', policy.schemaname, policy.tablename)
        where policy.roles <> array['authenticated']::name[]
        union all
        select pg_catalog.format('there is no function public.%s', routine_wanted.name)
        from (
            values
                ('create_conversation_atomic(uuid,uuid,text)'),
                ('send_message_v2(uuid,uuid,text)'),
                ('get_conversation_v2(uuid,uuid)')
        ) as routine_wanted (name)
        where pg_catalog.to_regprocedure('public.' || routine_wanted.name) is null
        union all
        select pg_catalog.format(
            '%s is not %s', routine.oid::pg_catalog.regprocedure, property.name
        )
        from pg_catalog.pg_proc as routine
        cross join lateral (
            values
                ('one of the plan''s', routine.pronargs = case routine.proname
                    when 'get_conversation_v2' then 2
                    else 3
                end),
                ('answering jsonb', routine.prorettype = 'jsonb'::pg_catalog.regtype),
                ('security definer', routine.prosecdef),
                (
                    'pinned to an empty search_path',
                    coalesce('search_path=""' = any (routine.proconfig), false)
                ),
                (
                    'closed to strangers',
                    not pg_catalog.has_function_privilege('anon', routine.oid, 'execute')
                )
        ) as property (name, held)
        where routine.pronamespace = 'public'::pg_catalog.regnamespace
            and routine.proname in (
                'create_conversation_atomic', 'send_message_v2', 'get_conversation_v2'
            )
            and not property.held
        union all
        select 'there is no function messaging.caller_id()'
        where pg_catalog.to_regprocedure('messaging.caller_id()') is null
    )
    select pg_catalog.string_agg(fault.said, E'\n' order by fault.said)
    into v_differences
    from fault;

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'messaging V2 is in a shape that was made by hand',
            detail = v_differences;
    end if;
end;
$shape$;

-- A stranger is turned away by each of the three, whatever the claims are.
do $identity$
declare
    v_user constant uuid := pg_catalog.gen_random_uuid();
    v_claims text;
    v_function text;
begin
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);
    for v_claims in
        values
            (''),
            ('{}'),
            ('{"sub": "somebody"}'),
            (pg_catalog.json_build_object('sub', pg_catalog.gen_random_uuid())::text)
    loop
        perform pg_catalog.set_config('request.jwt.claims', v_claims, true);

        select call.name
        into v_function
        from (
            values
                (
                    'public.create_conversation_atomic(uuid, uuid, text)',
                    public.create_conversation_atomic(v_user, v_user, 'I can help you')
                ),
                (
                    'public.send_message_v2(uuid, uuid, text)',
                    public.send_message_v2(v_user, v_user, 'hello')
                ),
                (
                    'public.get_conversation_v2(uuid, uuid)',
                    public.get_conversation_v2(v_user, v_user)
                )
        ) as call (name, answer)
        where call.answer #>> '{details,reason}' is distinct from 'not_the_caller'
        limit 1;

        if v_function is not null then
            raise exception using
                errcode = 'assert_failure',
                message = v_function || ' lets a stranger act as anybody',
                detail = pg_catalog.format('request.jwt.claims: %L', v_claims);
        end if;
    end loop;
end;
$identity$;

rollback;
