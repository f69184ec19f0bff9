-- Verify care_collective_messaging:messaging_system_v2_atomic on pg
--
-- What: compare columns, constraints, indexes, triggers, policies and privileges with what they
--     must be, and call the functions with arguments that write nothing.
-- Why: an object of the right name may still have the wrong shape. What later changes add is left
--     alone, but for policies and privileges: of those there may be no other.
-- Requires: nothing.
-- Transaction: yes, rolled back.

begin;

-- The catalogue spells names with their schema only where the search path does not lead there.
set local search_path = '';

do $shape$
declare
    v_differences text;
begin
    with relation as (
        select
            class.oid,
            class.oid::pg_catalog.regclass as name,
            class.relrowsecurity,
            class.relacl,
            class.relowner
        from pg_catalog.pg_class as class
        where class.oid in (
            pg_catalog.to_regclass('public.conversations_v2'),
            pg_catalog.to_regclass('public.messages_v2'),
            pg_catalog.to_regclass('public.conversation_reads_v2')
        )
    ),
    expected (object, definition) as (
        values
            ('column public.conversations_v2.id', 'uuid not null default gen_random_uuid()'),
            ('column public.conversations_v2.help_request_id', 'uuid not null'),
            ('column public.conversations_v2.requester_id', 'uuid not null'),
            ('column public.conversations_v2.helper_id', 'uuid not null'),
            ('column public.conversations_v2.initial_message', 'text not null'),
            ('column public.conversations_v2.status', 'text not null default ''active''::text'),
            ('column public.conversations_v2.origin', 'text not null default ''v2''::text'),
            (
                'column public.conversations_v2.created_at',
                'timestamp with time zone not null default now()'
            ),
            (
                'column public.conversations_v2.updated_at',
                'timestamp with time zone not null default now()'
            ),
            (
                'column public.conversations_v2.last_message_at',
                'timestamp with time zone not null default now()'
            ),
            ('column public.messages_v2.id', 'uuid not null default gen_random_uuid()'),
            ('column public.messages_v2.conversation_id', 'uuid not null'),
            ('column public.messages_v2.sender_id', 'uuid not null'),
            ('column public.messages_v2.content', 'text not null'),
            (
                'column public.messages_v2.created_at',
                'timestamp with time zone not null default now()'
            ),
            (
                'column public.messages_v2.updated_at',
                'timestamp with time zone not null default now()'
            ),
            ('column public.conversation_reads_v2.conversation_id', 'uuid not null'),
            ('column public.conversation_reads_v2.user_id', 'uuid not null'),
            (
                'column public.conversation_reads_v2.last_read_at',
                'timestamp with time zone not null default now()'
            ),
            (
                'constraint conversations_v2_help_request_id_fkey on public.conversations_v2',
                'FOREIGN KEY (help_request_id) REFERENCES public.help_requests(id) ON DELETE '
                'CASCADE'
            ),
            (
                'constraint conversations_v2_help_request_id_helper_id_key '
                'on public.conversations_v2',
                'UNIQUE (help_request_id, helper_id)'
            ),
            (
                'constraint conversations_v2_helper_id_fkey on public.conversations_v2',
                'FOREIGN KEY (helper_id) REFERENCES auth.users(id) ON DELETE CASCADE'
            ),
            (
                'constraint conversations_v2_origin_known on public.conversations_v2',
                'CHECK ((origin = ANY (ARRAY[''v2''::text, ''v1_backfill''::text])))'
            ),
            ('constraint conversations_v2_pkey on public.conversations_v2', 'PRIMARY KEY (id)'),
            (
                'constraint conversations_v2_requester_id_fkey on public.conversations_v2',
                'FOREIGN KEY (requester_id) REFERENCES auth.users(id) ON DELETE CASCADE'
            ),
            (
                'constraint conversations_v2_status_known on public.conversations_v2',
                'CHECK ((status = ANY (ARRAY[''active''::text, ''closed''::text, '
                '''archived''::text, ''blocked''::text])))'
            ),
            (
                'constraint conversations_v2_two_people on public.conversations_v2',
                'CHECK ((requester_id <> helper_id))'
            ),
            (
                'constraint messages_v2_conversation_id_fkey on public.messages_v2',
                'FOREIGN KEY (conversation_id) REFERENCES public.conversations_v2(id) ON DELETE '
                'CASCADE'
            ),
            ('constraint messages_v2_pkey on public.messages_v2', 'PRIMARY KEY (id)'),
            (
                'constraint messages_v2_sender_id_fkey on public.messages_v2',
                'FOREIGN KEY (sender_id) REFERENCES auth.users(id) ON DELETE CASCADE'
            ),
            (
                'constraint conversation_reads_v2_conversation_id_fkey '
                'on public.conversation_reads_v2',
                'FOREIGN KEY (conversation_id) REFERENCES public.conversations_v2(id) ON DELETE '
                'CASCADE'
            ),
            (
                'constraint conversation_reads_v2_pkey on public.conversation_reads_v2',
                'PRIMARY KEY (conversation_id, user_id)'
            ),
            (
                'constraint conversation_reads_v2_user_id_fkey on public.conversation_reads_v2',
                'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE'
            ),
            ('index led by public.conversations_v2.helper_id', 'yes'),
            ('index led by public.conversations_v2.requester_id', 'yes'),
            ('index led by public.messages_v2.conversation_id', 'yes'),
            ('index led by public.messages_v2.sender_id', 'yes'),
            (
                'index public.conversation_reads_v2_user_id_idx',
                'CREATE INDEX conversation_reads_v2_user_id_idx ON public.conversation_reads_v2 '
                'USING btree (user_id)'
            ),
            (
                'trigger conversations_v2_set_updated_at on public.conversations_v2',
                'CREATE TRIGGER conversations_v2_set_updated_at BEFORE UPDATE ON '
                'public.conversations_v2 FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) '
                'EXECUTE FUNCTION messaging.set_updated_at()'
            ),
            (
                'trigger messages_v2_note_last_message on public.messages_v2',
                'CREATE TRIGGER messages_v2_note_last_message AFTER INSERT ON '
                'public.messages_v2 FOR EACH ROW EXECUTE FUNCTION messaging.note_last_message()'
            ),
            (
                'trigger messages_v2_set_updated_at on public.messages_v2',
                'CREATE TRIGGER messages_v2_set_updated_at BEFORE UPDATE ON public.messages_v2 '
                'FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION '
                'messaging.set_updated_at()'
            ),
            ('row security of public.conversations_v2', 'on'),
            ('row security of public.messages_v2', 'on'),
            ('row security of public.conversation_reads_v2', 'on'),
            (
                'policy conversations_v2_insert_helper on public.conversations_v2',
                'INSERT to {authenticated} check ((helper_id = ( SELECT auth.uid() AS uid)) AND '
                '(EXISTS ( SELECT FROM public.help_requests request WHERE ((request.id = '
                'conversations_v2.help_request_id) AND (request.user_id = '
                'conversations_v2.requester_id) AND (request.status = ANY '
                '(ARRAY[''open''::text, ''in_progress''::text]))))))'
            ),
            (
                'policy conversations_v2_select_participant on public.conversations_v2',
                'SELECT to {authenticated} using ((requester_id = ( SELECT auth.uid() AS uid)) '
                'OR (helper_id = ( SELECT auth.uid() AS uid)))'
            ),
            (
                'policy conversations_v2_update_participant on public.conversations_v2',
                'UPDATE to {authenticated} using ((requester_id = ( SELECT auth.uid() AS uid)) '
                'OR (helper_id = ( SELECT auth.uid() AS uid))) check ((requester_id = ( SELECT '
                'auth.uid() AS uid)) OR (helper_id = ( SELECT auth.uid() AS uid)))'
            ),
            (
                'policy messages_v2_insert_sender on public.messages_v2',
                'INSERT to {authenticated} check ((sender_id = ( SELECT auth.uid() AS uid)) AND '
                '(EXISTS ( SELECT FROM public.conversations_v2 conversation WHERE '
                '((conversation.id = messages_v2.conversation_id) AND (conversation.status = '
                '''active''::text) AND ((conversation.requester_id = ( SELECT auth.uid() AS '
                'uid)) OR (conversation.helper_id = ( SELECT auth.uid() AS uid)))))))'
            ),
            (
                'policy messages_v2_select_participant on public.messages_v2',
                'SELECT to {authenticated} using (EXISTS ( SELECT FROM public.conversations_v2 '
                'conversation WHERE ((conversation.id = messages_v2.conversation_id) AND '
                '((conversation.requester_id = ( SELECT auth.uid() AS uid)) OR '
                '(conversation.helper_id = ( SELECT auth.uid() AS uid))))))'
            ),
            (
                'policy conversation_reads_v2_insert_own on public.conversation_reads_v2',
                'INSERT to {authenticated} check (user_id = ( SELECT auth.uid() AS uid))'
            ),
            (
                'policy conversation_reads_v2_select_own on public.conversation_reads_v2',
                'SELECT to {authenticated} using (user_id = ( SELECT auth.uid() AS uid))'
            ),
            (
                'policy conversation_reads_v2_update_own on public.conversation_reads_v2',
                'UPDATE to {authenticated} using (user_id = ( SELECT auth.uid() AS uid)) check '
                '(user_id = ( SELECT auth.uid() AS uid))'
            ),
            (
                'function public.create_conversation_atomic('
                'p_help_request_id uuid, p_helper_id uuid, p_initial_message text)',
                'returns jsonb, security definer, search_path=""'
            ),
            (
                'function public.send_message_v2('
                'p_conversation_id uuid, p_sender_id uuid, p_content text)',
                'returns jsonb, security definer, search_path=""'
            ),
            (
                'function public.get_conversation_v2(p_conversation_id uuid, p_user_id uuid)',
                'returns jsonb, security definer, search_path=""'
            ),
            ('privileges of authenticated on public.conversations_v2', 'SELECT, UPDATE (status)'),
            (
                'privileges of service_role on public.conversations_v2',
                'DELETE, INSERT, SELECT, UPDATE'
            ),
            ('privileges of authenticated on public.messages_v2', 'SELECT'),
            ('privileges of service_role on public.messages_v2', 'DELETE, INSERT, SELECT, UPDATE'),
            ('privileges of authenticated on public.conversation_reads_v2', 'SELECT'),
            (
                'privileges of service_role on public.conversation_reads_v2',
                'DELETE, INSERT, SELECT, UPDATE'
            )
        union all
        select
            pg_catalog.format(
                'constraint %s_%s_length on public.%s', length.table_name, length.column_name,
                length.table_name
            ),
            pg_catalog.format(
                'CHECK (((char_length(btrim(%1$s, %2$L::text)) >= %3$s) '
                'AND (char_length(btrim(%1$s, %2$L::text)) <= 1000)))',
                length.column_name,
                E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003'
                '\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
                length.minimum
            )
        from (
            values
                ('conversations_v2', 'initial_message', 10),
                ('messages_v2', 'content', 1)
        ) as length (table_name, column_name, minimum)
        union all
        -- Where there is the publication, both message tables are in it.
        select
            pg_catalog.format('publication %s of public.%s', publication.pubname, published.name),
            'yes'
        from pg_catalog.pg_publication as publication
        cross join (values ('conversations_v2'), ('messages_v2')) as published (name)
        where publication.pubname = 'supabase_realtime'
    ),
    actual (object, definition) as (
        select
            pg_catalog.format('column %s.%s', relation.name, attribute.attname),
            pg_catalog.concat(
                pg_catalog.format_type(attribute.atttypid, attribute.atttypmod),
                case when attribute.attnotnull then ' not null' end,
                ' default ' || pg_catalog.pg_get_expr(preset.adbin, preset.adrelid)
            )
        from relation
        join pg_catalog.pg_attribute as attribute
            on attribute.attrelid = relation.oid
            and attribute.attnum > 0
            and not attribute.attisdropped
        left join pg_catalog.pg_attrdef as preset
            on preset.adrelid = attribute.attrelid
            and preset.adnum = attribute.attnum
        union all
        select
            pg_catalog.format('constraint %s on %s', rule.conname, relation.name),
            pg_catalog.pg_get_constraintdef(rule.oid)
        from relation
        join pg_catalog.pg_constraint as rule
            on rule.conrelid = relation.oid
        union all
        select
            pg_catalog.format('index %s', index.indexrelid::pg_catalog.regclass),
            pg_catalog.pg_get_indexdef(index.indexrelid)
        from relation
        join pg_catalog.pg_index as index
            on index.indrelid = relation.oid
            and index.indisvalid
        union all
        -- Change limits puts longer indexes in the place of two.
        select distinct
            pg_catalog.format('index led by %s.%s', relation.name, attribute.attname),
            'yes'
        from relation
        join pg_catalog.pg_index as index
            on index.indrelid = relation.oid
            and index.indisvalid
            and index.indpred is null
        join pg_catalog.pg_attribute as attribute
            on attribute.attrelid = relation.oid
            and attribute.attnum = index.indkey[0]
        union all
        select
            pg_catalog.format('trigger %s on %s', trigger.tgname, relation.name),
            pg_catalog.pg_get_triggerdef(trigger.oid)
        from relation
        join pg_catalog.pg_trigger as trigger
            on trigger.tgrelid = relation.oid
            and trigger.tgenabled = 'O'
        union all
        select
            pg_catalog.format('row security of %s', relation.name),
            case when relation.relrowsecurity then 'on' else 'off' end
        from relation
        union all
        -- The status of a request may be text or an enum: then the policy has a cast.
        select
            pg_catalog.format('policy %s on %s', policy.policyname, relation.name),
            pg_catalog.replace(
                pg_catalog.regexp_replace(
                    pg_catalog.concat(
                        case policy.permissive when 'RESTRICTIVE' then 'RESTRICTIVE ' end,
                        policy.cmd,
                        ' to ' || policy.roles::text,
                        ' using ' || policy.qual,
                        ' check ' || policy.with_check
                    ),
                    '\s+',
                    ' ',
                    'g'
                ),
                '(request.status)::text',
                'request.status'
            )
        from relation
        join pg_catalog.pg_policies as policy
            on pg_catalog.format('%I.%I', policy.schemaname, policy.tablename)
                = relation.name::text
        union all
        select
            pg_catalog.format(
                'function %s(%s)',
                routine.oid::pg_catalog.regproc,
                pg_catalog.pg_get_function_arguments(routine.oid)
            ),
            pg_catalog.format(
                'returns %s, security %s, %s',
                pg_catalog.pg_get_function_result(routine.oid),
                case when routine.prosecdef then 'definer' else 'invoker' end,
                pg_catalog.array_to_string(routine.proconfig, ', ')
            )
        from pg_catalog.pg_proc as routine
        where routine.pronamespace = 'public'::pg_catalog.regnamespace
        union all
        select
            pg_catalog.format(
                'privileges of %s on %s', coalesce(role.rolname, 'public'), relation.name
            ),
            pg_catalog.string_agg(granted.privilege, ', ' order by granted.privilege)
        from relation
        cross join lateral (
            select
                entry.grantee,
                entry.privilege_type as privilege
            from pg_catalog.aclexplode(relation.relacl) as entry
            union all
            select
                entry.grantee,
                pg_catalog.format('%s (%s)', entry.privilege_type, attribute.attname)
            from pg_catalog.pg_attribute as attribute
            cross join lateral pg_catalog.aclexplode(attribute.attacl) as entry
            where attribute.attrelid = relation.oid
        ) as granted
        left join pg_catalog.pg_roles as role
            on role.oid = granted.grantee
        where granted.grantee = 0
            or role.rolname in ('anon', 'authenticated', 'service_role')
        group by
            role.rolname,
            relation.name
        union all
        select
            pg_catalog.format(
                'privileges of %s on schema %s', coalesce(role.rolname, 'public'), namespace.nspname
            ),
            pg_catalog.string_agg(entry.privilege_type, ', ' order by entry.privilege_type)
        from pg_catalog.pg_namespace as namespace
        cross join lateral pg_catalog.aclexplode(namespace.nspacl) as entry
        left join pg_catalog.pg_roles as role
            on role.oid = entry.grantee
        where namespace.nspname = 'messaging'
            and (entry.grantee = 0 or role.rolname in ('anon', 'authenticated'))
        group by
            role.rolname,
            namespace.nspname
        union all
        -- EXECUTE that nobody may ever have: of strangers on anything, of users on the internals.
        select
            pg_catalog.format(
                'privileges of %s on %s',
                coalesce(role.rolname, 'public'),
                routine.oid::pg_catalog.regprocedure
            ),
            'EXECUTE'
        from pg_catalog.pg_proc as routine
        cross join lateral pg_catalog.aclexplode(
            coalesce(routine.proacl, pg_catalog.acldefault('f', routine.proowner))
        ) as entry
        left join pg_catalog.pg_roles as role
            on role.oid = entry.grantee
        where case routine.pronamespace::pg_catalog.regnamespace::text
            when 'messaging' then entry.grantee = 0 or role.rolname in ('anon', 'authenticated')
            when 'public' then
                (entry.grantee = 0 or role.rolname = 'anon')
                and routine.proname in (
                    'create_conversation_atomic', 'send_message_v2', 'get_conversation_v2'
                )
            else false
        end
        union all
        select
            pg_catalog.format(
                'publication %s of %I.%I',
                published.pubname,
                published.schemaname,
                published.tablename
            ),
            'yes'
        from pg_catalog.pg_publication_tables as published
        where published.pubname = 'supabase_realtime'
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
    where expected.definition is distinct from actual.definition
        and (
            expected.object is not null
            or actual.object like 'policy %'
            or actual.object like 'privileges %'
        );

    if v_differences is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'messaging V2 is not in the shape in which it was deployed',
            detail = v_differences;
    end if;
end;
$shape$;

-- What the functions say, for arguments with which they write nothing.
do $answers$
declare
    v_nobody constant uuid := pg_catalog.gen_random_uuid();
    v_difference text;
begin
    select pg_catalog.format('%s: expected %s, found %s', call.name, call.expected, call.answer)
    into v_difference
    from (
        values
            (
                'create_conversation, 9 characters',
                messaging.create_conversation(v_nobody, v_nobody, E' 123456789\u3000', 'id'),
                'validation_error 400 message_too_short '
                'Initial message must be at least 10 characters long'
            ),
            (
                'create_conversation, no message',
                messaging.create_conversation(v_nobody, v_nobody, null, 'id'),
                'validation_error 400 message_too_short '
                'Initial message must be at least 10 characters long'
            ),
            (
                'create_conversation, 1,001 characters',
                messaging.create_conversation(
                    v_nobody, v_nobody, pg_catalog.repeat('x', 1001), 'id'
                ),
                'validation_error 400 message_too_long '
                'Initial message cannot exceed 1000 characters'
            ),
            (
                'create_conversation, no such request',
                messaging.create_conversation(
                    v_nobody, v_nobody, pg_catalog.repeat('x', 1000), 'id'
                ),
                'not_found 404 help_request_not_found Help request not found'
            ),
            (
                'send_message, white space',
                messaging.send_message(v_nobody, v_nobody, E' \t\u00a0\u2003', 'id'),
                'validation_error 400 message_empty Message content cannot be empty'
            ),
            (
                'send_message, 1,001 characters',
                messaging.send_message(v_nobody, v_nobody, pg_catalog.repeat('x', 1001), 'id'),
                'validation_error 400 message_too_long Message cannot exceed 1000 characters'
            ),
            (
                'send_message, no such conversation',
                messaging.send_message(v_nobody, v_nobody, 'x', 'id'),
                'permission_denied 403 not_a_participant '
                'Not authorized to send messages in this conversation'
            ),
            (
                'get_conversation, no such conversation',
                messaging.get_conversation(v_nobody, v_nobody, 'id'),
                'not_found 404 conversation_not_found '
                'Conversation not found or you do not have access'
            )
    ) as call (name, answer, expected)
    where call.expected is distinct from pg_catalog.concat_ws(
        ' ',
        call.answer ->> 'error',
        call.answer ->> 'http_status',
        call.answer #>> '{details,reason}',
        call.answer ->> 'message'
    )
    limit 1;

    if v_difference is not null then
        raise exception using
            errcode = 'assert_failure',
            message = 'a function of messaging V2 answers otherwise than it must',
            detail = v_difference;
    end if;
    if messaging.request_id() !~ '^v2_[0-9]{13}_[0-9a-z]+$' then
        raise exception using
            errcode = 'assert_failure',
            message = 'messaging.request_id() does not answer v2_<epoch in ms>_<random>';
    end if;
end;
$answers$;

-- Either nobody may call the functions yet, or they turn a stranger away.
do $impersonation$
declare
    v_nobody constant uuid := pg_catalog.gen_random_uuid();
    v_function text;
begin
    perform pg_catalog.set_config('request.jwt.claim.sub', '', true);
    perform pg_catalog.set_config('request.jwt.claims', '', true);

    select call.name
    into v_function
    from (
        values
            (
                'public.create_conversation_atomic(uuid, uuid, text)',
                public.create_conversation_atomic(v_nobody, v_nobody, 'I can help you')
            ),
            (
                'public.send_message_v2(uuid, uuid, text)',
                public.send_message_v2(v_nobody, v_nobody, 'hello')
            ),
            (
                'public.get_conversation_v2(uuid, uuid)',
                public.get_conversation_v2(v_nobody, v_nobody)
            )
    ) as call (name, answer)
    where pg_catalog.has_function_privilege('authenticated', call.name, 'execute')
        and call.answer #>> '{details,reason}' is distinct from 'not_the_caller'
    limit 1;

    if v_function is not null then
        raise exception using
            errcode = 'assert_failure',
            message = v_function || ' lets a signed-in user act in the name of another one',
            hint = 'revoke execute on function ' || v_function || ' from authenticated';
    end if;
end;
$impersonation$;

rollback;
