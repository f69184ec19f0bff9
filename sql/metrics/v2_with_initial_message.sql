-- name: v2_with_initial_message
-- help: V2 conversations that have their first message; all, by a constraint: less means tampering.
-- unit: conversations
-- type: gauge
-- labels:
-- window: all
-- target: percent 100
with conversation as (
    select
        pg_catalog.count(*) as total,
        pg_catalog.count(*) filter (
            where conversations_v2.initial_message is not null
        ) as with_message
    from public.conversations_v2
)
select
    conversation.total,
    conversation.with_message,
    pg_catalog.round(100.0 * conversation.with_message / conversation.total, 2) as percent
from conversation
where conversation.total > 0;
