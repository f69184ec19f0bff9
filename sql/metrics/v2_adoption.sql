-- name: v2_adoption
-- help: Conversations begun by day (UTC) in V2 and V1, and the share of V2; copies are V1.
-- unit: conversations
-- type: gauge
-- labels: day
-- window: 7 days
-- target: share by rollout
with begun (created_at, is_v2) as (
    select
        conversation.created_at,
        true
    from public.conversations_v2 as conversation
    where conversation.origin = 'v2'
        and conversation.created_at >= pg_catalog.now() - %(window)s::interval
    union all
    select
        conversation.created_at,
        false
    from public.conversations as conversation
    where conversation.created_at >= pg_catalog.now() - %(window)s::interval
)
select
    (begun.created_at at time zone 'UTC')::date as day,
    pg_catalog.count(*) filter (where begun.is_v2) as v2_conversations,
    pg_catalog.count(*) filter (where not begun.is_v2) as v1_conversations,
    pg_catalog.round(
        1.0 * pg_catalog.count(*) filter (where begun.is_v2) / pg_catalog.count(*), 4
    ) as share
from begun
group by day
order by day desc;
