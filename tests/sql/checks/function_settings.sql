-- case: no search path
-- finds: error function public.send_message_v2(uuid,uuid,text): does not set search_path
alter function public.send_message_v2(uuid, uuid, text) reset search_path;

-- case: another search path
-- finds: error function messaging.failure(text,text,text,text,jsonb): sets search_path to public
alter function messaging.failure(text, text, text, text, jsonb) set search_path = public;

-- case: temporary objects first
-- finds: error function messaging.caller_id(): sets search_path to pg_temp, pg_catalog
alter function messaging.caller_id() set search_path = pg_temp, pg_catalog;

-- case: passes policies by
-- finds: error function public.send_message(uuid,text,uuid): sets row_security to off
alter function public.send_message(uuid, text, uuid) set row_security = off;

-- case: becomes somebody
-- finds: error function messaging.failure(text,text,text,text,jsonb): sets role to service_role
alter function messaging.failure(text, text, text, text, jsonb) set role = service_role;

-- case: silent about speed and functions of others
alter function public.send_message(uuid, text, uuid) set jit = off;
create function public.add(integer, integer) returns integer language sql return $1 + $2;
