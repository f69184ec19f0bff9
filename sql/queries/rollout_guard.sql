-- Evaluate the rules; turn V2 off where one that is a rollback trigger fires.
select messaging.guard_rollout(%(changed_by)s);
