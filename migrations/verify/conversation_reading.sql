-- Verify care_collective_messaging:conversation_reading on pg
--
-- What: compare functions and indexes with what they must be; call the functions as a stranger and
--     with arguments that are none; take cursors apart and put them together; where there are
--     conversations, read as one of their people and compare with a count of the rows.
-- Why: a page that skips a message is not noticed by anybody who reads.
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
                'index public.conversations_v2_requester_id_last_message_at_id_idx',
                'CREATE INDEX conversations_v2_requester_id_last_message_at_id_idx ON '
                'public.conversations_v2 USING btree (requester_id, last_message_at, id)'
            ),
            (
                'index public.conversations_v2_helper_id_last_message_at_id_idx',
                'CREATE INDEX conversations_v2_helper_id_last_message_at_id_idx ON '
                'public.conversations_v2 USING btree (helper_id, last_message_at, id)'
            ),
            (
                'index public.messages_v2_conversation_id_created_at_id_sender_id_idx',
                'CREATE INDEX messages_v2_conversation_id_created_at_id_sender_id_idx ON '
                'public.messages_v2 USING btree (conversation_id, created_at, id) '
                'INCLUDE (sender_id)'
            ),
            (
                'function public.list_conversations_v2('
                'p_user_id uuid, p_page integer DEFAULT 1, p_limit integer DEFAULT 20)',
                'returns jsonb, security definer, search_path="", for authenticated'
            ),
            (
                'function public.get_messages_v2('
                'p_conversation_id uuid, p_user_id uuid, p_cursor text DEFAULT NULL::text, '
                'p_limit integer DEFAULT 50, p_direction text DEFAULT ''older''::text)',
                'returns jsonb, security definer, search_path="", for authenticated'
            ),
            (
                'function public.mark_conversation_read_v2('
                'p_conversation_id uuid, p_user_id uuid)',
                'returns jsonb, security definer, search_path="", for authenticated'
            )
    ),
    actual (object, definition) as (
        select
            'index ' || class.oid::pg_catalog.regclass,
            pg_catalog.pg_get_indexdef(class.oid)
        from pg_catalog.pg_index as index
        join pg_catalog.pg_class as class
            on class.oid = index.indexrelid
        where index.indrelid in (
            pg_catalog.to_regclass('public.conversations_v2'),
            pg_catalog.to_regclass('public.messages_v2')
        )
            and index.indisvalid
        union all
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
            message = 'conversation_reading is not in the shape in which it was deployed',
            detail = v_differences;
    end if;
end;
$shape$;

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
                'list for another user',
                public.list_conversations_v2(v_nobody),
                'not_the_caller'
            ),
            ('list for nobody', public.list_conversations_v2(null), 'not_the_caller'),
            ('list, page 0', public.list_conversations_v2(v_user, 0), 'invalid_page'),
            ('list, no page', public.list_conversations_v2(v_user, null), 'invalid_page'),
            ('list, 101 rows', public.list_conversations_v2(v_user, 1, 101), 'invalid_limit'),
            ('list, no limit', public.list_conversations_v2(v_user, 1, null), 'invalid_limit'),
            ('list of a newcomer', public.list_conversations_v2(v_user, 2147483647, 100), null),
            (
                'messages for another user',
                public.get_messages_v2(v_nobody, v_nobody),
                'not_the_caller'
            ),
            ('messages for nobody', public.get_messages_v2(v_nobody, null), 'not_the_caller'),
            (
                'messages, limit 0',
                public.get_messages_v2(v_nobody, v_user, null, 0),
                'invalid_limit'
            ),
            (
                'messages, sideways',
                public.get_messages_v2(v_nobody, v_user, null, 50, 'sideways'),
                'invalid_direction'
            ),
            (
                'messages, no cursor of ours',
                public.get_messages_v2(v_nobody, v_user, 'bm9uc2Vuc2U'),
                'invalid_cursor'
            ),
            (
                'messages of no conversation',
                public.get_messages_v2(v_nobody, v_user),
                'conversation_not_found'
            ),
            (
                'read for another user',
                public.mark_conversation_read_v2(v_nobody, v_nobody),
                'not_the_caller'
            ),
            (
                'read no conversation',
                public.mark_conversation_read_v2(v_nobody, v_user),
                'conversation_not_found'
            )
    ) as call (name, answer, reason)
    where call.answer #>> '{details,reason}' is distinct from call.reason
    limit 1;

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'a function that reads V2 answers otherwise than it must',
            detail = v_difference;
    end if;
end;
$answers$;

do $cursors$
declare
    v_conversation constant uuid := pg_catalog.gen_random_uuid();
    v_message constant uuid := pg_catalog.gen_random_uuid();
    v_time timestamptz;
begin
    foreach v_time in array array[
        '0001-01-01 00:00:00+00',
        '1969-12-31 23:59:59.999999+00',
        '2025-03-30 01:59:59.000001+00',
        '9999-12-31 23:59:59.999999+00'
    ]::timestamptz[] loop
        if not exists (
            select
            from messaging.read_cursor(
                messaging.make_cursor(v_conversation, v_time, v_message), v_conversation, false
            ) as place
            where place.place_at = v_time
                and place.place_id = v_message
        ) then
            raise exception using
                errcode = 'assert_failure',
                message = pg_catalog.format('a cursor does not lead back to %s', v_time);
        end if;
        if exists (
            select
            from messaging.read_cursor(
                messaging.make_cursor(v_conversation, v_time, v_message), v_message, false
            ) as place
            where place.place_at is not null
        ) then
            raise exception using
                errcode = 'assert_failure',
                message = 'a cursor of one conversation leads somewhere in another';
        end if;
    end loop;
end;
$cursors$;

-- A database without conversations has nothing to compare, and passes.
do $pages$
declare
    v_conversation record;
    v_user uuid;
    v_difference text;
begin
    select
        conversation.id,
        conversation.requester_id,
        conversation.helper_id
    into v_conversation
    from public.conversations_v2 as conversation
    limit 1;

    if not found then
        return;
    end if;
    foreach v_user in array array[v_conversation.requester_id, v_conversation.helper_id] loop
        perform pg_catalog.set_config(
            'request.jwt.claims', pg_catalog.json_build_object('sub', v_user)::text, true
        );
        -- One statement each, so that what is written meanwhile is in both numbers or in none.
        select pg_catalog.format('list_conversations_v2: %s', page.answer)
        into v_difference
        from (
            select public.list_conversations_v2(v_user) as answer
        ) as page
        cross join (
            select pg_catalog.count(*) as total
            from public.conversations_v2 as conversation
            where v_user in (conversation.requester_id, conversation.helper_id)
        ) as counted
        where (page.answer #>> '{pagination,total}')::bigint is distinct from counted.total
            or pg_catalog.jsonb_array_length(page.answer -> 'conversations')
                is distinct from least(counted.total, 20);

        if v_difference is null then
            select pg_catalog.format('get_messages_v2: %s', page.answer)
            into v_difference
            from (
                select public.get_messages_v2(v_conversation.id, v_user) as answer
            ) as page
            cross join (
                select pg_catalog.count(*) as total
                from (
                    select
                    from public.messages_v2 as message
                    where message.conversation_id = v_conversation.id
                    limit 51
                ) as few
            ) as counted
            where pg_catalog.jsonb_array_length(page.answer -> 'messages')
                    is distinct from least(counted.total, 50)
                or (page.answer #>> '{pagination,has_more}')::boolean
                    is distinct from (counted.total > 50);
        end if;
        if v_difference is null then
            select pg_catalog.format('mark_conversation_read_v2: %s', marked.answer)
            into v_difference
            from (
                select public.mark_conversation_read_v2(v_conversation.id, v_user) as answer
            ) as marked
            where (marked.answer ->> 'unread_count') is distinct from '0';
        end if;
        if v_difference is not null then
            raise exception using
                errcode = 'assert_failure',
                message = 'one of the people of a conversation does not read what is there',
                detail = v_difference;
        end if;
    end loop;
end;
$pages$;

rollback;
