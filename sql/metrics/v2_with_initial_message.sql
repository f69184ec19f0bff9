-- name: v2_with_initial_message
-- help: V2 conversations that have their first message; all, by a constraint: less means tampering.
-- unit: conversations
-- type: gauge
-- labels:
-- window: all
-- target: percent = 100
select
    conversation.total,
    conversation.with_message,
    conversation.percent
from messaging.initial_messages() as conversation;
