-- name: rpc_latency_seconds
-- help: How long calls of V2 took, by method and of all; exact over an hour, then within 1 %.
-- unit: seconds
-- type: gauge
-- labels: method
-- window: 1 hour
-- target: p95 < 0.5
select
    latency.method,
    latency.p50,
    latency.p95,
    latency.p99
from messaging.latencies(
    %(until)s::timestamptz - %(window)s::interval, %(until)s::timestamptz
) as latency
order by latency.method;
