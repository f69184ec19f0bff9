-- What the contract is about: our relations, our functions, and the role that most of them belong
-- to. In schema public they are ours by name, as soon as the change that makes them is deployed; in
-- schema messaging everything is. One owner that was changed must not make all others look wrong,
-- so the majority decides; a role that requests run as is never the right one.
with named (since, kind, name) as (
    values
        ('messaging_system_v2_atomic@v0.1.0', 'table', 'conversations_v2'),
        ('messaging_system_v2_atomic@v0.1.0', 'table', 'messages_v2'),
        ('messaging_system_v2_atomic@v0.1.0', 'table', 'conversation_reads_v2'),
        ('messaging_system_v2_atomic@v0.1.0', 'function', 'create_conversation_atomic'),
        ('messaging_system_v2_atomic@v0.1.0', 'function', 'send_message_v2'),
        ('messaging_system_v2_atomic@v0.1.0', 'function', 'get_conversation_v2'),
        ('error_codes', 'function', 'list_error_codes'),
        ('rollout', 'function', 'is_messaging_v2_enabled'),
        ('conversation_status', 'function', 'set_conversation_status_v2'),
        ('conversation_reading', 'function', 'list_conversations_v2'),
        ('conversation_reading', 'function', 'get_messages_v2'),
        ('conversation_reading', 'function', 'mark_conversation_read_v2'),
        ('start_help_conversation', 'function', 'start_help_conversation'),
        ('send_message', 'function', 'send_message'),
        ('merged_reading', 'function', 'get_conversation_version'),
        ('merged_reading', 'function', 'list_conversations'),
        ('merged_reading', 'function', 'get_messages')
),

relations as (
    select
        class.oid,
        class.relowner as owner
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_namespace as namespace
        on class.relnamespace = namespace.oid
    where class.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
        and (
            namespace.nspname = 'messaging'
            or namespace.nspname = 'public' and exists (
                select
                from named
                where named.kind = 'table'
                    and named.name = class.relname
                    and named.since = any(%(deployed)s::text [])
            )
        )
),

functions as (
    select
        routine.oid,
        routine.proowner as owner
    from pg_catalog.pg_proc as routine
    inner join pg_catalog.pg_namespace as namespace
        on routine.pronamespace = namespace.oid
    where namespace.nspname = 'messaging'
        or namespace.nspname = 'public' and exists (
            select
            from named
            where named.kind = 'function'
                and named.name = routine.proname
                and named.since = any(%(deployed)s::text [])
        )
),

owners as (
    select
        owned.owner::regrole::text as name,
        pg_catalog.count(*) as objects
    from (
        select owner from relations
        union all
        select owner from functions
    ) as owned
    where owned.owner::regrole::text not in ('anon', 'authenticated', 'service_role')
    group by owned.owner
)

select
    coalesce(
        (select name from owners order by objects desc, name limit 1),
        current_user::regrole::text
    ) as owner,
    array(select oid from relations) as relations,
    array(select oid::regclass::text from relations) as names,
    array(select oid from functions) as functions;
