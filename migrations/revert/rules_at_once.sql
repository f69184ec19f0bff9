-- Revert care_collective_messaging:rules_at_once from pg
--
-- What: drop the row, the triggers that keep it and their functions.
-- Why: all that it holds is made of other tables.
-- Requires: nothing that writes at once.
-- Transaction: yes.
--
-- squawk warns of drops: they are what a revert is for. The block below sees to the timeouts.
-- squawk-ignore-file ban-drop-function, ban-drop-table
-- squawk-ignore-file require-lock-timeout, require-statement-timeout

begin;

do $timeout$
begin
    if pg_catalog.current_setting('lock_timeout') = '0' then
        perform pg_catalog.set_config('lock_timeout', '5s', true);
    end if;
end;
$timeout$;

drop trigger content_patterns_keep_rules_at_once on messaging.content_patterns;
drop trigger content_patterns_take_turns on messaging.content_patterns;
drop trigger limits_keep_rules_at_once on messaging.limits;
drop trigger limits_take_turns on messaging.limits;
drop function messaging.keep_rules_at_once();
drop function messaging.read_rules_at_once();
drop function messaging.prohibited_at_once();
drop table messaging.rules_at_once;

commit;
