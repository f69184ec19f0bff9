-- What: exactly these roles may call our functions.
-- Why: the functions of public check who calls, those of messaging trust their arguments: one grant
--     too many lets somebody act for somebody else, one too few stops the application.
-- Silent: about grants that are missing before their change is deployed, and about those that come
--     with a function of schema messaging whose change is not; about the owner of a function,
--     superusers and members of the owner.
with expected (since, signature, grantee) as (
    values
        (
            'fix_v2_security_definer_auth@v0.1.0',
            'public.create_conversation_atomic(uuid,uuid,text)', 'authenticated'
        ),
        (
            'fix_v2_security_definer_auth@v0.1.0', 'public.get_conversation_v2(uuid,uuid)',
            'authenticated'
        ),
        (
            'fix_v2_security_definer_auth@v0.1.0', 'public.send_message_v2(uuid,uuid,text)',
            'authenticated'
        ),
        ('error_codes', 'public.list_error_codes()', 'authenticated'),
        ('error_codes', 'public.list_error_codes()', 'service_role'),
        ('event_log', 'messaging.maintain_event_log()', 'service_role'),
        ('rollout', 'messaging.add_internal_tester(uuid,text,text)', 'service_role'),
        ('rollout', 'messaging.remove_internal_tester(uuid)', 'service_role'),
        ('rollout', 'messaging.rollout_status(integer)', 'pg_monitor'),
        ('rollout', 'messaging.rollout_status(integer)', 'service_role'),
        ('rollout', 'messaging.set_rollout(text,integer,text,text,jsonb)', 'service_role'),
        ('rollout', 'public.is_messaging_v2_enabled(uuid)', 'authenticated'),
        ('rollout', 'public.is_messaging_v2_enabled(uuid)', 'service_role'),
        ('limits', 'messaging.set_limit(text,integer,interval)', 'service_role'),
        ('moderation', 'messaging.allow_link_domain(text)', 'service_role'),
        ('moderation', 'messaging.disallow_link_domain(text)', 'service_role'),
        ('moderation', 'messaging.remove_content_pattern(text)', 'service_role'),
        ('moderation', 'messaging.set_content_pattern(text,text,text,text)', 'service_role'),
        (
            'conversation_status', 'public.set_conversation_status_v2(uuid,uuid,text)',
            'authenticated'
        ),
        (
            'conversation_reading', 'public.get_messages_v2(uuid,uuid,text,integer,text)',
            'authenticated'
        ),
        (
            'conversation_reading', 'public.list_conversations_v2(uuid,integer,integer)',
            'authenticated'
        ),
        ('conversation_reading', 'public.mark_conversation_read_v2(uuid,uuid)', 'authenticated'),
        (
            'v1_conversations',
            'messaging.send_message_v1(uuid,uuid,uuid,uuid,uuid,text,timestamp with time zone)',
            %(owner)s
        ),
        (
            'v1_conversations',
            'messaging.start_conversation_v1(uuid,uuid,uuid,uuid,uuid,text,timestamp with time '
            'zone)',
            %(owner)s
        ),
        ('start_help_conversation', 'public.start_help_conversation(uuid,text)', 'authenticated'),
        ('send_message', 'public.send_message(uuid,text,uuid)', 'authenticated'),
        ('merged_reading', 'public.get_conversation_version(uuid)', 'authenticated'),
        ('merged_reading', 'public.get_messages(uuid,text,integer,text)', 'authenticated'),
        ('merged_reading', 'public.list_conversations(integer,integer)', 'authenticated'),
        ('v1_backfill', 'messaging.backfill_conversations(integer,boolean)', 'service_role'),
        ('v1_backfill', 'messaging.backfill_progress()', 'service_role'),
        ('v1_backfill', 'messaging.reconcile_backfill(timestamp with time zone)', 'service_role'),
        ('call_rollups', 'messaging.roll_up(timestamp with time zone)', 'service_role'),
        ('monitoring', 'messaging.active_conversations()', 'pg_monitor'),
        ('monitoring', 'messaging.active_conversations()', 'service_role'),
        (
            'monitoring', 'messaging.adoption(timestamp with time zone,timestamp with time zone)',
            'pg_monitor'
        ),
        (
            'monitoring', 'messaging.adoption(timestamp with time zone,timestamp with time zone)',
            'service_role'
        ),
        (
            'monitoring', 'messaging.completion(timestamp with time zone,timestamp with time zone)',
            'pg_monitor'
        ),
        (
            'monitoring', 'messaging.completion(timestamp with time zone,timestamp with time zone)',
            'service_role'
        ),
        ('monitoring', 'messaging.creation_calls()', 'pg_monitor'),
        ('monitoring', 'messaging.creation_calls()', 'service_role'),
        (
            'monitoring',
            'messaging.creation_success(timestamp with time zone,timestamp with time zone)',
            'pg_monitor'
        ),
        (
            'monitoring',
            'messaging.creation_success(timestamp with time zone,timestamp with time zone)',
            'service_role'
        ),
        (
            'monitoring',
            'messaging.error_shares(timestamp with time zone,timestamp with time zone,boolean)',
            'pg_monitor'
        ),
        (
            'monitoring',
            'messaging.error_shares(timestamp with time zone,timestamp with time zone,boolean)',
            'service_role'
        ),
        ('monitoring', 'messaging.errors_total()', 'pg_monitor'),
        ('monitoring', 'messaging.errors_total()', 'service_role'),
        ('monitoring', 'messaging.initial_messages()', 'pg_monitor'),
        ('monitoring', 'messaging.initial_messages()', 'service_role'),
        (
            'monitoring', 'messaging.latencies(timestamp with time zone,timestamp with time zone)',
            'pg_monitor'
        ),
        (
            'monitoring', 'messaging.latencies(timestamp with time zone,timestamp with time zone)',
            'service_role'
        ),
        (
            'monitoring',
            'messaging.measure(text,timestamp with time zone,timestamp with time zone)',
            'pg_monitor'
        ),
        (
            'monitoring',
            'messaging.measure(text,timestamp with time zone,timestamp with time zone)',
            'service_role'
        ),
        (
            'monitoring',
            'messaging.messages_daily(timestamp with time zone,timestamp with time zone)',
            'pg_monitor'
        ),
        (
            'monitoring',
            'messaging.messages_daily(timestamp with time zone,timestamp with time zone)',
            'service_role'
        ),
        (
            'alert_rules',
            'messaging.evaluate_alerts(timestamp with time zone,timestamp with time zone)',
            'pg_monitor'
        ),
        (
            'alert_rules',
            'messaging.evaluate_alerts(timestamp with time zone,timestamp with time zone)',
            'service_role'
        ),
        (
            'alert_rules',
            'messaging.set_alert_rule(text,double precision,interval,bigint,boolean,text,text,'
            'text,text,boolean,boolean)',
            'service_role'
        ),
        ('rollout_gates', 'messaging.advance_rollout(text,text,boolean)', 'service_role'),
        ('rollout_gates', 'messaging.guard_rollout(text)', 'service_role'),
        ('rollout_gates', 'messaging.rollout_gate()', 'pg_monitor'),
        ('rollout_gates', 'messaging.rollout_gate()', 'service_role'),
        ('rollout_gates', 'messaging.set_rollout_gate(text,text,text)', 'service_role')
),

functions as (
    select
        routine.oid,
        routine.oid::regprocedure::text as signature,
        routine.proowner as owner,
        coalesce(routine.proacl, pg_catalog.acldefault('f', routine.proowner)) as acl
    from pg_catalog.pg_proc as routine
    where routine.oid = any(%(functions)s::oid [])
),

in_force as (
    select
        functions.signature,
        expected.grantee
    from expected
    inner join functions
        on expected.signature = functions.signature
    where expected.since = any(%(deployed)s::text [])
),

-- What the API's roles own they may call by that alone; it is no way round the list.
actual as (
    select
        functions.signature,
        case
            when privilege.grantee = 0 then 'public'
            else privilege.grantee::regrole::text
        end as grantee,
        privilege.is_grantable
    from functions
    cross join pg_catalog.aclexplode(functions.acl) as privilege
    where not pg_catalog.pg_has_role(privilege.grantee, functions.owner, 'usage')
        or functions.owner::regrole::text in ('anon', 'authenticated', 'service_role')
)

select
    case
        when actual.grantee in ('public', 'anon', 'authenticated', 'service_role') then 'error'
        else 'warning'
    end as level,
    'function ' || actual.signature as object,
    actual.grantee || ' may call it'
    || case when expected.signature is null then '' else ', and let others call it' end as detail,
    'revoke ' || case when expected.signature is null then '' else 'grant option for ' end
    || 'execute on function ' || actual.signature || ' from ' || actual.grantee || ' cascade;'
        as remediation
from actual
left join in_force as expected
    on actual.signature = expected.signature and actual.grantee = expected.grantee
where (expected.signature is null or actual.is_grantable)
    and not exists (
        select
        from expected as pending
        where pending.signature = actual.signature
            and pending.grantee = actual.grantee
            and pg_catalog.starts_with(pending.signature, 'messaging.')
            and pending.since <> all(%(deployed)s::text [])
    )
union all
select
    'error',
    'function ' || expected.signature,
    expected.grantee || ' may not call it',
    'grant execute on function ' || expected.signature || ' to ' || expected.grantee || ';'
from in_force as expected
left join actual
    on expected.signature = actual.signature and expected.grantee = actual.grantee
where actual.signature is null
order by object, detail;
