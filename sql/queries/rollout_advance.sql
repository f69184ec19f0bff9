-- Go on to the next phase of the rollout where the gate of the present one holds.
select messaging.advance_rollout(%(reason)s, %(changed_by)s, %(force)s);
