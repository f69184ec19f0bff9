-- case: one more column
-- finds: error column public.conversations_v2.requester_id: authenticated has update
grant update (requester_id) on table public.conversations_v2 to authenticated;

-- case: everybody
-- finds: error column public.messages_v2.content: public has select
grant select (content) on table public.messages_v2 to public;

-- case: internal
-- finds: error column messaging.rollout.strategy: anon has update
grant update (strategy) on table messaging.rollout to anon;

-- case: may be passed on
-- finds: error column public.conversations_v2.status: authenticated may pass on update
grant update (status) on table public.conversations_v2 to authenticated with grant option;

-- case: missing
-- finds: error column public.conversations_v2.status: authenticated lacks update
revoke update (status) on table public.conversations_v2 from authenticated;
