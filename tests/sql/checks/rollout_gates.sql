-- case: missing
-- finds: error row percentage 10 of messaging.rollout_gates: is missing
delete from messaging.rollout_gates where percentage = 10;

-- case: all missing
-- finds: error row enabled 100 of messaging.rollout_gates: is missing
-- finds: error row internal 0 of messaging.rollout_gates: is missing
-- finds: error row percentage 10 of messaging.rollout_gates: is missing
-- finds: error row percentage 50 of messaging.rollout_gates: is missing
delete from messaging.rollout_gates;

-- case: silent about how strict they are
select messaging.set_rollout_gate('percentage:10', 'minimum_age', '1 day');
select messaging.set_rollout_gate('internal', 'minimum_attempts', null);
