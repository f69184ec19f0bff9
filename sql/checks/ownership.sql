-- What: everything of ours belongs to the role that migrates, but for two functions.
-- Why: an owner may do everything and is asked by no policy; a definer function does it for others.
-- Silent: where nearly everything belongs to another role: then that is the one that migrated. The
--     two write V1 with the rights of a signed-in user, so they belong to authenticated.
with exceptions (signature, owner) as (
    values
        (
            'messaging.start_conversation_v1(uuid,uuid,uuid,uuid,uuid,text,'
            'timestamp with time zone)',
            'authenticated'
        ),
        (
            'messaging.send_message_v1(uuid,uuid,uuid,uuid,uuid,text,timestamp with time zone)',
            'authenticated'
        )
),

owned as (
    select
        'schema' as kind,
        namespace.nspname::text as name,
        namespace.nspowner as owner
    from pg_catalog.pg_namespace as namespace
    where namespace.nspname = 'messaging'
    union all
    select
        case class.relkind
            when 'v' then 'view'
            when 'm' then 'materialized view'
            when 'S' then 'sequence'
            when 'c' then 'type'
            else 'table'
        end,
        class.oid::regclass::text,
        class.relowner
    from pg_catalog.pg_class as class
    where class.oid = any(%(relations)s::oid [])
    union all
    select
        'function',
        routine.oid::regprocedure::text,
        routine.proowner
    from pg_catalog.pg_proc as routine
    where routine.oid = any(%(functions)s::oid [])
)

select
    'error' as level,
    owned.kind || ' ' || owned.name as object,
    'belongs to ' || owned.owner::regrole::text || ', not to '
    || coalesce(exceptions.owner, %(owner)s) as detail,
    'alter ' || owned.kind || ' ' || owned.name || ' owner to '
    || coalesce(exceptions.owner, %(owner)s) || ';' as remediation
from owned
left join exceptions
    on owned.name = exceptions.signature
where owned.owner::regrole::text <> coalesce(exceptions.owner, %(owner)s)
order by object;
