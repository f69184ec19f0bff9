-- What: each phase of the rollout has its gate.
-- Why: the next phase is the next one that has a gate, so a phase without is passed over.
-- Silent: about what an operator has made of the conditions, and about further phases.
-- Reads: messaging.rollout_gates.
with expected (strategy, percentage, conditions, thresholds) as (
    values
        (
            'internal', 0, 'minimum_success_rate, minimum_attempts, minimum_age',
            '0.95, 20, ''3 days'''
        ),
        (
            'percentage', 10,
            'minimum_success_rate, maximum_error_rate, maximum_p95_seconds, minimum_age',
            '0.95, 0.01, 0.5, ''7 days'''
        ),
        ('percentage', 50, 'minimum_success_rate, minimum_age', '0.97, ''7 days'''),
        ('enabled', 100, 'minimum_success_rate, minimum_v1_free', '0.99, ''14 days''')
)

select
    'error' as level,
    'row ' || expected.strategy || ' ' || expected.percentage || ' of messaging.rollout_gates'
        as object,
    'is missing' as detail,
    'insert into messaging.rollout_gates (strategy, percentage, ' || expected.conditions
    || ') values (''' || expected.strategy || ''', ' || expected.percentage || ', '
    || expected.thresholds || ');' as remediation
from expected
where not exists (
    select
    from messaging.rollout_gates as actual
    where actual.strategy = expected.strategy
        and actual.percentage = expected.percentage
)
order by object;
