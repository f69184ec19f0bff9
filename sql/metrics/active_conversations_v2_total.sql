-- name: active_conversations_v2_total
-- help: V2 conversations in which both people may write.
-- unit: conversations
-- type: gauge
-- labels:
-- window: now
-- target:
select pg_catalog.count(*) as value
from public.conversations_v2 as conversation
where conversation.status = 'active';
