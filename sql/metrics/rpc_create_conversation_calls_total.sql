-- name: rpc_create_conversation_calls_total
-- help: Attempts to begin a conversation since the log began, by version and outcome.
-- unit: calls
-- type: counter
-- labels: version, outcome
-- window: all
-- target:
select
    counted.version,
    counted.outcome,
    counted.calls as value
from messaging.creation_calls() as counted
order by
    counted.version,
    counted.outcome;
