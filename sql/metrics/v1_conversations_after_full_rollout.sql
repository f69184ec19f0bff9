-- name: v1_conversations_after_full_rollout
-- help: Conversations begun in V1 since the flag went to enabled; no data while it is not.
-- unit: conversations
-- type: gauge
-- labels:
-- window: all
-- target: value = 0
select late.value
from messaging.measure(
    'v1_creations_after_full_rollout', '-infinity', pg_catalog.now()
) as late;
