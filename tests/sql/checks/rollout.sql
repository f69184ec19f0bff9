-- case: no row
-- as: superuser
-- finds: error table messaging.rollout: has no row
set session_replication_role = replica;
delete from messaging.rollout;

-- case: unknown strategy
-- finds: error table messaging.rollout: has a strategy or a percentage that does not exist
alter table messaging.rollout drop constraint rollout_strategy_known;
update messaging.rollout set strategy = 'everybody';

-- case: percentage beyond
-- finds: error table messaging.rollout: has a strategy or a percentage that does not exist
alter table messaging.rollout drop constraint rollout_percentage_range;
update messaging.rollout set percentage = 101;

-- case: silent about which strategy it is
select messaging.set_rollout('percentage', 100, 'Everybody');
