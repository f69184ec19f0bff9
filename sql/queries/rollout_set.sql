-- Change the rollout flag; the change goes into its history. Answers the new state.
select messaging.set_rollout(%(strategy)s, %(percentage)s, %(reason)s, %(changed_by)s);
