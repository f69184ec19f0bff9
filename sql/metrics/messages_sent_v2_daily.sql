-- name: messages_sent_v2_daily
-- help: Messages written on each day (UTC) in V2, the first ones of conversations included.
-- unit: messages
-- type: gauge
-- labels: day
-- window: 7 days
-- target:
select
    sent.day,
    sent.messages as value
from messaging.messages_daily(
    %(until)s::timestamptz - %(window)s::interval, %(until)s::timestamptz
) as sent
order by sent.day desc;
