-- case: no state
-- finds: error table messaging.rollup_state: has no row
delete from messaging.rollup_state;

-- case: silent about roll-ups that were never made
update messaging.rollup_state
set rolled_up_until = '-infinity';
