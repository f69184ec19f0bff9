-- What: the row of messaging.rules_at_once is what limits and patterns of prohibited content say.
-- Why: a call that is written at once asks that row alone, so an old one lets through what has been
--     prohibited since.
-- Silent: about what limits and patterns say.
-- Reads: messaging.rules_at_once, messaging.limits, messaging.content_patterns.
select
    'error' as level,
    'table messaging.rules_at_once' as object,
    coalesce(
        'is not what messaging.limits and messaging.content_patterns say: '
        || pg_catalog.to_jsonb(kept)::pg_catalog.text,
        'is empty, so that no call is written at once'
    ) as detail,
    'update messaging.limits set maximum = maximum;' as remediation
from messaging.read_rules_at_once() as expected
left join messaging.rules_at_once as kept
    on kept.id
where pg_catalog.to_jsonb(kept) is distinct from pg_catalog.to_jsonb(expected)
