-- name: messages_sent_v2_daily
-- help: Messages written on each day (UTC) in V2, the first ones of conversations included.
-- unit: messages
-- type: gauge
-- labels: day
-- window: 7 days
-- target:
with sent (created_at) as (
    select message.created_at
    from public.messages_v2 as message
    where message.created_at >= pg_catalog.now() - %(window)s::interval
    union all
    select conversation.created_at
    from public.conversations_v2 as conversation
    where conversation.created_at >= pg_catalog.now() - %(window)s::interval
)
select
    (sent.created_at at time zone 'UTC')::date as day,
    pg_catalog.count(*) as value
from sent
group by day
order by day desc;
