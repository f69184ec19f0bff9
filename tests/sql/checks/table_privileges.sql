-- case: insert
-- finds: error table public.conversations_v2: authenticated has insert
grant insert on table public.conversations_v2 to authenticated;

-- case: anon
-- finds: error table public.messages_v2: anon has select
grant select on table public.messages_v2 to anon;

-- case: everybody
-- finds: error table public.conversation_reads_v2: public has delete, select
grant select, delete on table public.conversation_reads_v2 to public;

-- case: internal
-- finds: error table messaging.rollout: service_role has update
grant update on table messaging.rollout to service_role;

-- case: partition
-- finds: error table messaging.rpc_events_default: authenticated has select
grant select on table messaging.rpc_events_default to authenticated;

-- case: sequence
-- finds: error sequence messaging.rollout_history_id_seq: authenticated has usage
grant usage on sequence messaging.rollout_history_id_seq to authenticated;

-- case: somebody else
-- finds: warning table public.messages_v2: supabase_auth_admin has select
grant select on table public.messages_v2 to supabase_auth_admin;

-- case: may be passed on
-- finds: error table public.messages_v2: authenticated may pass on select
grant select on table public.messages_v2 to authenticated with grant option;

-- case: missing
-- finds: error table public.messages_v2: authenticated lacks select
revoke select on table public.messages_v2 from authenticated;

-- case: missing for the service
-- finds: error table public.messages_v2: service_role lacks delete, insert
revoke insert, delete on table public.messages_v2 from service_role;

-- case: silent about superusers and tables of others
grant all on table public.messages_v2 to supabase_admin;
create table public.moods (mood text);
grant all on table public.moods to anon;
