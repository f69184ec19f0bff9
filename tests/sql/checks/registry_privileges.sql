-- case: written by signed-in users
-- finds: error table sqitch.changes: authenticated has insert, update
grant select, insert, update on table sqitch.changes to authenticated;

-- case: written by everybody
-- finds: error table sqitch.tags: public has delete
grant delete on table sqitch.tags to public;

-- case: silent about who reads it
grant select on all tables in schema sqitch to authenticated;
