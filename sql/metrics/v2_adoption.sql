-- name: v2_adoption
-- help: Conversations begun by day (UTC) in V2 and V1, and the share of V2; copies are V1.
-- unit: conversations
-- type: gauge
-- labels: day
-- window: 7 days
-- target:
select
    adopted.day,
    adopted.v2_conversations,
    adopted.v1_conversations,
    adopted.share
from messaging.adoption(
    %(until)s::timestamptz - %(window)s::interval, %(until)s::timestamptz
) as adopted
order by adopted.day desc;
