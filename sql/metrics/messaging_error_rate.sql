-- name: messaging_error_rate
-- help: Share of the calls of V2 that failed on our side (HTTP 500 and above), by code and in all.
-- unit: ratio
-- type: gauge
-- labels: code
-- window: 1 hour
-- target: value < 0.01
select
    failed.code,
    failed.share as value
from messaging.error_shares(
    %(until)s::timestamptz - %(window)s::interval, %(until)s::timestamptz, true
) as failed
order by failed.code;
