-- name: duplicate_conversation_share
-- help: Attempts in V2 to begin a conversation that was there, as a share of all attempts.
-- unit: ratio
-- type: gauge
-- labels:
-- window: 1 hour
-- target: value < 0.10
select duplicates.value
from messaging.measure(
    'duplicate_share',
    %(until)s::timestamptz - %(window)s::interval,
    %(until)s::timestamptz
) as duplicates;
