-- case: everybody
-- finds: error function public.send_message_v2(uuid,uuid,text): public may call it
grant execute on function public.send_message_v2(uuid, uuid, text) to public;

-- case: anon
-- finds: error function public.is_messaging_v2_enabled(uuid): anon may call it
grant execute on function public.is_messaging_v2_enabled(uuid) to anon;

-- case: internal
-- finds: error function messaging.send_message(uuid,uuid,text,text): authenticated may call it
grant execute on function messaging.send_message(uuid, uuid, text, text) to authenticated;

-- case: somebody else
-- finds: warning function messaging.request_id(): supabase_auth_admin may call it
grant execute on function messaging.request_id() to supabase_auth_admin;

-- case: may be passed on
-- finds: error function public.send_message_v2(uuid,uuid,text): authenticated may call it, and let others call it
grant execute
    on function public.send_message_v2(uuid, uuid, text)
    to authenticated
    with grant option;

-- case: the rights of the caller are called by the caller
-- as: superuser
-- finds: error function messaging.send_message_v1(uuid,uuid,uuid,uuid,uuid,text,timestamp with time zone): authenticated may call it
grant execute on function messaging.send_message_v1 to authenticated;

-- case: missing
-- finds: error function public.send_message_v2(uuid,uuid,text): authenticated may not call it
revoke execute on function public.send_message_v2(uuid, uuid, text) from authenticated;

-- case: missing for operators
-- finds: error function messaging.set_limit(text,integer,interval): service_role may not call it
revoke execute on function messaging.set_limit(text, integer, interval) from service_role;

-- case: silent about superusers and functions of others
grant execute on function public.send_message_v2(uuid, uuid, text) to supabase_admin;
create function public.add(integer, integer) returns integer language sql return $1 + $2;
