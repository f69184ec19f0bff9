-- What: beside those of constraints our tables have these indexes, all valid, and no other.
-- Why: lists, limits and pages rest on them at any size; an index that serves nothing costs every
--     write, one that is not valid costs the same and is never read.
-- Silent: where the table is missing, which relations says.
with expected (since, until, relation, name, definition) as (
    values
        (
            'messaging_system_v2_atomic@v0.1.0', null, 'public.conversation_reads_v2',
            'public.conversation_reads_v2_user_id_idx',
            'CREATE INDEX conversation_reads_v2_user_id_idx ON public.conversation_reads_v2 '
            'USING btree (user_id)'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'limits', 'public.conversations_v2',
            'public.conversations_v2_helper_id_idx',
            'CREATE INDEX conversations_v2_helper_id_idx ON public.conversations_v2 USING btree '
            '(helper_id)'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'conversation_reading', 'public.conversations_v2',
            'public.conversations_v2_requester_id_idx',
            'CREATE INDEX conversations_v2_requester_id_idx ON public.conversations_v2 USING '
            'btree (requester_id)'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'conversation_reading', 'public.messages_v2',
            'public.messages_v2_conversation_id_created_at_id_idx',
            'CREATE INDEX messages_v2_conversation_id_created_at_id_idx ON public.messages_v2 '
            'USING btree (conversation_id, created_at, id)'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'limits', 'public.messages_v2',
            'public.messages_v2_sender_id_idx',
            'CREATE INDEX messages_v2_sender_id_idx ON public.messages_v2 USING btree (sender_id)'
        ),
        (
            'limits', null, 'public.conversations_v2',
            'public.conversations_v2_helper_id_created_at_idx',
            'CREATE INDEX conversations_v2_helper_id_created_at_idx ON public.conversations_v2 '
            'USING btree (helper_id, created_at)'
        ),
        (
            'limits', null, 'public.messages_v2', 'public.messages_v2_sender_id_created_at_idx',
            'CREATE INDEX messages_v2_sender_id_created_at_idx ON public.messages_v2 USING btree '
            '(sender_id, created_at)'
        ),
        (
            'conversation_reading', null, 'public.conversations_v2',
            'public.conversations_v2_helper_id_last_message_at_id_idx',
            'CREATE INDEX conversations_v2_helper_id_last_message_at_id_idx ON '
            'public.conversations_v2 USING btree (helper_id, last_message_at, id)'
        ),
        (
            'conversation_reading', null, 'public.conversations_v2',
            'public.conversations_v2_requester_id_last_message_at_id_idx',
            'CREATE INDEX conversations_v2_requester_id_last_message_at_id_idx ON '
            'public.conversations_v2 USING btree (requester_id, last_message_at, id)'
        ),
        (
            'conversation_reading', null, 'public.messages_v2',
            'public.messages_v2_conversation_id_created_at_id_sender_id_idx',
            'CREATE INDEX messages_v2_conversation_id_created_at_id_sender_id_idx ON '
            'public.messages_v2 USING btree (conversation_id, created_at, id) INCLUDE (sender_id)'
        )
),

in_force as (
    select *
    from expected
    where expected.since = any(%(deployed)s::text [])
        and (expected.until = any(%(deployed)s::text [])) is not true
        and pg_catalog.to_regclass(expected.relation) is not null
),

actual as (
    select
        index.indrelid::regclass::text as relation,
        index.indexrelid::regclass::text as name,
        pg_catalog.pg_get_indexdef(index.indexrelid) as definition,
        index.indisvalid and index.indisready and index.indislive as is_valid,
        exists (
            select
            from pg_catalog.pg_constraint as rule
            where rule.conindid = index.indexrelid
                and rule.contype in ('p', 'u', 'x')
        ) as is_of_constraint
    from pg_catalog.pg_index as index
    inner join pg_catalog.pg_class as class
        on index.indrelid = class.oid
    where index.indrelid = any(%(relations)s::oid [])
        and not class.relispartition
)

select
    'error' as level,
    'index ' || expected.name as object,
    coalesce('is ' || actual.definition, 'is missing') as detail,
    case
        when actual.name is null then ''
        else 'drop index concurrently ' || actual.name || '; '
    end
    || pg_catalog.regexp_replace(expected.definition, '^CREATE INDEX', 'create index concurrently')
    || ';' as remediation
from in_force as expected
left join actual
    on expected.relation = actual.relation and expected.name = actual.name
where actual.definition is distinct from expected.definition
union all
select
    'error',
    'index ' || actual.name,
    'is not valid: it costs every write and serves no query',
    'reindex index concurrently ' || actual.name || ';'
from actual
where not actual.is_valid
union all
select
    'warning',
    'index ' || actual.name,
    'is not of the plan: ' || actual.definition,
    'drop index concurrently ' || actual.name || ';'
from actual
where not actual.is_of_constraint
    and not exists (
        select
        from expected
        where expected.relation = actual.relation
            and expected.name = actual.name
            and (expected.until = any(%(deployed)s::text [])) is not true
    )
order by object, detail;
