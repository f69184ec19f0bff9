-- What: both limits have their row.
-- Why: starting conversations and writing rest on them; the functions refuse without one.
-- Silent: about how high an operator has set them.
-- Reads: messaging.limits.
with expected (action, maximum, period) as (
    values
        ('start_conversation', 10, '1 hour'),
        ('send_message', 50, '1 minute')
)

select
    'error' as level,
    'row ' || expected.action || ' of messaging.limits' as object,
    'is missing' as detail,
    'insert into messaging.limits (action, maximum, period) values (''' || expected.action
    || ''', ' || expected.maximum || ', ''' || expected.period || ''');' as remediation
from expected
where not exists (
    select
    from messaging.limits as actual
    where actual.action = expected.action
)
order by object;
