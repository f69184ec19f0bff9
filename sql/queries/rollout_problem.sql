-- What is wrong with the rollout flag, for which V2 is off; null where nothing is.
select messaging.rollout_problem();
