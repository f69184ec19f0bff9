-- The rollout flag, what is wrong with it, the testers and the newest changes of the flag.
select messaging.rollout_status(%(history)s);
