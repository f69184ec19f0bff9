-- What: the flag has its one row, with a strategy that exists and a percentage from 0 to 100.
-- Why: with any other state V2 is off for everybody, which is safe and not what somebody meant.
-- Silent: about which strategy it is.
-- Reads: messaging.rollout.
select
    'error' as level,
    'table messaging.rollout' as object,
    'has no row, so that V2 is off for everybody' as detail,
    'insert into messaging.rollout (strategy, percentage, reason, changed_by) values '
    '(''disabled'', 0, ''The flag was gone'', session_user);' as remediation
where not exists (select from messaging.rollout)
union all
select
    'error',
    'table messaging.rollout',
    'has a strategy or a percentage that does not exist, so that V2 is off for everybody',
    'select messaging.set_rollout(''disabled'', null, ''The flag was not valid'');'
from messaging.rollout as flag
where (
    flag.strategy in ('disabled', 'internal', 'percentage', 'enabled')
    and flag.percentage between 0 and 100
) is not true
order by object, detail;
