-- case: schema
-- as: superuser
-- finds: error schema messaging: belongs to service_role, not to {owner}
alter schema messaging owner to service_role;

-- case: table
-- as: superuser
-- finds: error table public.messages_v2: belongs to authenticated, not to {owner}
alter table public.messages_v2 owner to authenticated;

-- case: view
-- as: superuser
-- finds: error view messaging.rpc_event_log: belongs to supabase_admin, not to {owner}
alter view messaging.rpc_event_log owner to supabase_admin;

-- case: type
-- as: superuser
-- finds: error type messaging.message: belongs to service_role, not to {owner}
alter type messaging.message owner to service_role;

-- case: function
-- as: superuser
-- finds: error function public.send_message_v2(uuid,uuid,text): belongs to supabase_admin, not to {owner}
alter function public.send_message_v2(uuid, uuid, text) owner to supabase_admin;

-- case: the rights of the migrating role
-- as: superuser
-- finds: error function messaging.send_message_v1(uuid,uuid,uuid,uuid,uuid,text,timestamp with time zone): belongs to {owner}, not to authenticated
alter function messaging.send_message_v1 owner to {owner};

-- case: silent about objects of others
-- as: superuser
create table public.moods (mood text);
create function public.add(integer, integer) returns integer language sql return $1 + $2;
