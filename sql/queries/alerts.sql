-- Each alert rule, judged by the database: those that fire first, the worst of them first.
select
    alert.name,
    alert.severity,
    alert.state,
    alert.series,
    alert.metric,
    alert.value,
    alert.comparison,
    alert.threshold,
    alert.sample,
    alert.minimum_sample,
    alert.time_window,
    alert.rollback_trigger,
    alert.action,
    alert.unit,
    alert.data_expected
from messaging.evaluate_alerts() as alert;
