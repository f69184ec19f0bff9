-- Deploy care_collective_messaging:mend_hand_edits to pg
--
-- What: bring the three tables of messaging V2, the functions that write and read them, and who may
--     call what, back to what the plan makes. Where nobody has edited them, nothing is changed.
-- Why: `carecli adopt` records a database without a registry, a restored copy for example, that
--     somebody has edited by hand since it was migrated.
-- Requires: conversation_reading, conversation_status, mend_handmade_schema, rollout_gates, v1_backfill.
-- Transaction: yes.
--
-- Rows are treated, and unknown objects are dropped, by the rules of mend_handmade_schema. Bodies
-- of other functions, and tables of schema messaging, are not looked at: `carecli verify` does it.
--
-- squawk wants literal settings; carecli brings its own, and the block below covers the rest. What
-- is dropped is temporary.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, ban-drop-table, ban-drop-view

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

-- The catalogue spells names with their schema only where the search path does not lead there.
set local search_path = '';

do $guard$
declare
    v_foreign text;
begin
    select pg_catalog.string_agg(
        pg_catalog.format('alter %s %s owner to %I', owned.kind, owned.name, current_user), E';\n'
    )
    into v_foreign
    from (
        select
            'table' as kind,
            class.oid::pg_catalog.regclass::text as name,
            class.relowner as owner
        from pg_catalog.pg_class as class
        where class.oid in (
            pg_catalog.to_regclass('public.conversations_v2'),
            pg_catalog.to_regclass('public.messages_v2'),
            pg_catalog.to_regclass('public.conversation_reads_v2')
        )
        union all
        select
            'routine',
            routine.oid::pg_catalog.regprocedure::text,
            routine.proowner
        from pg_catalog.pg_proc as routine
        where routine.pronamespace = 'public'::pg_catalog.regnamespace
            and routine.proname in (
                'create_conversation_atomic', 'send_message_v2', 'get_conversation_v2'
            )
        union all
        select
            'schema',
            namespace.nspname,
            namespace.nspowner
        from pg_catalog.pg_namespace as namespace
        where namespace.nspname = 'messaging'
    ) as owned
    where not pg_catalog.pg_has_role(owned.owner, 'usage');

    if v_foreign is not null then
        raise exception using
            errcode = 'insufficient_privilege',
            message = pg_catalog.format('not all of messaging V2 belongs to %I', current_user),
            detail = v_foreign,
            hint = 'Let its owner, or a superuser, run the statements above.';
    end if;
end;
$guard$;

-- Functions in the way ---------------------------------------------------------------------------
-- A function cannot be replaced by one with other names of arguments or another answer; and one of
-- the same name with other arguments would stay open beside it.

do $routines$
declare
    v_routine text;
begin
    for v_routine in
        select routine.oid::pg_catalog.regprocedure::text
        from pg_catalog.pg_proc as routine
        join pg_catalog.pg_namespace as namespace
            on namespace.oid = routine.pronamespace
        join (
            values
                (
                    'public', 'create_conversation_atomic',
                    'p_help_request_id uuid, p_helper_id uuid, p_initial_message text', 'jsonb'
                ),
                (
                    'public', 'send_message_v2',
                    'p_conversation_id uuid, p_sender_id uuid, p_content text', 'jsonb'
                ),
                (
                    'public', 'get_conversation_v2',
                    'p_conversation_id uuid, p_user_id uuid', 'jsonb'
                )
        ) as wanted (schema_name, name, arguments, answer)
            on wanted.schema_name = namespace.nspname
            and wanted.name = routine.proname
        where routine.prokind <> 'f'
            or pg_catalog.pg_get_function_arguments(routine.oid) <> wanted.arguments
            or pg_catalog.pg_get_function_result(routine.oid) <> wanted.answer
        order by 1
    loop
        raise notice 'dropped: function %', v_routine;
        execute pg_catalog.format('drop routine %s', v_routine);
    end loop;
end;
$routines$;

-- Tables -----------------------------------------------------------------------------------------
-- The shape is stated as the catalogue spells it, so that what is there can be compared with it,
-- and what is not can be made from it.

create temporary table wanted_shape (
    kind text,
    relation text,
    name text,
    definition text,
    extra text
);

-- Kind column: definition is the type, followed by null where it may be that; extra the default.
insert into pg_temp.wanted_shape (kind, relation, name, definition, extra)
values
    ('column', 'public.conversations_v2', 'id', 'uuid', 'gen_random_uuid()'),
    ('column', 'public.conversations_v2', 'help_request_id', 'uuid', null),
    ('column', 'public.conversations_v2', 'requester_id', 'uuid', null),
    ('column', 'public.conversations_v2', 'helper_id', 'uuid', null),
    ('column', 'public.conversations_v2', 'initial_message', 'text', null),
    ('column', 'public.conversations_v2', 'status', 'text', '''active''::text'),
    ('column', 'public.conversations_v2', 'origin', 'text', '''v2''::text'),
    ('column', 'public.conversations_v2', 'created_at', 'timestamp with time zone', 'now()'),
    ('column', 'public.conversations_v2', 'updated_at', 'timestamp with time zone', 'now()'),
    ('column', 'public.conversations_v2', 'last_message_at', 'timestamp with time zone', 'now()'),
    ('column', 'public.conversations_v2', 'blocked_by', 'uuid null', null),
    ('column', 'public.messages_v2', 'id', 'uuid', 'gen_random_uuid()'),
    ('column', 'public.messages_v2', 'conversation_id', 'uuid', null),
    ('column', 'public.messages_v2', 'sender_id', 'uuid', null),
    ('column', 'public.messages_v2', 'content', 'text', null),
    ('column', 'public.messages_v2', 'created_at', 'timestamp with time zone', 'now()'),
    ('column', 'public.messages_v2', 'updated_at', 'timestamp with time zone', 'now()'),
    ('column', 'public.conversation_reads_v2', 'conversation_id', 'uuid', null),
    ('column', 'public.conversation_reads_v2', 'user_id', 'uuid', null),
    ('column', 'public.conversation_reads_v2', 'last_read_at', 'timestamp with time zone', 'now()');

insert into pg_temp.wanted_shape (kind, relation, name, definition)
values
    ('constraint', 'public.conversations_v2', 'conversations_v2_pkey', 'PRIMARY KEY (id)'),
    (
        'constraint', 'public.conversations_v2', 'conversations_v2_help_request_id_helper_id_key',
        'UNIQUE (help_request_id, helper_id)'
    ),
    (
        'constraint', 'public.conversations_v2', 'conversations_v2_help_request_id_fkey',
        'FOREIGN KEY (help_request_id) REFERENCES public.help_requests(id) ON DELETE CASCADE'
    ),
    (
        'constraint', 'public.conversations_v2', 'conversations_v2_requester_id_fkey',
        'FOREIGN KEY (requester_id) REFERENCES auth.users(id) ON DELETE CASCADE'
    ),
    (
        'constraint', 'public.conversations_v2', 'conversations_v2_helper_id_fkey',
        'FOREIGN KEY (helper_id) REFERENCES auth.users(id) ON DELETE CASCADE'
    ),
    (
        'constraint', 'public.conversations_v2', 'conversations_v2_two_people',
        'CHECK ((requester_id <> helper_id))'
    ),
    (
        'constraint', 'public.conversations_v2', 'conversations_v2_status_known',
        'CHECK ((status = ANY (ARRAY[''active''::text, ''closed''::text, ''archived''::text, '
        '''blocked''::text])))'
    ),
    (
        'constraint', 'public.conversations_v2', 'conversations_v2_origin_known',
        'CHECK ((origin = ANY (ARRAY[''v2''::text, ''v1_backfill''::text])))'
    ),
    ('constraint', 'public.messages_v2', 'messages_v2_pkey', 'PRIMARY KEY (id)'),
    (
        'constraint', 'public.messages_v2', 'messages_v2_conversation_id_fkey',
        'FOREIGN KEY (conversation_id) REFERENCES public.conversations_v2(id) ON DELETE CASCADE'
    ),
    (
        'constraint', 'public.messages_v2', 'messages_v2_sender_id_fkey',
        'FOREIGN KEY (sender_id) REFERENCES auth.users(id) ON DELETE CASCADE'
    ),
    (
        'constraint', 'public.conversation_reads_v2', 'conversation_reads_v2_pkey',
        'PRIMARY KEY (conversation_id, user_id)'
    ),
    (
        'constraint', 'public.conversation_reads_v2', 'conversation_reads_v2_conversation_id_fkey',
        'FOREIGN KEY (conversation_id) REFERENCES public.conversations_v2(id) ON DELETE CASCADE'
    ),
    (
        'constraint', 'public.conversation_reads_v2', 'conversation_reads_v2_user_id_fkey',
        'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE'
    ),
    (
        'constraint', 'public.conversations_v2', 'conversations_v2_blocked_by_known',
        'CHECK (((blocked_by IS NULL) OR ((status = ''blocked''::text) AND ((blocked_by = '
        'requester_id) OR (blocked_by = helper_id)))))'
    ),
    (
        'index', 'public.conversations_v2', 'conversations_v2_helper_id_created_at_idx',
        'CREATE INDEX conversations_v2_helper_id_created_at_idx ON public.conversations_v2 USING '
        'btree (helper_id, created_at)'
    ),
    (
        'index', 'public.conversations_v2', 'conversations_v2_helper_id_last_message_at_id_idx',
        'CREATE INDEX conversations_v2_helper_id_last_message_at_id_idx ON '
        'public.conversations_v2 USING btree (helper_id, last_message_at, id)'
    ),
    (
        'index', 'public.conversations_v2', 'conversations_v2_requester_id_last_message_at_id_idx',
        'CREATE INDEX conversations_v2_requester_id_last_message_at_id_idx ON '
        'public.conversations_v2 USING btree (requester_id, last_message_at, id)'
    ),
    (
        'index', 'public.messages_v2', 'messages_v2_conversation_id_created_at_id_sender_id_idx',
        'CREATE INDEX messages_v2_conversation_id_created_at_id_sender_id_idx ON '
        'public.messages_v2 USING btree (conversation_id, created_at, id) INCLUDE (sender_id)'
    ),
    (
        'index', 'public.messages_v2', 'messages_v2_sender_id_created_at_idx',
        'CREATE INDEX messages_v2_sender_id_created_at_idx ON public.messages_v2 USING btree '
        '(sender_id, created_at)'
    ),
    (
        'index', 'public.conversation_reads_v2', 'conversation_reads_v2_user_id_idx',
        'CREATE INDEX conversation_reads_v2_user_id_idx ON public.conversation_reads_v2 USING '
        'btree (user_id)'
    ),
    (
        'trigger', 'public.conversations_v2', 'conversations_v2_set_updated_at',
        'CREATE TRIGGER conversations_v2_set_updated_at BEFORE UPDATE ON public.conversations_v2 '
        'FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION '
        'messaging.set_updated_at()'
    ),
    (
        'trigger', 'public.conversations_v2', 'conversations_v2_guard_block',
        'CREATE TRIGGER conversations_v2_guard_block BEFORE UPDATE OF status, blocked_by ON '
        'public.conversations_v2 FOR EACH ROW WHEN (((old.status = ''blocked''::text) OR '
        '(new.status = ''blocked''::text))) EXECUTE FUNCTION messaging.guard_block()'
    ),
    (
        'trigger', 'public.messages_v2', 'messages_v2_set_updated_at',
        'CREATE TRIGGER messages_v2_set_updated_at BEFORE UPDATE ON public.messages_v2 FOR EACH '
        'ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION messaging.set_updated_at()'
    ),
    (
        'trigger', 'public.messages_v2', 'messages_v2_note_last_message',
        'CREATE TRIGGER messages_v2_note_last_message AFTER INSERT ON public.messages_v2 FOR EACH '
        'ROW EXECUTE FUNCTION messaging.note_last_message()'
    ),
    ('row security', 'public.conversations_v2', 'on', null),
    ('row security', 'public.messages_v2', 'on', null),
    ('row security', 'public.conversation_reads_v2', 'on', null);

insert into pg_temp.wanted_shape (kind, relation, name, definition)
select
    'constraint',
    'public.' || length.table_name,
    pg_catalog.format('%s_%s_length', length.table_name, length.column_name),
    pg_catalog.format(
        'CHECK (((char_length(btrim(%1$s, %2$L::text)) >= %3$s) '
        'AND (char_length(btrim(%1$s, %2$L::text)) <= 1000)))',
        length.column_name,
        E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004'
        '\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
        length.minimum
    )
from (
    values
        ('conversations_v2', 'initial_message', 10),
        ('messages_v2', 'content', 1)
) as length (table_name, column_name, minimum);

-- Kind policy: definition is what follows the table's name, but for the check, which is extra.
insert into pg_temp.wanted_shape (kind, relation, name, definition, extra)
values
    (
        'policy', 'public.conversations_v2', 'conversations_v2_select_participant',
        'for SELECT to authenticated using ((requester_id = ( SELECT auth.uid() AS uid)) OR '
        '(helper_id = ( SELECT auth.uid() AS uid)))',
        null
    ),
    (
        'policy', 'public.conversations_v2', 'conversations_v2_insert_helper',
        'for INSERT to authenticated',
        '((helper_id = ( SELECT auth.uid() AS uid)) AND (EXISTS ( SELECT FROM public.help_requests '
        'request WHERE ((request.id = conversations_v2.help_request_id) AND (request.user_id = '
        'conversations_v2.requester_id) AND ((request.status)::text = ANY (ARRAY[''open''::text, '
        '''in_progress''::text]))))))'
    ),
    (
        'policy', 'public.conversations_v2', 'conversations_v2_update_participant',
        'for UPDATE to authenticated using ((requester_id = ( SELECT auth.uid() AS uid)) OR '
        '(helper_id = ( SELECT auth.uid() AS uid)))',
        '((requester_id = ( SELECT auth.uid() AS uid)) OR (helper_id = ( SELECT auth.uid() AS '
        'uid)))'
    ),
    (
        'policy', 'public.messages_v2', 'messages_v2_select_participant',
        'for SELECT to authenticated using (EXISTS ( SELECT FROM public.conversations_v2 '
        'conversation WHERE ((conversation.id = messages_v2.conversation_id) AND '
        '((conversation.requester_id = ( SELECT auth.uid() AS uid)) OR (conversation.helper_id = '
        '( SELECT auth.uid() AS uid))))))',
        null
    ),
    (
        'policy', 'public.messages_v2', 'messages_v2_insert_sender',
        'for INSERT to authenticated',
        '((sender_id = ( SELECT auth.uid() AS uid)) AND (EXISTS ( SELECT FROM '
        'public.conversations_v2 conversation WHERE ((conversation.id = '
        'messages_v2.conversation_id) AND (conversation.status = ''active''::text) AND '
        '((conversation.requester_id = ( SELECT auth.uid() AS uid)) OR (conversation.helper_id = '
        '( SELECT auth.uid() AS uid)))))))'
    ),
    (
        'policy', 'public.conversation_reads_v2', 'conversation_reads_v2_select_own',
        'for SELECT to authenticated using (user_id = ( SELECT auth.uid() AS uid))',
        null
    ),
    (
        'policy', 'public.conversation_reads_v2', 'conversation_reads_v2_insert_own',
        'for INSERT to authenticated',
        '(user_id = ( SELECT auth.uid() AS uid))'
    ),
    (
        'policy', 'public.conversation_reads_v2', 'conversation_reads_v2_update_own',
        'for UPDATE to authenticated using (user_id = ( SELECT auth.uid() AS uid))',
        '(user_id = ( SELECT auth.uid() AS uid))'
    );

-- What is there: the same kinds, with what only other tools have made.
create temporary view found_shape as
with relation as (
    select
        class.oid,
        class.oid::pg_catalog.regclass::text as name,
        class.relrowsecurity,
        class.relforcerowsecurity
    from pg_catalog.pg_class as class
    where class.oid in (
        pg_catalog.to_regclass('public.conversations_v2'),
        pg_catalog.to_regclass('public.messages_v2'),
        pg_catalog.to_regclass('public.conversation_reads_v2')
    )
)
select
    'column' as kind,
    relation.name as relation,
    attribute.attname::text as name,
    pg_catalog.concat(
        pg_catalog.format_type(attribute.atttypid, attribute.atttypmod),
        case when not attribute.attnotnull then ' null' end
    ) as definition,
    pg_catalog.pg_get_expr(preset.adbin, preset.adrelid) as extra
from relation
join pg_catalog.pg_attribute as attribute
    on attribute.attrelid = relation.oid
    and attribute.attnum > 0
    and not attribute.attisdropped
left join pg_catalog.pg_attrdef as preset
    on preset.adrelid = attribute.attrelid
    and preset.adnum = attribute.attnum
union all
-- But for those of a column that the plan does not know.
select
    'constraint',
    relation.name,
    rule.conname::text,
    pg_catalog.pg_get_constraintdef(rule.oid),
    null
from relation
join pg_catalog.pg_constraint as rule
    on rule.conrelid = relation.oid
    and rule.contype in ('p', 'u', 'f', 'c', 'x')
where not exists (
    select
    from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = relation.oid
        and attribute.attnum = any (rule.conkey)
        and not exists (
            select
            from pg_temp.wanted_shape as wanted
            where wanted.kind = 'column'
                and wanted.relation = relation.name
                and wanted.name = attribute.attname
        )
)
union all
select
    'index',
    relation.name,
    class.relname::text,
    pg_catalog.concat(
        pg_catalog.pg_get_indexdef(index.indexrelid),
        case when not index.indisvalid then ' invalid' end
    ),
    null
from relation
join pg_catalog.pg_index as index
    on index.indrelid = relation.oid
join pg_catalog.pg_class as class
    on class.oid = index.indexrelid
where not exists (
    select
    from pg_catalog.pg_constraint as rule
    where rule.conindid = index.indexrelid
        and rule.contype in ('p', 'u', 'x')
)
union all
select
    'trigger',
    relation.name,
    trigger.tgname::text,
    pg_catalog.concat(
        pg_catalog.pg_get_triggerdef(trigger.oid),
        case when trigger.tgenabled <> 'O' then ' disabled' end
    ),
    null
from relation
join pg_catalog.pg_trigger as trigger
    on trigger.tgrelid = relation.oid
    and not trigger.tgisinternal
union all
select
    'row security',
    relation.name,
    case
        when relation.relforcerowsecurity then 'forced'
        when relation.relrowsecurity then 'on'
        else 'off'
    end,
    null,
    null
from relation
union all
-- The status of a request may be text or an enum: then the policy has a cast.
select
    'policy',
    relation.name,
    policy.policyname::text,
    pg_catalog.concat(
        case policy.permissive when 'RESTRICTIVE' then 'as restrictive ' end,
        'for ' || policy.cmd,
        ' to ' || pg_catalog.array_to_string(policy.roles, ', '),
        ' using ' || pg_catalog.regexp_replace(policy.qual, '\s+', ' ', 'g')
    ),
    pg_catalog.regexp_replace(
        pg_catalog.replace(
            policy.with_check, 'request.status = ANY', '(request.status)::text = ANY'
        ),
        '\s+',
        ' ',
        'g'
    )
from relation
join pg_catalog.pg_policies as policy
    on pg_catalog.format('%I.%I', policy.schemaname, policy.tablename) = relation.name;

do $tables$
declare
    v_unsound text[];
    v_relation text;
    v_name text;
    v_kind text;
    v_type text;
    v_preset text;
    v_statement text;
    v_faults text;
begin
    for v_relation in
        select distinct wanted.relation
        from pg_temp.wanted_shape as wanted
        where pg_catalog.to_regclass(wanted.relation) is null
    loop
        execute pg_catalog.format('create table %s ()', v_relation);
    end loop;

    select pg_catalog.array_agg(distinct relation)
    into v_unsound
    from pg_temp.wanted_shape as wanted
    full join pg_temp.found_shape as found using (kind, relation, name)
    where (wanted.definition, wanted.extra) is distinct from (found.definition, found.extra)
        and (kind <> 'column' or wanted.definition is not null);

    if v_unsound is null then
        return;
    end if;

    lock table
        public.conversations_v2,
        public.messages_v2,
        public.conversation_reads_v2
        in access exclusive mode;

    -- What stands in the way of the rest, or must not see rows change. ----------------------------
    for v_statement in
        select pg_catalog.format('alter table %s no force row level security', found.relation)
        from pg_temp.found_shape as found
        where found.kind = 'row security'
            and found.name = 'forced'
        union all
        select pg_catalog.format('drop policy %I on %s', found.name, found.relation)
        from pg_temp.found_shape as found
        left join pg_temp.wanted_shape as wanted using (kind, relation, name)
        where found.kind = 'policy'
            and (wanted.definition, wanted.extra) is distinct from (found.definition, found.extra)
        union all
        select pg_catalog.format('drop trigger %I on %s', found.name, found.relation)
        from pg_temp.found_shape as found
        where found.kind = 'trigger'
            and found.relation = any (v_unsound)
    loop
        raise notice '%', v_statement;
        execute v_statement;
    end loop;

    -- Constraints and indexes that say the right thing keep what they have built; only their names
    -- are set right.
    for v_statement in
        select
            case found.kind
                when 'index' then pg_catalog.format('drop index public.%I', found.name)
                else pg_catalog.format(
                    'alter table %s drop constraint %I', found.relation, found.name
                )
            end
        from (
            select
                shape.*,
                pg_catalog.row_number() over (
                    partition by
                        shape.kind,
                        shape.relation,
                        pg_catalog.replace(shape.definition, pg_catalog.quote_ident(shape.name), '')
                    order by
                        exists (
                            select
                            from pg_temp.wanted_shape as named
                            where (named.kind, named.relation, named.name)
                                = (shape.kind, shape.relation, shape.name)
                        ) desc,
                        shape.name
                ) as place
            from pg_temp.found_shape as shape
            where shape.kind in ('constraint', 'index')
        ) as found
        where found.place > 1
            or not exists (
                select
                from pg_temp.wanted_shape as wanted
                where (wanted.kind, wanted.relation) = (found.kind, found.relation)
                    and pg_catalog.replace(wanted.definition, wanted.name, '')
                        = pg_catalog.replace(
                            found.definition, pg_catalog.quote_ident(found.name), ''
                        )
            )
        order by
            found.kind desc,
            found.definition like 'FOREIGN KEY%' desc,
            found.name
    loop
        raise notice '%', v_statement;
        execute v_statement;
    end loop;

    for v_statement in
        select
            case found.kind
                when 'index' then
                    pg_catalog.format('alter index public.%I rename to %I', found.name, wanted.name)
                else pg_catalog.format(
                    'alter table %s rename constraint %I to %I',
                    found.relation,
                    found.name,
                    wanted.name
                )
            end
        from pg_temp.found_shape as found
        join pg_temp.wanted_shape as wanted
            on (wanted.kind, wanted.relation) = (found.kind, found.relation)
            and wanted.name <> found.name
            and pg_catalog.replace(wanted.definition, wanted.name, '')
                = pg_catalog.replace(found.definition, pg_catalog.quote_ident(found.name), '')
        where found.kind in ('constraint', 'index')
    loop
        raise notice '%', v_statement;
        execute v_statement;
    end loop;

    -- Columns ------------------------------------------------------------------------------------
    for v_relation, v_name, v_type, v_preset, v_kind in
        select
            wanted.relation,
            wanted.name,
            pg_catalog.replace(wanted.definition, ' null', ''),
            wanted.extra,
            pg_catalog.replace(found.definition, ' null', '')
        from pg_temp.wanted_shape as wanted
        left join pg_temp.found_shape as found using (kind, relation, name)
        where wanted.kind = 'column'
            and (
                found.name is null
                or pg_catalog.replace(found.definition, ' null', '')
                    <> pg_catalog.replace(wanted.definition, ' null', '')
                or wanted.extra is distinct from found.extra
            )
    loop
        if v_kind is null then
            -- A default of its own fills the rows that there are, and rewrites none.
            execute pg_catalog.format(
                'alter table %s add column %I %s%s',
                v_relation,
                v_name,
                v_type,
                case when v_name in ('origin', 'status') then ' default ' || v_preset end
            );
        elsif v_kind <> v_type then
            execute pg_catalog.format(
                'alter table %1$s alter column %2$I drop default, alter column %2$I type %3$s '
                'using %2$I%4$s',
                v_relation,
                v_name,
                v_type,
                case v_kind
                    when 'timestamp without time zone' then ' at time zone ''UTC'''
                    else '::text::' || v_type
                end
            );
        end if;
        execute pg_catalog.format(
            'alter table %s alter column %I %s',
            v_relation,
            v_name,
            coalesce('set default ' || v_preset, 'drop default')
        );
    end loop;

    -- The functions write the columns of the plan alone.
    for v_statement in
        select pg_catalog.format(
            'alter table %s alter column %I drop not null', found.relation, found.name
        )
        from pg_temp.found_shape as found
        left join pg_temp.wanted_shape as wanted using (kind, relation, name)
        where found.kind = 'column'
            and found.definition not like '% null'
            and found.extra is null
            and wanted.name is null
    loop
        raise notice '%', v_statement;
        execute v_statement;
    end loop;

    -- Rows ---------------------------------------------------------------------------------------
    update public.conversations_v2 as conversation
    set status = case conversation.status
            when 'pending' then 'active'
            when 'accepted' then 'active'
            when 'rejected' then 'closed'
            else coalesce(conversation.status, 'active')
        end,
        origin = coalesce(conversation.origin, 'v2'),
        requester_id = coalesce(
            conversation.requester_id,
            (
                select request.user_id
                from public.help_requests as request
                where request.id = conversation.help_request_id
            )
        ),
        created_at = known.created_at,
        updated_at = coalesce(conversation.updated_at, known.created_at),
        last_message_at = coalesce(
            conversation.last_message_at, known.last_message_at, known.created_at
        )
    from (
        select
            incomplete.id,
            coalesce(
                incomplete.created_at,
                least(
                    incomplete.updated_at,
                    incomplete.last_message_at,
                    (
                        select pg_catalog.min(message.created_at)
                        from public.messages_v2 as message
                        where message.conversation_id = incomplete.id
                    )
                ),
                pg_catalog.now()
            ) as created_at,
            (
                select pg_catalog.max(message.created_at)
                from public.messages_v2 as message
                where message.conversation_id = incomplete.id
            ) as last_message_at
        from public.conversations_v2 as incomplete
        where incomplete.status is null
            or incomplete.status in ('pending', 'accepted', 'rejected')
            or incomplete.origin is null
            or incomplete.requester_id is null
            or incomplete.created_at is null
            or incomplete.updated_at is null
            or incomplete.last_message_at is null
    ) as known
    where known.id = conversation.id;

    update public.messages_v2 as message
    set created_at = coalesce(
            message.created_at, message.updated_at, conversation.created_at, pg_catalog.now()
        ),
        updated_at = coalesce(
            message.updated_at, message.created_at, conversation.created_at, pg_catalog.now()
        )
    from public.conversations_v2 as conversation
    where conversation.id = message.conversation_id
        and (message.created_at is null or message.updated_at is null);

    update public.conversation_reads_v2
    set last_read_at = pg_catalog.now()
    where last_read_at is null;

    select pg_catalog.string_agg(
        pg_catalog.format(
            '%s: %s rows with %s: %s', fault.relation, fault.number, fault.rule, fault.ids
        ),
        E'\n'
        order by fault.relation, fault.rule
    )
    into v_faults
    from (
        select
            offence.relation,
            offence.rule,
            pg_catalog.count(*) as number,
            pg_catalog.array_to_string(
                (pg_catalog.array_agg(coalesce(offence.id::text, 'null') order by offence.id))[1:5],
                ', '
            ) || case when pg_catalog.count(*) > 5 then ', ...' else '' end as ids
        from (
            select
                'public.conversations_v2' as relation,
                rule.name as rule,
                conversation.id
            from public.conversations_v2 as conversation
            cross join lateral (
                values
                    ('no id', conversation.id is null),
                    (
                        'no help request',
                        not exists (
                            select
                            from public.help_requests as request
                            where request.id = conversation.help_request_id
                        )
                    ),
                    ('no requester', conversation.requester_id is null),
                    ('no helper', conversation.helper_id is null),
                    (
                        'one person on both sides',
                        conversation.requester_id = conversation.helper_id
                    ),
                    (
                        'an initial_message that has not 10 to 1000 characters, trimmed',
                        (
                            pg_catalog.char_length(
                                messaging.trim_whitespace(conversation.initial_message)
                            ) between 10 and 1000
                        ) is not true
                    ),
                    (
                        'a status that is none of active, closed, archived, blocked',
                        conversation.status not in ('active', 'closed', 'archived', 'blocked')
                    ),
                    (
                        'a blocked_by that is neither of the two people, or not blocked',
                        conversation.blocked_by is not null
                            and (
                                conversation.status = 'blocked'
                                and conversation.blocked_by
                                    in (conversation.requester_id, conversation.helper_id)
                            ) is not true
                    ),
                    (
                        'an origin that is neither v2 nor v1_backfill',
                        conversation.origin not in ('v2', 'v1_backfill')
                    )
            ) as rule (name, broken)
            where rule.broken
            union all
            select
                'public.conversations_v2',
                'the request and the helper of another row',
                twin.id
            from (
                select
                    conversation.id,
                    pg_catalog.count(*) over (
                        partition by
                            conversation.help_request_id,
                            conversation.helper_id
                    ) as number
                from public.conversations_v2 as conversation
                where conversation.help_request_id is not null
                    and conversation.helper_id is not null
            ) as twin
            where twin.number > 1
            union all
            select
                'public.messages_v2',
                rule.name,
                message.id
            from public.messages_v2 as message
            cross join lateral (
                values
                    ('no id', message.id is null),
                    (
                        'no conversation',
                        not exists (
                            select
                            from public.conversations_v2 as conversation
                            where conversation.id = message.conversation_id
                        )
                    ),
                    ('no sender', message.sender_id is null),
                    (
                        'a content that has not 1 to 1000 characters, trimmed',
                        (
                            pg_catalog.char_length(messaging.trim_whitespace(message.content))
                            between 1 and 1000
                        ) is not true
                    )
            ) as rule (name, broken)
            where rule.broken
        ) as offence
        group by
            offence.relation,
            offence.rule
    ) as fault;

    if v_faults is not null then
        raise exception using
            errcode = 'check_violation',
            message = 'rows of tables that were edited by hand do not fit messaging V2',
            detail = v_faults,
            hint = 'Nothing was changed. Correct these rows and run it again.';
    end if;

    -- What is missing ----------------------------------------------------------------------------
    for v_statement in
        select
            case wanted.kind
                when 'column' then pg_catalog.format(
                    'alter table %s alter column %I %s not null',
                    wanted.relation,
                    wanted.name,
                    case when wanted.definition like '% null' then 'drop' else 'set' end
                )
                when 'constraint' then pg_catalog.format(
                    'alter table %s add constraint %I %s',
                    wanted.relation,
                    wanted.name,
                    wanted.definition
                )
                when 'row security' then
                    pg_catalog.format('alter table %s enable row level security', wanted.relation)
                when 'policy' then pg_catalog.concat(
                    pg_catalog.format('create policy %I on %s ', wanted.name, wanted.relation),
                    wanted.definition,
                    ' with check ' || wanted.extra
                )
                else wanted.definition
            end
        from pg_temp.wanted_shape as wanted
        left join pg_temp.found_shape as found using (kind, relation, name)
        where wanted.definition is distinct from found.definition
            or (wanted.kind in ('policy', 'row security') and found.name is null)
        order by
            pg_catalog.array_position(
                array['column', 'constraint', 'index', 'trigger', 'row security', 'policy'],
                wanted.kind
            ),
            wanted.definition like 'FOREIGN KEY%',
            wanted.name
    loop
        execute v_statement;
    end loop;

    for v_relation in
        select class.oid::pg_catalog.regclass::text
        from pg_catalog.pg_class as class
        where class.oid = any (v_unsound::pg_catalog.regclass[])
            and class.relowner <> current_user::pg_catalog.regrole
    loop
        execute pg_catalog.format('alter table %s owner to %I', v_relation, current_user);
    end loop;

    select pg_catalog.string_agg(
        pg_catalog.format('%s %s of %s', kind, name, relation), ', '
    )
    into v_faults
    from pg_temp.wanted_shape as wanted
    full join pg_temp.found_shape as found using (kind, relation, name)
    where (wanted.definition, wanted.extra) is distinct from (found.definition, found.extra)
        and (kind <> 'column' or wanted.definition is not null);

    if v_faults is not null then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'not all could be mended: ' || v_faults,
            hint = 'Nothing was changed. Mend these by hand and run it again.';
    end if;

    -- The type of the status before. Where something else still uses it, it stays.
    if pg_catalog.to_regtype('public.conversation_status') is not null then
        begin
            drop type public.conversation_status;
        exception
            when dependent_objects_still_exist or wrong_object_type then
                raise notice 'kept, since it is in use: type public.conversation_status';
        end;
    end if;
end;
$tables$;

drop view pg_temp.found_shape;
drop table pg_temp.wanted_shape;

-- Privileges and comments -------------------------------------------------------------------------

revoke all
    on table public.conversations_v2
    from public, anon, authenticated, service_role;
grant select, update (status)
    on table public.conversations_v2
    to authenticated;
grant select, insert, update, delete
    on table public.conversations_v2
    to service_role;

revoke all
    on table public.messages_v2
    from public, anon, authenticated, service_role;
grant select
    on table public.messages_v2
    to authenticated;
grant select, insert, update, delete
    on table public.messages_v2
    to service_role;

revoke all
    on table public.conversation_reads_v2
    from public, anon, authenticated, service_role;
grant select
    on table public.conversation_reads_v2
    to authenticated;
grant select, insert, update, delete
    on table public.conversation_reads_v2
    to service_role;

comment on table public.conversations_v2 is
    'A conversation between the owner of a help request and one helper, with its first message.';
comment on column public.conversations_v2.id is
    'Key.';
comment on column public.conversations_v2.help_request_id is
    'The request that the helper answered.';
comment on column public.conversations_v2.requester_id is
    'Owner of the request.';
comment on column public.conversations_v2.helper_id is
    'Who answered, and so began the conversation.';
comment on column public.conversations_v2.initial_message is
    'First message, from the helper; in this row, so that no conversation can be without it.';
comment on column public.conversations_v2.status is
    'active: both may write; closed, archived, blocked: nobody may.';
comment on column public.conversations_v2.origin is
    'v2: began here; v1_backfill: copied from V1.';
comment on column public.conversations_v2.created_at is
    'When the conversation began: the time of the first message.';
comment on column public.conversations_v2.updated_at is
    'When the row last changed; kept by a trigger.';
comment on column public.conversations_v2.last_message_at is
    'When somebody last wrote; kept by a trigger on messages_v2.';
comment on constraint conversations_v2_help_request_id_helper_id_key
    on public.conversations_v2 is
    'One conversation a request and helper; decides between two calls at the same moment.';

comment on table public.messages_v2 is
    'What was written after the first message of a conversation.';
comment on column public.messages_v2.id is
    'Key; settles the order of messages of one moment.';
comment on column public.messages_v2.conversation_id is
    'Where it was written.';
comment on column public.messages_v2.sender_id is
    'Who wrote it: one of the two people of the conversation.';
comment on column public.messages_v2.content is
    'The text, trimmed.';
comment on column public.messages_v2.created_at is
    'When it was sent.';
comment on column public.messages_v2.updated_at is
    'When the row last changed; kept by a trigger.';

comment on table public.conversation_reads_v2 is
    'How far each person has read each conversation; no row: nothing yet.';
comment on column public.conversation_reads_v2.conversation_id is
    'The conversation.';
comment on column public.conversation_reads_v2.user_id is
    'The reader.';
comment on column public.conversation_reads_v2.last_read_at is
    'What the other one wrote after this moment is unread.';

comment on trigger conversations_v2_set_updated_at on public.conversations_v2 is
    'Keeps updated_at.';

comment on trigger messages_v2_set_updated_at on public.messages_v2 is
    'Keeps updated_at.';

comment on trigger messages_v2_note_last_message on public.messages_v2 is
    'Keeps conversations_v2.last_message_at.';

comment on policy conversations_v2_select_participant on public.conversations_v2 is
    'The two people of a conversation see it.';

comment on policy conversations_v2_insert_helper on public.conversations_v2 is
    'A helper begins a conversation with the owner of a request that takes offers.';

comment on policy conversations_v2_update_participant on public.conversations_v2 is
    'The two people of a conversation close or archive it.';

comment on policy messages_v2_select_participant on public.messages_v2 is
    'The two people of a conversation read its messages.';

comment on policy messages_v2_insert_sender on public.messages_v2 is
    'The two people of an active conversation write in their own name.';

comment on policy conversation_reads_v2_select_own on public.conversation_reads_v2 is
    'People see how far they have read themselves.';

comment on policy conversation_reads_v2_insert_own on public.conversation_reads_v2 is
    'People note how far they have read themselves.';

comment on policy conversation_reads_v2_update_own on public.conversation_reads_v2 is
    'People note how far they have read themselves.';
comment on column public.conversations_v2.blocked_by is
    'Who blocked it and alone may unblock it; null: not blocked, or only an operator may unblock.';
comment on trigger conversations_v2_guard_block on public.conversations_v2 is
    'Keeps blocked_by.';

-- The three functions -----------------------------------------------------------------------------
-- As fix_v2_security_definer_auth leaves them.

create or replace function public.create_conversation_atomic(
    p_help_request_id uuid,
    p_helper_id uuid,
    p_initial_message text
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_started_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    -- As messaging.request_id(), without the call, and without asking the system for randomness.
    v_request_id constant pg_catalog.text := pg_catalog.concat(
        'v2_',
        pg_catalog.floor(pg_catalog.date_part('epoch', v_started_at) * 1000)::pg_catalog.int8,
        '_',
        pg_catalog.lpad(
            pg_catalog.to_hex((pg_catalog.random() * 281474976710655)::pg_catalog.int8), 12, '0'
        )
    );
    v_conversation_id pg_catalog.uuid;
    v_answer pg_catalog.jsonb;
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_helper_id is distinct from v_caller_id then
        v_answer := messaging.failure(
            v_request_id,
            'permission_denied',
            'not_the_caller',
            'Cannot create conversation on behalf of another user'
        );
    else
        -- At once, or not at all.
        begin
            if pg_catalog.octet_length(p_initial_message) between 10 and 1000
                and p_initial_message ~ '^[!-~](?:[\x01-\x7f]*[!-~])?$'
                and not pg_catalog.row_security_active(
                    'public.user_restrictions'::pg_catalog.regclass
                )
                and not pg_catalog.row_security_active(
                    'public.conversations'::pg_catalog.regclass
                )
                and not pg_catalog.row_security_active(
                    'public.conversations_v2'::pg_catalog.regclass
                )
                -- As messaging.take_turn(), without the call.
                and pg_catalog.pg_advisory_xact_lock(
                    pg_catalog.uuid_hash_extended(p_helper_id, 7166186713870395237)
                ) is not null
            then
                insert into public.conversations_v2 (
                    help_request_id,
                    requester_id,
                    helper_id,
                    initial_message
                )
                select
                    request.id,
                    request.user_id,
                    p_helper_id,
                    p_initial_message
                from messaging.rules_at_once as rules
                cross join public.help_requests as request
                where request.id = p_help_request_id
                    and request.user_id <> p_helper_id
                    and request.status::pg_catalog.text in ('open', 'in_progress')
                    and exists (
                        select
                        from public.profiles as profile
                        where profile.id = p_helper_id
                            and profile.verification_status::pg_catalog.text = 'approved'
                    )
                    and not exists (
                        select
                            restriction.restriction_level,
                            restriction.can_start_conversations,
                            restriction.message_limit_per_day,
                            restriction.applied_at,
                            restriction.tableoid
                        from public.user_restrictions as restriction
                        where restriction.user_id = p_helper_id
                            and (
                                restriction.expires_at is null
                                or restriction.expires_at > v_started_at
                            )
                    )
                    and (
                        select pg_catalog.count(*)
                        from (
                            select conversation.created_at
                            from public.conversations_v2 as conversation
                            where conversation.helper_id = p_helper_id
                                and conversation.created_at > v_started_at - rules.start_period
                            union all
                            select v1.created_at
                            from public.conversations as v1
                            where v1.created_by = p_helper_id
                                and v1.created_at > v_started_at - rules.start_period
                                and v1.tableoid is not null
                        ) as started
                    ) < rules.start_maximum
                    and p_initial_message !~* all (rules.prohibited)
                for share of request
                on conflict on constraint conversations_v2_help_request_id_helper_id_key do nothing
                returning conversations_v2.id into v_conversation_id;

                if v_conversation_id is not null then
                    insert into messaging.rpc_events (
                        occurred_at,
                        request_id,
                        service,
                        method,
                        event,
                        user_id,
                        conversation_id,
                        help_request_id,
                        version,
                        duration_ms
                    )
                    values (
                        pg_catalog.clock_timestamp(),
                        v_request_id,
                        'MessagingServiceV2',
                        'startHelpConversation',
                        'success',
                        p_helper_id,
                        v_conversation_id,
                        p_help_request_id,
                        'v2',
                        greatest(
                            pg_catalog.date_part(
                                'epoch', pg_catalog.clock_timestamp() - v_started_at
                            ) * 1000,
                            0
                        )
                    );
                    return pg_catalog.jsonb_build_object(
                        'success', true,
                        'message', 'Conversation created successfully',
                        'request_id', v_request_id,
                        'conversation_id', v_conversation_id
                    );
                end if;
            end if;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when lock_not_available then
                -- Nobody waits for the same lock twice, but where it was the log's.
                if v_conversation_id is null then
                    v_answer := messaging.start_failed(
                        v_request_id, sqlstate, sqlerrm, null, p_initial_message
                    );
                end if;
            when others then
                -- Nothing of it is left; the steps run into the same, and know what to answer.
                null;
        end;
        if v_answer is null then
            v_answer := messaging.create_conversation(
                p_help_request_id,
                p_helper_id,
                p_initial_message,
                v_request_id
            );
        end if;
    end if;
    return messaging.record_call(
        'startHelpConversation',
        v_started_at,
        v_answer,
        v_caller_id,
        p_help_request_id => p_help_request_id,
        p_version => 'v2'
    );
end;
$function$;

revoke all
    on function public.create_conversation_atomic(uuid, uuid, text)
    from public, anon, authenticated, service_role;
grant execute
    on function public.create_conversation_atomic(uuid, uuid, text)
    to authenticated;

create or replace function public.send_message_v2(
    p_conversation_id uuid,
    p_sender_id uuid,
    p_content text
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_started_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    -- As messaging.request_id(), without the call, and without asking the system for randomness.
    v_request_id constant pg_catalog.text := pg_catalog.concat(
        'v2_',
        pg_catalog.floor(pg_catalog.date_part('epoch', v_started_at) * 1000)::pg_catalog.int8,
        '_',
        pg_catalog.lpad(
            pg_catalog.to_hex((pg_catalog.random() * 281474976710655)::pg_catalog.int8), 12, '0'
        )
    );
    v_message_id pg_catalog.uuid;
    v_answer pg_catalog.jsonb;
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_sender_id is distinct from v_caller_id then
        v_answer := messaging.failure(
            v_request_id,
            'permission_denied',
            'not_the_caller',
            'Cannot send message on behalf of another user'
        );
    else
        -- At once, or not at all.
        begin
            if pg_catalog.octet_length(p_content) between 1 and 1000
                and p_content ~ '^[!-~](?:[\x01-\x7f]*[!-~])?$'
                and not pg_catalog.row_security_active(
                    'public.user_restrictions'::pg_catalog.regclass
                )
                and not pg_catalog.row_security_active(
                    'public.messages'::pg_catalog.regclass
                )
                and not pg_catalog.row_security_active(
                    'public.messages_v2'::pg_catalog.regclass
                )
                -- As messaging.take_turn(), without the call.
                and pg_catalog.pg_advisory_xact_lock(
                    pg_catalog.uuid_hash_extended(p_sender_id, 7166186713870395237)
                ) is not null
            then
                -- Times and locks are those of messaging.write_message().
                insert into public.messages_v2 (
                    conversation_id,
                    sender_id,
                    content,
                    created_at,
                    updated_at
                )
                select
                    turn.conversation_id,
                    p_sender_id,
                    p_content,
                    turn.now,
                    turn.now
                from (
                    select
                        locked.id as conversation_id,
                        greatest(
                            pg_catalog.clock_timestamp(),
                            locked.last_message_at + interval '1 microsecond'
                        ) as now
                    from (
                        select
                            conversation.id,
                            conversation.last_message_at
                        from messaging.rules_at_once as rules
                        cross join public.conversations_v2 as conversation
                        where conversation.id = p_conversation_id
                            and p_sender_id in (conversation.requester_id, conversation.helper_id)
                            and conversation.status = 'active'
                            and not exists (
                                select
                                    restriction.restriction_level,
                                    restriction.can_send_messages,
                                    restriction.message_limit_per_day,
                                    restriction.applied_at,
                                    restriction.tableoid
                                from public.user_restrictions as restriction
                                where restriction.user_id = p_sender_id
                                    and (
                                        restriction.expires_at is null
                                        or restriction.expires_at > v_started_at
                                    )
                            )
                            and (
                                select pg_catalog.count(*)
                                from (
                                    select message.created_at
                                    from public.messages_v2 as message
                                    where message.sender_id = p_sender_id
                                        and message.created_at > v_started_at - rules.send_period
                                    union all
                                    select v1.created_at
                                    from public.messages as v1
                                    where v1.sender_id = p_sender_id
                                        and v1.created_at > v_started_at - rules.send_period
                                        and v1.tableoid is not null
                                ) as sent
                            ) < rules.send_maximum
                            and p_content !~* all (rules.prohibited)
                        for no key update of conversation
                    ) as locked
                ) as turn
                returning messages_v2.id into v_message_id;

                if v_message_id is not null then
                    insert into messaging.rpc_events (
                        occurred_at,
                        request_id,
                        service,
                        method,
                        event,
                        user_id,
                        conversation_id,
                        version,
                        duration_ms
                    )
                    values (
                        pg_catalog.clock_timestamp(),
                        v_request_id,
                        'MessagingServiceV2',
                        'sendMessage',
                        'success',
                        p_sender_id,
                        p_conversation_id,
                        'v2',
                        greatest(
                            pg_catalog.date_part(
                                'epoch', pg_catalog.clock_timestamp() - v_started_at
                            ) * 1000,
                            0
                        )
                    );
                    return pg_catalog.jsonb_build_object(
                        'success', true,
                        'message', 'Message sent successfully',
                        'request_id', v_request_id,
                        'message_id', v_message_id
                    );
                end if;
            end if;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when lock_not_available then
                -- Nobody waits for the same lock twice, but where it was the log's.
                if v_message_id is null then
                    v_answer := messaging.unexpected(
                        v_request_id, 'Failed to send message', sqlstate, sqlerrm, p_content
                    );
                end if;
            when others then
                -- Nothing of it is left; the steps run into the same, and know what to answer.
                null;
        end;
        if v_answer is null then
            v_answer := messaging.send_message(
                p_conversation_id,
                p_sender_id,
                p_content,
                v_request_id
            );
        end if;
    end if;
    return messaging.record_call(
        'sendMessage',
        v_started_at,
        v_answer,
        v_caller_id,
        p_conversation_id => p_conversation_id,
        p_version => 'v2'
    );
end;
$function$;

revoke all
    on function public.send_message_v2(uuid, uuid, text)
    from public, anon, authenticated, service_role;
grant execute
    on function public.send_message_v2(uuid, uuid, text)
    to authenticated;

create or replace function public.get_conversation_v2(
    p_conversation_id uuid,
    p_user_id uuid
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $function$
declare
    v_started_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    v_caller_id constant pg_catalog.uuid := messaging.caller_id();
    v_answer pg_catalog.jsonb;
begin
    -- Nobody in the name of nobody is a stranger too.
    if v_caller_id is null or p_user_id is distinct from v_caller_id then
        v_answer := messaging.failure(
            messaging.request_id(),
            'permission_denied',
            'not_the_caller',
            'Cannot access conversation for another user'
        );
    else
        v_answer := messaging.get_conversation(
            p_conversation_id,
            p_user_id,
            messaging.request_id()
        );
    end if;
    return messaging.record_call(
        'getConversation',
        v_started_at,
        v_answer,
        v_caller_id,
        p_conversation_id => p_conversation_id,
        p_version => 'v2'
    );
end;
$function$;

revoke all
    on function public.get_conversation_v2(uuid, uuid)
    from public, anon, authenticated, service_role;
grant execute
    on function public.get_conversation_v2(uuid, uuid)
    to authenticated;

comment on function public.create_conversation_atomic(uuid, uuid, text) is
    'Begins the conversation of a helper on a help request, with its first message.';

comment on function public.send_message_v2(uuid, uuid, text) is
    'Writes a message into an active conversation of the sender.';

comment on function public.get_conversation_v2(uuid, uuid) is
    'A conversation of the user with its newest 200 messages, oldest first.';

-- Who may call what, and with which rights -------------------------------------------------------

do $functions$
declare
    v_statement text;
begin
    for v_statement in
        with routine as (
            select
                procedure.oid,
                procedure.oid::pg_catalog.regprocedure::text as name,
                namespace.nspname as schema_name,
                procedure.prosecdef,
                procedure.proconfig,
                coalesce(
                    procedure.proacl, pg_catalog.acldefault('f', procedure.proowner)
                ) as privileges,
                public_name.service_role
            from pg_catalog.pg_proc as procedure
            join pg_catalog.pg_namespace as namespace
                on namespace.oid = procedure.pronamespace
            left join (
                values
                    ('public.create_conversation_atomic(uuid,uuid,text)', false),
                    ('public.get_conversation_v2(uuid,uuid)', false),
                    ('public.get_conversation_version(uuid)', false),
                    ('public.get_messages(uuid,text,integer,text)', false),
                    ('public.get_messages_v2(uuid,uuid,text,integer,text)', false),
                    ('public.is_messaging_v2_enabled(uuid)', true),
                    ('public.list_conversations(integer,integer)', false),
                    ('public.list_conversations_v2(uuid,integer,integer)', false),
                    ('public.list_error_codes()', true),
                    ('public.mark_conversation_read_v2(uuid,uuid)', false),
                    ('public.send_message(uuid,text,uuid)', false),
                    ('public.send_message_v2(uuid,uuid,text)', false),
                    ('public.set_conversation_status_v2(uuid,uuid,text)', false),
                    ('public.start_help_conversation(uuid,text)', false)
            ) as public_name (name, service_role)
                on public_name.name = procedure.oid::pg_catalog.regprocedure::text
            where namespace.nspname = 'messaging'
                or public_name.name is not null
        )
        select pg_catalog.format(
            'revoke all on function %s from %s', routine.name, coalesce(role.rolname, 'public')
        )
        from routine
        cross join lateral pg_catalog.aclexplode(routine.privileges) as entry
        left join pg_catalog.pg_roles as role
            on role.oid = entry.grantee
        where (entry.grantee = 0 or role.rolname in ('anon', 'authenticated', 'service_role'))
            and case routine.schema_name
                when 'public' then (
                    role.rolname = 'authenticated'
                    or (role.rolname = 'service_role' and routine.service_role)
                ) is not true
                -- Operators call the definers of schema messaging, as service_role.
                else (role.rolname = 'service_role' and routine.prosecdef) is not true
            end
        union all
        select pg_catalog.format('grant execute on function %s to %I', routine.name, caller.name)
        from routine
        cross join (values ('authenticated'), ('service_role')) as caller (name)
        where routine.schema_name = 'public'
            and (caller.name = 'authenticated' or routine.service_role)
            and not exists (
                select
                from pg_catalog.aclexplode(routine.privileges) as entry
                where entry.grantee = pg_catalog.to_regrole(caller.name)
            )
        union all
        select pg_catalog.format('alter function %s security definer', routine.name)
        from routine
        where routine.schema_name = 'public'
            and not routine.prosecdef
        union all
        select pg_catalog.format('alter function %s set search_path = ''''', routine.name)
        from routine
        where not exists (
            select
            from pg_catalog.unnest(routine.proconfig) as setting (text)
            where setting.text = 'search_path=""'
                or (
                    routine.name = 'messaging.caller_id()'
                    and setting.text = 'search_path=pg_catalog, pg_temp'
                )
        )
    loop
        raise notice '%', v_statement;
        execute v_statement;
    end loop;
end;
$functions$;

-- Realtime ---------------------------------------------------------------------------------------

do $publication$
declare
    v_table text;
begin
    -- A publication of all tables, or of the whole schema, has them already.
    for v_table in
        select message_table.name
        from (values ('conversations_v2'), ('messages_v2')) as message_table (name)
        where exists (
            select
            from pg_catalog.pg_publication as publication
            where publication.pubname = 'supabase_realtime'
        ) and not exists (
            select
            from pg_catalog.pg_publication_tables as published
            where published.pubname = 'supabase_realtime'
                and published.schemaname = 'public'
                and published.tablename = message_table.name
        )
    loop
        execute pg_catalog.format(
            'alter publication supabase_realtime add table public.%I', v_table
        );
    end loop;
end;
$publication$;

commit;
