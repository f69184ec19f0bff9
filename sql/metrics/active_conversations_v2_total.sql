-- name: active_conversations_v2_total
-- help: V2 conversations in which both people may write.
-- unit: conversations
-- type: gauge
-- labels:
-- window: now
-- target:
select messaging.active_conversations() as value;
