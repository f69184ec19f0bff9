-- name: conversation_creation_success_rate
-- help: Conversations begun in V2 of all attempts that were not the caller's own fault.
-- unit: ratio
-- type: gauge
-- labels:
-- window: 24 hours
-- target: value > 0.99
select
    creation.value,
    creation.attempts,
    creation.succeeded,
    creation.caller_faults
from messaging.creation_success(
    %(until)s::timestamptz - %(window)s::interval, %(until)s::timestamptz
) as creation
where creation.attempts + creation.caller_faults > 0;
