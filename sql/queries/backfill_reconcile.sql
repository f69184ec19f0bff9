-- What: the rows of V1 that V2 has not got equal, and counts of those that it has.
-- Why: the proof that nothing is lost.
select
    found.kind,
    found.outcome,
    found.reason,
    found.id::text,
    found.conversation_id::text,
    found.number
from messaging.reconcile_backfill(coalesce(%(as_of)s::timestamptz, 'infinity')) as found;
