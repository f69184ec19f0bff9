-- name: messaging_errors_total
-- help: Calls of V2 that failed since the log began, by error code.
-- unit: calls
-- type: counter
-- labels: code
-- window: all
-- target:
select
    failed.code,
    failed.calls as value
from messaging.errors_total() as failed
order by failed.code;
