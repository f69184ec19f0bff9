-- name: error_distribution
-- help: Calls of V2 that failed, and their share of all calls, by code and in all.
-- unit: calls
-- type: gauge
-- labels: code
-- window: 1 hour
-- target:
select
    failed.code,
    failed.calls as count,
    failed.share
from messaging.error_shares(
    %(until)s::timestamptz - %(window)s::interval, %(until)s::timestamptz
) as failed
order by
    failed.calls desc,
    failed.code;
