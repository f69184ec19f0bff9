-- What: our tables have these triggers, all switched on, and no other; and so are the ones that
--     keep foreign keys.
-- Why: they keep updated_at, the time of the last message, who blocked, and the history of the
--     flag; a trigger of others may change, refuse or copy what people write.
-- Silent: where the table is missing, which relations says.
with expected (since, relation, name, definition) as (
    values
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.conversations_v2',
            'conversations_v2_set_updated_at',
            'CREATE TRIGGER conversations_v2_set_updated_at BEFORE UPDATE ON '
            'public.conversations_v2 FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE '
            'FUNCTION messaging.set_updated_at()'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2',
            'messages_v2_note_last_message',
            'CREATE TRIGGER messages_v2_note_last_message AFTER INSERT ON public.messages_v2 FOR '
            'EACH ROW EXECUTE FUNCTION messaging.note_last_message()'
        ),
        (
            'messaging_system_v2_atomic@v0.1.0', 'public.messages_v2',
            'messages_v2_set_updated_at',
            'CREATE TRIGGER messages_v2_set_updated_at BEFORE UPDATE ON public.messages_v2 FOR '
            'EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION '
            'messaging.set_updated_at()'
        ),
        (
            'rollout', 'messaging.rollout', 'rollout_keep_history',
            'CREATE TRIGGER rollout_keep_history AFTER INSERT OR UPDATE ON messaging.rollout FOR '
            'EACH ROW EXECUTE FUNCTION messaging.keep_rollout_history()'
        ),
        (
            'rollout', 'messaging.rollout', 'rollout_note_author',
            'CREATE TRIGGER rollout_note_author BEFORE UPDATE ON messaging.rollout FOR EACH ROW '
            'WHEN ((NOT (new.changed_at IS DISTINCT FROM old.changed_at))) EXECUTE FUNCTION '
            'messaging.note_rollout_author()'
        ),
        (
            'rollout', 'messaging.rollout', 'rollout_refuse_loss',
            'CREATE TRIGGER rollout_refuse_loss BEFORE DELETE OR TRUNCATE ON messaging.rollout '
            'FOR EACH STATEMENT EXECUTE FUNCTION messaging.refuse_rollout_loss()'
        ),
        (
            'rollout', 'messaging.rollout_history', 'rollout_history_refuse_loss',
            'CREATE TRIGGER rollout_history_refuse_loss BEFORE DELETE OR UPDATE OR TRUNCATE ON '
            'messaging.rollout_history FOR EACH STATEMENT EXECUTE FUNCTION '
            'messaging.refuse_rollout_loss()'
        ),
        (
            'moderation', 'messaging.allowed_link_domains', 'allowed_link_domains_note_author',
            'CREATE TRIGGER allowed_link_domains_note_author BEFORE INSERT OR UPDATE ON '
            'messaging.allowed_link_domains FOR EACH ROW EXECUTE FUNCTION '
            'messaging.note_moderation_author()'
        ),
        (
            'moderation', 'messaging.content_patterns', 'content_patterns_check_pattern',
            'CREATE TRIGGER content_patterns_check_pattern BEFORE INSERT OR UPDATE ON '
            'messaging.content_patterns FOR EACH ROW EXECUTE FUNCTION '
            'messaging.check_content_pattern()'
        ),
        (
            'moderation', 'messaging.content_patterns', 'content_patterns_note_author',
            'CREATE TRIGGER content_patterns_note_author BEFORE INSERT OR UPDATE ON '
            'messaging.content_patterns FOR EACH ROW EXECUTE FUNCTION '
            'messaging.note_moderation_author()'
        ),
        (
            'rules_at_once', 'messaging.content_patterns', 'content_patterns_keep_rules_at_once',
            'CREATE TRIGGER content_patterns_keep_rules_at_once AFTER INSERT OR DELETE OR UPDATE '
            'OR TRUNCATE ON messaging.content_patterns FOR EACH STATEMENT EXECUTE FUNCTION '
            'messaging.keep_rules_at_once()'
        ),
        (
            'rules_at_once', 'messaging.content_patterns', 'content_patterns_take_turns',
            'CREATE TRIGGER content_patterns_take_turns BEFORE INSERT OR DELETE OR UPDATE ON '
            'messaging.content_patterns FOR EACH STATEMENT EXECUTE FUNCTION '
            'messaging.keep_rules_at_once()'
        ),
        (
            'rules_at_once', 'messaging.limits', 'limits_keep_rules_at_once',
            'CREATE TRIGGER limits_keep_rules_at_once AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE '
            'ON messaging.limits FOR EACH STATEMENT EXECUTE FUNCTION '
            'messaging.keep_rules_at_once()'
        ),
        (
            'rules_at_once', 'messaging.limits', 'limits_take_turns',
            'CREATE TRIGGER limits_take_turns BEFORE INSERT OR DELETE OR UPDATE ON '
            'messaging.limits FOR EACH STATEMENT EXECUTE FUNCTION messaging.keep_rules_at_once()'
        ),
        (
            'conversation_status', 'public.conversations_v2', 'conversations_v2_guard_block',
            'CREATE TRIGGER conversations_v2_guard_block BEFORE UPDATE OF status, blocked_by ON '
            'public.conversations_v2 FOR EACH ROW WHEN (((old.status = ''blocked''::text) OR '
            '(new.status = ''blocked''::text))) EXECUTE FUNCTION messaging.guard_block()'
        ),
        (
            'alert_rules', 'messaging.alert_rules', 'alert_rules_note_author',
            'CREATE TRIGGER alert_rules_note_author BEFORE INSERT OR UPDATE ON '
            'messaging.alert_rules FOR EACH ROW EXECUTE FUNCTION '
            'messaging.note_alert_rule_author()'
        )
),

in_force as (
    select *
    from expected
    where expected.since = any(%(deployed)s::text [])
        and pg_catalog.to_regclass(expected.relation) is not null
),

actual as (
    select
        trigger.tgrelid::regclass::text as relation,
        pg_catalog.quote_ident(trigger.tgname) as name,
        pg_catalog.pg_get_triggerdef(trigger.oid) as definition,
        trigger.tgenabled <> 'O' as is_off
    from pg_catalog.pg_trigger as trigger
    inner join pg_catalog.pg_class as class
        on trigger.tgrelid = class.oid
    where trigger.tgrelid = any(%(relations)s::oid [])
        and not trigger.tgisinternal
        and not class.relispartition
)

select
    'error' as level,
    'trigger ' || expected.name || ' on ' || expected.relation as object,
    coalesce('is ' || actual.definition, 'is missing') as detail,
    case
        when actual.name is null then ''
        else 'drop trigger ' || expected.name || ' on ' || expected.relation || '; '
    end || expected.definition || ';' as remediation
from in_force as expected
left join actual
    on expected.relation = actual.relation and expected.name = actual.name
where actual.definition is distinct from expected.definition
union all
select
    'error',
    'trigger ' || actual.name || ' on ' || actual.relation,
    'is switched off, or runs for replicas',
    'alter table ' || actual.relation || ' enable trigger ' || actual.name || ';'
from actual
inner join expected
    on actual.relation = expected.relation and actual.name = expected.name
where actual.is_off
union all
select
    'warning',
    'trigger ' || actual.name || ' on ' || actual.relation,
    'is not of the plan: ' || actual.definition,
    'drop trigger ' || actual.name || ' on ' || actual.relation || ';'
from actual
where not exists (
    select
    from expected
    where expected.relation = actual.relation
        and expected.name = actual.name
)
union all
select distinct
    'error',
    'constraint ' || pg_catalog.quote_ident(rule.conname) || ' on '
    || rule.conrelid::regclass::text,
    'is not kept, since its triggers on ' || trigger.tgrelid::regclass::text || ' are off',
    'alter table ' || trigger.tgrelid::regclass::text || ' enable trigger all;'
from pg_catalog.pg_constraint as rule
inner join pg_catalog.pg_trigger as trigger
    on rule.oid = trigger.tgconstraint
where rule.conrelid = any(%(relations)s::oid [])
    and trigger.tgisinternal
    and trigger.tgenabled not in ('O', 'A')
order by object, detail;
