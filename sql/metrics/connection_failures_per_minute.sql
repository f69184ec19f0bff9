-- name: connection_failures_per_minute
-- help: Connections that ended in a failure, a minute, between the samples of roll_up().
-- unit: connections
-- type: gauge
-- labels:
-- window: 1 minute
-- target: value < 10
select failed.value
from messaging.measure(
    'connection_failures_per_minute',
    %(until)s::timestamptz - %(window)s::interval,
    %(until)s::timestamptz
) as failed;
