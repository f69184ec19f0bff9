-- What: schema messaging has the functions of the plan, with these arguments, answers, volatility
--     and rights, and no other.
-- Why: nearly all of them trust the user they are given, so they must run with the rights of our
--     own callers; a definer function that nobody knows is a door that nobody watches.
-- Silent: about what a change that is not deployed will make.
with expected (since, until, signature, result, volatility, security) as (
    values
        (
            'messaging_system_v2_atomic@v0.1.0', null,
            'messaging.create_conversation(uuid,uuid,text,text)', 'jsonb', 'volatile', 'invoker'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'messaging_system_v2_atomic',
            'messaging.failure(text,text,text,text,jsonb)', 'jsonb', 'immutable', 'invoker'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', null,
            'messaging.get_conversation(uuid,uuid,text)', 'jsonb', 'volatile', 'invoker'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'messaging_system_v2_atomic',
            'messaging.http_status(text)', 'integer', 'immutable', 'invoker'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', null, 'messaging.note_last_message()', 'trigger',
            'volatile', 'invoker'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', null, 'messaging.request_id()', 'text',
            'volatile', 'invoker'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', null,
            'messaging.send_message(uuid,uuid,text,text)', 'jsonb', 'volatile', 'invoker'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', null, 'messaging.set_updated_at()', 'trigger',
            'volatile', 'invoker'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', null, 'messaging.success(text,text,jsonb)',
            'jsonb', 'immutable', 'invoker'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', null, 'messaging.trim_whitespace(text)', 'text',
            'immutable', 'invoker'
        ),
        (
            'fix_v2_security_definer_auth@v0.1.0', null, 'messaging.caller_id()', 'uuid', 'stable',
            'invoker'
        ),
        ('event_log', null, 'messaging.maintain_event_log()', 'jsonb', 'volatile', 'definer'),
        (
            'event_log', null,
            'messaging.record_call(text,timestamp with time zone,jsonb,uuid,uuid,uuid,text)',
            'jsonb', 'volatile', 'invoker'
        ),
        ('event_log', null, 'messaging.repeats_text(text,text)', 'boolean', 'immutable', 'invoker'),
        (
            'event_log', null, 'messaging.unexpected(text,text,text,text,text)', 'jsonb', 'stable',
            'invoker'
        ),
        (
            'rollout', null, 'messaging.add_internal_tester(uuid,text,text)', 'boolean',
            'volatile', 'definer'
        ),
        ('rollout', null, 'messaging.is_v2_enabled(uuid)', 'boolean', 'stable', 'invoker'),
        ('rollout', null, 'messaging.keep_rollout_history()', 'trigger', 'volatile', 'invoker'),
        ('rollout', null, 'messaging.note_rollout_author()', 'trigger', 'volatile', 'invoker'),
        ('rollout', null, 'messaging.refuse_rollout_loss()', 'trigger', 'volatile', 'invoker'),
        (
            'rollout', null, 'messaging.remove_internal_tester(uuid)', 'boolean', 'volatile',
            'definer'
        ),
        ('rollout', null, 'messaging.rollout_bucket(uuid)', 'integer', 'immutable', 'invoker'),
        ('rollout', null, 'messaging.rollout_problem()', 'text', 'stable', 'invoker'),
        ('rollout', null, 'messaging.rollout_status(integer)', 'jsonb', 'stable', 'definer'),
        (
            'rollout', null, 'messaging.set_rollout(text,integer,text,text,jsonb)', 'jsonb',
            'volatile', 'definer'
        ),
        ('limits', null, 'messaging.admit(text,uuid,text)', 'jsonb', 'volatile', 'invoker'),
        ('limits', null, 'messaging.admit_message(text,uuid)', 'jsonb', 'volatile', 'invoker'),
        ('limits', null, 'messaging.admit_start(text,uuid)', 'jsonb', 'volatile', 'invoker'),
        (
            'limits', null, 'messaging.nth_newest_message(uuid,integer,timestamp with time zone)',
            'timestamp with time zone', 'stable', 'invoker'
        ),
        (
            'limits', null, 'messaging.nth_newest_start(uuid,integer,timestamp with time zone)',
            'timestamp with time zone', 'stable', 'invoker'
        ),
        (
            'limits', null,
            'messaging.retry_after(timestamp with time zone,timestamp with time zone)', 'jsonb',
            'immutable', 'invoker'
        ),
        (
            'limits', null, 'messaging.set_limit(text,integer,interval)', 'void', 'volatile',
            'definer'
        ),
        ('limits', null, 'messaging.take_turn(uuid)', 'void', 'volatile', 'invoker'),
        ('moderation', null, 'messaging.allow_link_domain(text)', 'void', 'volatile', 'definer'),
        ('moderation', null, 'messaging.check_content(text,text)', 'jsonb', 'stable', 'invoker'),
        ('moderation', null, 'messaging.check_content_pattern()', 'trigger', 'volatile', 'invoker'),
        (
            'moderation', null, 'messaging.disallow_link_domain(text)', 'boolean', 'volatile',
            'definer'
        ),
        ('moderation', null, 'messaging.is_allowed_host(text)', 'boolean', 'stable', 'invoker'),
        (
            'moderation', null, 'messaging.note_moderation_author()', 'trigger', 'volatile',
            'invoker'
        ),
        ('moderation', null, 'messaging.plain_letters(text)', 'text', 'immutable', 'invoker'),
        (
            'moderation', null, 'messaging.remove_content_pattern(text)', 'boolean', 'volatile',
            'definer'
        ),
        (
            'moderation', null, 'messaging.set_content_pattern(text,text,text,text)', 'void',
            'volatile', 'definer'
        ),
        ('rules_at_once', null, 'messaging.keep_rules_at_once()', 'trigger', 'volatile', 'definer'),
        ('rules_at_once', null, 'messaging.prohibited_at_once()', 'text[]', 'stable', 'invoker'),
        (
            'rules_at_once', null, 'messaging.read_rules_at_once()', 'messaging.rules_at_once',
            'stable', 'invoker'
        ),
        (
            'messaging_system_v2_atomic', null, 'messaging.failure(text,text,text,text,jsonb)',
            'jsonb', 'stable', 'invoker'
        ),
        (
            'messaging_system_v2_atomic', null, 'messaging.http_status(text)', 'integer', 'stable',
            'invoker'
        ),
        (
            'messaging_system_v2_atomic', null,
            'messaging.insert_conversation(uuid,uuid,text,text)', 'jsonb', 'volatile', 'invoker'
        ),
        (
            'messaging_system_v2_atomic', null, 'messaging.insert_message(uuid,uuid,text,text)',
            'jsonb', 'volatile', 'invoker'
        ),
        (
            'messaging_system_v2_atomic', null, 'messaging.start_failed(text,text,text,text,text)',
            'jsonb', 'stable', 'invoker'
        ),
        (
            'messaging_system_v2_atomic', null,
            'messaging.write_conversation(uuid,uuid,text,text)', 'jsonb', 'volatile', 'invoker'
        ),
        (
            'messaging_system_v2_atomic', null, 'messaging.write_message(uuid,uuid,text,text)',
            'jsonb', 'volatile', 'invoker'
        ),
        ('conversation_status', null, 'messaging.guard_block()', 'trigger', 'volatile', 'definer'),
        (
            'conversation_status', null, 'messaging.set_conversation_status(uuid,uuid,text,text)',
            'jsonb', 'volatile', 'invoker'
        ),
        (
            'conversation_reading', null,
            'messaging.conversation_page(text,messaging.listed_conversation[],integer,integer,big'
            'int)',
            'jsonb', 'stable', 'invoker'
        ),
        (
            'conversation_reading', null, 'messaging.count_conversations_v2(uuid)', 'bigint',
            'stable', 'invoker'
        ),
        (
            'conversation_reading', null, 'messaging.describe_conversations_v2(uuid[],uuid)',
            'setof messaging.listed_conversation', 'stable', 'invoker'
        ),
        (
            'conversation_reading', null, 'messaging.describe_help_request(uuid)', 'jsonb',
            'stable', 'invoker'
        ),
        (
            'conversation_reading', null, 'messaging.describe_person(uuid)', 'jsonb', 'stable',
            'invoker'
        ),
        (
            'conversation_reading', null, 'messaging.is_participant_v2(uuid,uuid)', 'boolean',
            'stable', 'invoker'
        ),
        (
            'conversation_reading', null,
            'messaging.make_cursor(uuid,timestamp with time zone,uuid)', 'text', 'immutable',
            'invoker'
        ),
        (
            'conversation_reading', null, 'messaging.mark_conversation_read(uuid,uuid,text)',
            'jsonb', 'volatile', 'invoker'
        ),
        (
            'conversation_reading', null,
            'messaging.message_page(text,uuid,messaging.message[],text,integer,text)', 'jsonb',
            'stable', 'invoker'
        ),
        (
            'conversation_reading', null, 'messaging.newest_conversations_v2(uuid,bigint)',
            'setof record', 'stable', 'invoker'
        ),
        (
            'conversation_reading', null, 'messaging.read_cursor(text,uuid,boolean)', 'record',
            'stable', 'invoker'
        ),
        (
            'conversation_reading', null, 'messaging.read_messages_v2(uuid,text,boolean,integer)',
            'setof messaging.message', 'stable', 'invoker'
        ),
        (
            'conversation_reading', null,
            'messaging.refuse_message_page(text,uuid,text,integer,text)', 'jsonb', 'stable',
            'invoker'
        ),
        (
            'conversation_reading', null, 'messaging.refuse_page(text,integer,integer)', 'jsonb',
            'immutable', 'invoker'
        ),
        (
            'v1_conversations', null, 'messaging.conversation_v1(uuid,uuid)', 'setof record',
            'stable', 'invoker'
        ),
        (
            'v1_conversations', null, 'messaging.failure_of_v1(text,text,text,text,text)', 'jsonb',
            'stable', 'invoker'
        ),
        (
            'v1_conversations', null, 'messaging.insert_conversation_v1(uuid,uuid,uuid,text,text)',
            'jsonb', 'volatile', 'invoker'
        ),
        (
            'v1_conversations', null, 'messaging.insert_message_v1(uuid,uuid,text,text,text)',
            'jsonb', 'volatile', 'invoker'
        ),
        (
            'v1_conversations', null, 'messaging.is_answered_v1(uuid,uuid)', 'boolean', 'stable',
            'invoker'
        ),
        (
            'v1_conversations', null, 'messaging.lock_conversation_v1(uuid,uuid)', 'text',
            'volatile', 'invoker'
        ),
        (
            'v1_conversations', null, 'messaging.pair_conversation_v1(uuid,uuid,uuid)', 'uuid',
            'stable', 'invoker'
        ),
        (
            'v1_conversations', null,
            'messaging.send_message_v1(uuid,uuid,uuid,uuid,uuid,text,timestamp with time zone)',
            'void', 'volatile', 'definer'
        ),
        (
            'v1_conversations', null,
            'messaging.start_conversation_v1(uuid,uuid,uuid,uuid,uuid,text,timestamp with time '
            'zone)',
            'void', 'volatile', 'definer'
        ),
        ('v1_conversations', null, 'messaging.v1_exists()', 'boolean', 'stable', 'invoker'),
        (
            'start_help_conversation', null,
            'messaging.start_help_conversation(uuid,uuid,text,text)', 'jsonb', 'volatile',
            'invoker'
        ),
        (
            'send_message', null, 'messaging.route_message(uuid,uuid,text,text)', 'jsonb',
            'volatile', 'invoker'
        ),
        (
            'send_message', null, 'messaging.send_once(uuid,uuid,text,uuid,text)', 'jsonb',
            'volatile', 'invoker'
        ),
        (
            'send_message', null, 'messaging.sent_message(uuid,uuid,uuid,text)', 'jsonb', 'stable',
            'invoker'
        ),
        (
            'merged_reading', null, 'messaging.conversation_version(uuid,uuid)', 'text', 'stable',
            'invoker'
        ),
        (
            'merged_reading', null, 'messaging.conversations_v1(uuid)', 'setof record', 'stable',
            'invoker'
        ),
        (
            'merged_reading', null, 'messaging.describe_conversations_v1(uuid[],uuid)',
            'setof messaging.listed_conversation', 'stable', 'invoker'
        ),
        (
            'merged_reading', null, 'messaging.read_messages_v1(uuid,text,boolean,integer)',
            'setof messaging.message', 'stable', 'invoker'
        ),
        (
            'v1_backfill', null, 'messaging.backfill_conversations(integer,boolean)', 'jsonb',
            'volatile', 'definer'
        ),
        ('v1_backfill', null, 'messaging.backfill_progress()', 'jsonb', 'stable', 'definer'),
        (
            'v1_backfill', null, 'messaging.copy_v1_conversations(uuid,uuid)', 'setof record',
            'volatile', 'invoker'
        ),
        (
            'v1_backfill', null,
            'messaging.copy_v1_messages(uuid,timestamp with time zone,uuid,uuid,timestamp with '
            'time zone,uuid)',
            'integer', 'volatile', 'invoker'
        ),
        ('v1_backfill', null, 'messaging.copy_v1_reads(uuid,uuid)', 'void', 'volatile', 'invoker'),
        (
            'v1_backfill', null, 'messaging.reconcile_backfill(timestamp with time zone)',
            'setof record', 'stable', 'definer'
        ),
        (
            'v1_backfill', null, 'messaging.v1_conversations_between(uuid,uuid)', 'setof record',
            'stable', 'invoker'
        ),
        ('v1_backfill', null, 'messaging.v1_is_there()', 'boolean', 'stable', 'invoker'),
        (
            'v1_backfill', null, 'messaging.v1_messages_between(uuid,uuid)', 'setof record',
            'stable', 'invoker'
        ),
        (
            'v1_backfill', null, 'messaging.v1_reads_between(uuid,uuid)', 'setof record', 'stable',
            'invoker'
        ),
        (
            'call_rollups', null, 'messaging.bucket_duration(integer)', 'double precision',
            'immutable', 'invoker'
        ),
        (
            'call_rollups', null,
            'messaging.call_counts(timestamp with time zone,timestamp with time zone)',
            'setof record', 'stable', 'invoker'
        ),
        (
            'call_rollups', null,
            'messaging.call_durations(timestamp with time zone,timestamp with time zone)',
            'setof record', 'stable', 'invoker'
        ),
        ('call_rollups', null, 'messaging.event_log_writers()', 'text[]', 'stable', 'invoker'),
        (
            'call_rollups', null, 'messaging.forget_rollups(messaging.rollup_state)',
            'timestamp with time zone', 'volatile', 'invoker'
        ),
        (
            'call_rollups', null, 'messaging.roll_up(timestamp with time zone)', 'jsonb',
            'volatile', 'definer'
        ),
        (
            'call_rollups', null,
            'messaging.roll_up_as_of(timestamp with time zone,timestamp with time zone)', 'jsonb',
            'volatile', 'invoker'
        ),
        (
            'call_rollups', null,
            'messaging.roll_up_calls(timestamp with time zone,timestamp with time zone)', 'bigint',
            'volatile', 'invoker'
        ),
        (
            'call_rollups', null, 'messaging.roll_up_through(timestamp with time zone)',
            'timestamp with time zone', 'volatile', 'invoker'
        ),
        (
            'call_rollups', null, 'messaging.sample_connections(timestamp with time zone)', 'void',
            'volatile', 'invoker'
        ),
        (
            'call_rollups', null,
            'messaging.whole_edge(timestamp with time zone,text,timestamp with time zone)',
            'timestamp with time zone', 'stable', 'invoker'
        ),
        ('monitoring', null, 'messaging.active_conversations()', 'bigint', 'stable', 'definer'),
        (
            'monitoring', null,
            'messaging.adoption(timestamp with time zone,timestamp with time zone)', 'setof record',
            'stable', 'definer'
        ),
        (
            'monitoring', null,
            'messaging.adoption_of_rollout(timestamp with time zone,timestamp with time zone)',
            'setof record', 'stable', 'invoker'
        ),
        (
            'monitoring', null,
            'messaging.completion(timestamp with time zone,timestamp with time zone)',
            'setof record', 'stable', 'definer'
        ),
        (
            'monitoring', null,
            'messaging.connection_failures(timestamp with time zone,timestamp with time zone)',
            'setof record', 'stable', 'invoker'
        ),
        ('monitoring', null, 'messaging.connections_used()', 'setof record', 'stable', 'invoker'),
        ('monitoring', null, 'messaging.creation_calls()', 'setof record', 'stable', 'definer'),
        (
            'monitoring', null,
            'messaging.creation_success(timestamp with time zone,timestamp with time zone)',
            'setof record', 'stable', 'definer'
        ),
        (
            'monitoring', null,
            'messaging.error_shares(timestamp with time zone,timestamp with time zone,boolean)',
            'setof record', 'stable', 'definer'
        ),
        ('monitoring', null, 'messaging.errors_total()', 'setof record', 'stable', 'definer'),
        ('monitoring', null, 'messaging.initial_messages()', 'setof record', 'stable', 'definer'),
        (
            'monitoring', null,
            'messaging.latencies(timestamp with time zone,timestamp with time zone)',
            'setof record', 'stable', 'definer'
        ),
        (
            'monitoring', null,
            'messaging.measure(text,timestamp with time zone,timestamp with time zone)',
            'setof record', 'stable', 'definer'
        ),
        (
            'monitoring', null,
            'messaging.messages_daily(timestamp with time zone,timestamp with time zone)',
            'setof record', 'stable', 'definer'
        ),
        ('monitoring', null, 'messaging.rollout_phases()', 'setof record', 'stable', 'invoker'),
        (
            'monitoring', null,
            'messaging.v1_after_full_rollout(timestamp with time zone,timestamp with time zone)',
            'setof record', 'stable', 'invoker'
        ),
        (
            'monitoring', null,
            'messaging.v1_creations(timestamp with time zone,timestamp with time zone)',
            'setof timestamp with time zone', 'stable', 'invoker'
        ),
        (
            'alert_rules', null,
            'messaging.evaluate_alerts(timestamp with time zone,timestamp with time zone)',
            'setof record', 'stable', 'definer'
        ),
        (
            'alert_rules', null,
            'messaging.measure_without_waiting(text,timestamp with time zone,timestamp with time '
            'zone)',
            'setof record', 'stable', 'invoker'
        ),
        ('alert_rules', null, 'messaging.metric_unit(text)', 'text', 'immutable', 'invoker'),
        (
            'alert_rules', null, 'messaging.note_alert_rule_author()', 'trigger', 'volatile',
            'invoker'
        ),
        (
            'alert_rules', null,
            'messaging.set_alert_rule(text,double precision,interval,bigint,boolean,text,text,'
            'text,text,boolean,boolean)',
            'jsonb', 'volatile', 'definer'
        ),
        (
            'rollout_gates', null, 'messaging.advance_rollout(text,text,boolean)', 'jsonb',
            'volatile', 'definer'
        ),
        (
            'rollout_gates', null, 'messaging.gate_condition_text(jsonb)', 'text', 'stable',
            'invoker'
        ),
        (
            'rollout_gates', null,
            'messaging.gate_conditions(text,integer,timestamp with time zone,timestamp with time '
            'zone)',
            'jsonb', 'stable', 'invoker'
        ),
        (
            'rollout_gates', null, 'messaging.guard_rollout(text)', 'jsonb', 'volatile', 'definer'
        ),
        (
            'rollout_gates', null, 'messaging.measure_gate(timestamp with time zone)', 'jsonb',
            'stable', 'invoker'
        ),
        ('rollout_gates', null, 'messaging.rollout_gate()', 'jsonb', 'stable', 'definer'),
        (
            'rollout_gates', null, 'messaging.rollout_phase(text,integer)', 'text', 'immutable',
            'invoker'
        ),
        (
            'rollout_gates', null, 'messaging.set_rollout_gate(text,text,text)', 'void',
            'volatile', 'definer'
        )
),

in_force as (
    select *
    from expected
    where expected.since = any(%(deployed)s::text [])
        and (expected.until = any(%(deployed)s::text [])) is not true
),

actual as (
    select
        routine.oid::regprocedure::text as signature,
        case when routine.proretset then 'setof ' else '' end
        || pg_catalog.format_type(routine.prorettype, null) as result,
        case routine.provolatile
            when 'i' then 'immutable'
            when 's' then 'stable'
            else 'volatile'
        end as volatility,
        case when routine.prosecdef then 'definer' else 'invoker' end as security,
        routine.proleakproof as is_leakproof,
        case routine.prokind
            when 'p' then 'procedure '
            when 'a' then 'aggregate '
            else 'function '
        end as kind
    from pg_catalog.pg_proc as routine
    where routine.pronamespace = pg_catalog.to_regnamespace('messaging')
)

select
    'error' as level,
    'function ' || expected.signature as object,
    case
        when actual.signature is null then 'is missing'
        else 'returns ' || actual.result || ', not ' || expected.result
    end as detail,
    'Run its `create or replace function ' || pg_catalog.split_part(expected.signature, '(', 1)
    || '` again, with its revoke and grant, from the last deployed change that has it: '
    'migrations/deploy/' || expected.since || '.sql or a later one.' as remediation
from in_force as expected
left join actual
    on expected.signature = actual.signature
where actual.signature is null or actual.result <> expected.result
union all
select
    'error',
    'function ' || expected.signature,
    'is ' || actual.volatility || ', security ' || actual.security
    || case when actual.is_leakproof then ' and leakproof' else '' end || ', not '
    || expected.volatility || ', security ' || expected.security,
    'alter function ' || expected.signature || ' ' || expected.volatility || ' security '
    || expected.security || ' not leakproof;'
from in_force as expected
inner join actual
    on expected.signature = actual.signature
where (actual.volatility, actual.security, actual.is_leakproof)
    <> (expected.volatility, expected.security, false)
union all
select
    'error',
    actual.kind || actual.signature,
    'is not of the plan, but in its schema',
    'drop ' || actual.kind || actual.signature || ';'
from actual
where not exists (
    select
    from expected
    where expected.signature = actual.signature
        and (expected.until = any(%(deployed)s::text [])) is not true
)
order by object, detail;
