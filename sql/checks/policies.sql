-- What: our tables have these policies, for authenticated alone, with these conditions, and no
--     other; each asks (select auth.uid()), once a statement.
-- Why: permissive policies add up, so that one too many opens the table.
-- Silent: about policies on other tables.
with expected (since, relation, name, command, using_text, check_text) as (
    values
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversation_reads_v2',
            'conversation_reads_v2_insert_own', 'insert', null,
            '(user_id = ( SELECT auth.uid() AS uid))'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversation_reads_v2',
            'conversation_reads_v2_select_own', 'select',
            '(user_id = ( SELECT auth.uid() AS uid))', null
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversation_reads_v2',
            'conversation_reads_v2_update_own', 'update',
            '(user_id = ( SELECT auth.uid() AS uid))', '(user_id = ( SELECT auth.uid() AS uid))'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_insert_helper', 'insert', null,
            '((helper_id = ( SELECT auth.uid() AS uid)) AND (EXISTS ( SELECT FROM '
            'public.help_requests request WHERE ((request.id = conversations_v2.help_request_id) '
            'AND (request.user_id = conversations_v2.requester_id) AND (request.status = ANY '
            '(ARRAY[''open''::text, ''in_progress''::text]))))))'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_select_participant', 'select',
            '((requester_id = ( SELECT auth.uid() AS uid)) OR (helper_id = ( SELECT auth.uid() '
            'AS uid)))',
            null
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_update_participant', 'update',
            '((requester_id = ( SELECT auth.uid() AS uid)) OR (helper_id = ( SELECT auth.uid() '
            'AS uid)))',
            '((requester_id = ( SELECT auth.uid() AS uid)) OR (helper_id = ( SELECT auth.uid() '
            'AS uid)))'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2', 'messages_v2_insert_sender',
            'insert', null,
            '((sender_id = ( SELECT auth.uid() AS uid)) AND (EXISTS ( SELECT FROM '
            'public.conversations_v2 conversation WHERE ((conversation.id = '
            'messages_v2.conversation_id) AND (conversation.status = ''active''::text) AND '
            '((conversation.requester_id = ( SELECT auth.uid() AS uid)) OR '
            '(conversation.helper_id = ( SELECT auth.uid() AS uid)))))))'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2',
            'messages_v2_select_participant', 'select',
            '(EXISTS ( SELECT FROM public.conversations_v2 conversation WHERE ((conversation.id '
            '= messages_v2.conversation_id) AND ((conversation.requester_id = ( SELECT '
            'auth.uid() AS uid)) OR (conversation.helper_id = ( SELECT auth.uid() AS uid))))))',
            null
        )
),

in_force as (
    select
        expected.*,
        pg_catalog.to_regclass(expected.relation)::oid as relation_oid
    from expected
    where expected.since = any(%(deployed)s::text [])
        and pg_catalog.to_regclass(expected.relation) is not null
),

-- The status of a request is an enum in some databases and text in others.
actual as (
    select
        policy.polrelid as relation_oid,
        policy.polname::text as name,
        case policy.polcmd
            when 'r' then 'select'
            when 'a' then 'insert'
            when 'w' then 'update'
            when 'd' then 'delete'
            else 'all'
        end as command,
        policy.polpermissive as is_permissive,
        array(
            select case when role.oid = 0 then 'public' else role.oid::regrole::text end
            from pg_catalog.unnest(policy.polroles) as role (oid)
            order by 1
        ) as roles,
        pg_catalog.replace(
            pg_catalog.regexp_replace(
                pg_catalog.pg_get_expr(policy.polqual, policy.polrelid), '\s+', ' ', 'g'
            ),
            '(request.status)::text',
            'request.status'
        ) as using_text,
        pg_catalog.replace(
            pg_catalog.regexp_replace(
                pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid), '\s+', ' ', 'g'
            ),
            '(request.status)::text',
            'request.status'
        ) as check_text
    from pg_catalog.pg_policy as policy
    where policy.polrelid = any(%(relations)s::oid [])
),

compared as (
    select
        pg_catalog.quote_ident(expected.name) || ' on ' || expected.relation as name,
        actual.name is null as is_missing,
        actual.command <> expected.command or not actual.is_permissive as is_other_kind,
        pg_catalog.concat_ws(
            ', ',
            case
                when actual.command <> expected.command
                    then 'is for ' || actual.command || ', not for ' || expected.command
            end,
            case when not actual.is_permissive then 'is restrictive' end,
            case
                when actual.roles <> array['authenticated']
                    then 'is to ' || pg_catalog.array_to_string(actual.roles, ', ')
                    || ', not to authenticated'
            end,
            case
                when actual.using_text is distinct from expected.using_text
                    then 'shows rows where ' || coalesce(actual.using_text, 'nothing is asked')
            end,
            case
                when actual.check_text is distinct from expected.check_text
                    then 'takes rows where ' || coalesce(actual.check_text, 'nothing is asked')
            end
        ) as difference,
        expected.command,
        ' to authenticated'
        || coalesce(
            ' using '
            || pg_catalog.replace(
                pg_catalog.replace(
                    expected.using_text, 'request.status', 'request.status::text'
                ),
                '( SELECT auth.uid() AS uid)',
                '(select auth.uid())'
            ),
            ''
        )
        || coalesce(
            ' with check '
            || pg_catalog.replace(
                pg_catalog.replace(
                    expected.check_text, 'request.status', 'request.status::text'
                ),
                '( SELECT auth.uid() AS uid)',
                '(select auth.uid())'
            ),
            ''
        ) as clauses
    from in_force as expected
    left join actual
        on expected.relation_oid = actual.relation_oid and expected.name = actual.name
)

select
    'error' as level,
    'policy ' || name as object,
    case when is_missing then 'is missing' else difference end as detail,
    case
        when is_missing then 'create policy ' || name || ' for ' || command || clauses || ';'
        when is_other_kind
            then 'drop policy ' || name || '; create policy ' || name || ' for ' || command
            || clauses || ';'
        else 'alter policy ' || name || clauses || ';'
    end as remediation
from compared
where is_missing or difference <> ''
union all
select
    case when actual.is_permissive then 'error' else 'warning' end,
    'policy ' || pg_catalog.quote_ident(actual.name) || ' on '
    || actual.relation_oid::regclass::text,
    'is not of the plan: ' || case when actual.is_permissive then 'opens' else 'closes' end
    || ' rows for ' || actual.command || ' to ' || pg_catalog.array_to_string(actual.roles, ', '),
    'drop policy ' || pg_catalog.quote_ident(actual.name) || ' on '
    || actual.relation_oid::regclass::text || ';'
from actual
where not exists (
    select
    from in_force as expected
    where expected.relation_oid = actual.relation_oid
        and expected.name = actual.name
)
order by object, detail;
