-- What: every function of ours pins an empty search_path, none pins a role, and none that runs with
--     its owner's rights switches row security otherwise than the plan does.
-- Why: without it a definer function calls whatever the search path of its caller leads to, with
--     the rights of its owner.
-- Silent: about functions that are not ours, about other settings, such as those for speed, and
--     about row security in functions that run with the rights of their caller.
with exceptions (signature, name, setting) as (
    values
        -- It calls auth.uid() of the platform, and so pins the path that this was written for.
        ('messaging.caller_id()', 'search_path', 'pg_catalog, pg_temp'),
        -- They write V1 under the policies of whoever is signed in.
        (
            'messaging.start_conversation_v1(uuid,uuid,uuid,uuid,uuid,text,'
            'timestamp with time zone)',
            'row_security',
            'on'
        ),
        (
            'messaging.send_message_v1(uuid,uuid,uuid,uuid,uuid,text,timestamp with time zone)',
            'row_security',
            'on'
        )
),

actual as (
    select
        routine.oid::regprocedure::text as signature,
        watched.name,
        (
            select pg_catalog.regexp_replace(line.setting, '^[^=]*=', '')
            from pg_catalog.unnest(routine.proconfig) as line (setting)
            where pg_catalog.split_part(line.setting, '=', 1) = watched.name
        ) as setting
    from pg_catalog.pg_proc as routine
    cross join (
        values
            ('search_path'),
            ('row_security'),
            ('role'),
            ('session_authorization'),
            ('session_replication_role')
    ) as watched (name)
    where routine.oid = any(%(functions)s::oid [])
        and (watched.name <> 'row_security' or routine.prosecdef)
),

compared as (
    select
        actual.signature,
        actual.name,
        actual.setting,
        coalesce(
            exceptions.setting, case when actual.name = 'search_path' then '""' end
        ) as wanted
    from actual
    left join exceptions
        on actual.signature = exceptions.signature and actual.name = exceptions.name
)

select
    'error' as level,
    'function ' || signature as object,
    case
        when setting is null then 'does not set ' || name
        else 'sets ' || name || ' to ' || setting
    end as detail,
    'alter function ' || signature
    || case
        when wanted is null then ' reset ' || name
        else ' set ' || name || ' = ' || pg_catalog.replace(wanted, '""', '''''')
    end || ';' as remediation
from compared
where setting is distinct from wanted
order by object, detail;
