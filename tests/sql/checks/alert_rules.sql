-- case: missing
-- finds: error row error_rate_critical of messaging.alert_rules: is missing
delete from messaging.alert_rules where name = 'error_rate_critical';

-- case: another metric
-- finds: error row error_rate_critical of messaging.alert_rules: fires where duplicate_share > its threshold, not where server_error_rate > it
select messaging.set_alert_rule('error_rate_critical', p_metric => 'duplicate_share');

-- case: the other way round
-- finds: error row creation_success_rollback of messaging.alert_rules: fires where creation_success_rate > its threshold
select messaging.set_alert_rule('creation_success_rollback', p_comparison => '>');

-- case: metric that nobody measures
-- finds: error row weather of messaging.alert_rules: looks at weather, which cannot be measured
insert into messaging.alert_rules (
    name, severity, metric, comparison, threshold, time_window, minimum_sample, action
)
values ('weather', 'info', 'weather', '>', 1, '1 hour', 1, 'Take an umbrella');

-- case: below nothing
-- finds: error row creation_success_critical of messaging.alert_rules: can never fire: creation_success_rate < 0 over 00:10:00
alter table messaging.alert_rules drop constraint alert_rules_threshold_can_be_passed;
update messaging.alert_rules set threshold = 0 where name = 'creation_success_critical';

-- case: above everything
-- finds: error row error_rate_critical of messaging.alert_rules: can never fire: server_error_rate > 1 over 00:05:00
alter table messaging.alert_rules drop constraint alert_rules_threshold_can_be_passed;
update messaging.alert_rules set threshold = 1 where name = 'error_rate_critical';

-- case: above no number
-- finds: error row slow_call_critical of messaging.alert_rules: can never fire: max_duration_seconds > NaN over 00:05:00
alter table messaging.alert_rules drop constraint alert_rules_threshold_range;
update messaging.alert_rules set threshold = 'NaN' where name = 'slow_call_critical';

-- case: over no time
-- finds: error row latency_warning of messaging.alert_rules: can never fire: latency_p95_seconds > 1 over 00:00:00
alter table messaging.alert_rules drop constraint alert_rules_time_window_range;
update messaging.alert_rules set time_window = '0' where name = 'latency_warning';

-- case: compares with nothing
-- finds: error row latency_warning of messaging.alert_rules: can never fire
-- finds: error row latency_warning of messaging.alert_rules: fires where latency_p95_seconds = its threshold
alter table messaging.alert_rules drop constraint alert_rules_comparison_known;
update messaging.alert_rules set comparison = '=' where name = 'latency_warning';

-- case: switched off
-- finds: info row duplicates_warning of messaging.alert_rules: is switched off since 2
select messaging.set_alert_rule('duplicates_warning', p_enabled => false);

-- case: no rollback trigger
-- finds: warning table messaging.alert_rules: has no rule that is enabled and a rollback trigger
update messaging.alert_rules set rollback_trigger = false;

-- case: silent about what was tuned
select messaging.set_alert_rule('error_rate_critical', 0.3, '1 hour', 5, p_severity => 'warning');
select messaging.set_alert_rule('creation_success_critical', p_rollback_trigger => false);

-- case: silent about further rules
select messaging.set_alert_rule(
    'sends_slowly', 2, '1 minute', 5, true, 'info', 'latency_p95_seconds', '>', 'Look'
);
