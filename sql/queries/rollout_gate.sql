-- The gate of the present phase of the rollout, measured now.
select messaging.rollout_gate();
