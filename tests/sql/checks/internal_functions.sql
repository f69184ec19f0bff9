-- case: security definer
-- finds: error function messaging.send_message(uuid,uuid,text,text): is volatile, security definer
alter function messaging.send_message(uuid, uuid, text, text) security definer;

-- case: immutable
-- finds: error function messaging.http_status(text): is immutable, security invoker, not stable
alter function messaging.http_status(text) immutable;

-- case: leakproof
-- as: superuser
-- finds: error function messaging.http_status(text): is stable, security invoker and leakproof
alter function messaging.http_status(text) leakproof;

-- case: missing
-- finds: error function messaging.set_limit(text,integer,interval): is missing
drop function messaging.set_limit(text, integer, interval);
-- mend:
create function messaging.set_limit(text, integer, interval)
returns void
language sql
security definer
as '';

-- case: another answer
-- finds: error function messaging.set_limit(text,integer,interval): returns integer, not void
drop function messaging.set_limit(text, integer, interval);
create function messaging.set_limit(text, integer, interval)
returns integer
language sql
security definer
as 'select 1';
-- mend:
drop function messaging.set_limit(text, integer, interval);
create function messaging.set_limit(text, integer, interval)
returns void
language sql
security definer
as '';

-- case: not of the plan
-- finds: error function messaging.back_door(uuid): is not of the plan
create function messaging.back_door(uuid) returns void language sql as '';

-- case: procedure
-- finds: error procedure messaging.tidy_up(): is not of the plan
create procedure messaging.tidy_up() language sql as '';
