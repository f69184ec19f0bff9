-- name: rpc_max_duration_seconds
-- help: The slowest call by method, whatever its version.
-- unit: seconds
-- type: gauge
-- labels: method
-- window: 5 minutes
-- target: value < 5
select
    longest.series as method,
    longest.value
from messaging.measure(
    'max_duration_seconds',
    %(until)s::timestamptz - %(window)s::interval,
    %(until)s::timestamptz
) as longest
where longest.sample > 0
order by longest.series;
