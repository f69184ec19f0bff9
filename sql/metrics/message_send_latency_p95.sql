-- name: message_send_latency_p95
-- help: Seconds in which 95 % of the messages of V2 were sent.
-- unit: seconds
-- type: gauge
-- labels:
-- window: 1 hour
-- target: value < 0.5
select latency.p95 as value
from messaging.latencies(
    %(until)s::timestamptz - %(window)s::interval, %(until)s::timestamptz
) as latency
where latency.method = 'sendMessage';
