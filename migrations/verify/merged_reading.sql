-- Verify care_collective_messaging:merged_reading on pg
--
-- What: compare the functions with what they must be; call them as nobody, as a newcomer and with
--     arguments that are none; where V1 has conversations, read as one of their people and compare
--     with a count of the rows.
-- Why: the functions run past the policies of V1: who takes part is for them to find out.
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
            (
                'function public.list_conversations('
                'p_page integer DEFAULT 1, p_limit integer DEFAULT 20)',
                'returns jsonb, security definer, search_path="", for authenticated'
            ),
            (
                'function public.get_messages('
                'p_conversation_id uuid, p_cursor text DEFAULT NULL::text, '
                'p_limit integer DEFAULT 50, p_direction text DEFAULT ''older''::text)',
                'returns jsonb, security definer, search_path="", for authenticated'
            ),
            (
                'function public.get_conversation_version(p_conversation_id uuid)',
                'returns text, security definer, search_path="", for authenticated'
            )
    ),
    actual (object, definition) as (
        select
            pg_catalog.format(
                'function %s(%s)',
                routine.oid::pg_catalog.regproc,
                pg_catalog.pg_get_function_arguments(routine.oid)
            ),
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
        where routine.pronamespace = 'public'::pg_catalog.regnamespace
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
            message = 'merged_reading is not in the shape in which it was deployed',
            detail = v_differences;
    end if;
end;
$shape$;

do $answers$
declare
    v_user constant uuid := pg_catalog.gen_random_uuid();
    v_nobody constant uuid := pg_catalog.gen_random_uuid();
    v_claims text;
    v_reason text;
    v_difference text;
begin
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);
    for v_claims, v_reason in
        values
            ('', 'not_signed_in'),
            ('{"sub": null}', 'not_signed_in'),
            ('{"sub": "somebody"}', 'not_signed_in'),
            ('{"sub": ', 'not_signed_in'),
            (pg_catalog.json_build_object('sub', v_user)::text, null)
    loop
        perform pg_catalog.set_config('request.jwt.claims', v_claims, true);
        select pg_catalog.format(
            '%s: expected %s, found %s', call.name, coalesce(v_reason, call.reason), call.answer
        )
        into v_difference
        from (
            values
                ('list of a newcomer', public.list_conversations(2147483647, 100), null),
                ('list, page 0', public.list_conversations(0), 'invalid_page'),
                ('list, no limit', public.list_conversations(1, null), 'invalid_limit'),
                (
                    'messages of no conversation',
                    public.get_messages(v_nobody),
                    'conversation_not_found'
                ),
                (
                    'messages, no cursor of ours',
                    public.get_messages(v_nobody, 'bm9uc2Vuc2U'),
                    'invalid_cursor'
                )
        ) as call (name, answer, reason)
        where call.answer #>> '{details,reason}' is distinct from coalesce(v_reason, call.reason)
        limit 1;

        if v_difference is not null then
            raise exception using
                errcode = 'assert_failure',
                message = 'a function that reads V1 and V2 answers otherwise than it must',
                detail = v_difference;
        end if;
        if public.get_conversation_version(v_nobody) is not null then
            raise exception using
                errcode = 'assert_failure',
                message = 'get_conversation_version names a system for no conversation';
        end if;
    end loop;
end;
$answers$;

-- A database without V1, or with an empty one, has nothing to compare, and passes.
do $pages$
declare
    v_conversation_id uuid;
    v_user uuid;
    v_difference text;
begin
    if pg_catalog.to_regclass('public.conversations') is null
        or pg_catalog.to_regclass('public.conversation_participants') is null
        or pg_catalog.to_regclass('public.messages') is null
    then
        return;
    end if;
    select
        participant.conversation_id,
        participant.user_id
    into
        v_conversation_id,
        v_user
    from public.conversation_participants as participant
    where participant.left_at is null
    limit 1;

    if not found then
        return;
    end if;
    perform pg_catalog.set_config(
        'request.jwt.claims', pg_catalog.json_build_object('sub', v_user)::text, true
    );
    -- One statement each, so that what is written meanwhile is in both numbers or in none.
    select pg_catalog.format('list_conversations: %s', page.answer)
    into v_difference
    from (
        select public.list_conversations() as answer
    ) as page
    cross join (
        select pg_catalog.count(*) as total
        from (
            select conversation.id
            from public.conversations_v2 as conversation
            where v_user in (conversation.requester_id, conversation.helper_id)
            union
            select participant.conversation_id
            from public.conversation_participants as participant
            where participant.user_id = v_user
                and participant.left_at is null
        ) as mine
    ) as counted
    where (page.answer #>> '{pagination,total}')::bigint is distinct from counted.total
        or pg_catalog.jsonb_array_length(page.answer -> 'conversations')
            is distinct from least(counted.total, 20);

    if v_difference is null then
        select pg_catalog.format('get_messages: %s', page.answer)
        into v_difference
        from (
            select public.get_messages(v_conversation_id) as answer
        ) as page
        where page.answer ->> 'version' is distinct from
            public.get_conversation_version(v_conversation_id)
            or page.answer ->> 'success' is distinct from 'true';
    end if;
    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'somebody who takes part in a V1 conversation does not read what is there',
            detail = v_difference;
    end if;
end;
$pages$;

rollback;
