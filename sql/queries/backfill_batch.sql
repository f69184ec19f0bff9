-- What: copy the next batch of V1 conversations into V2.
-- Why: one statement, hence one short transaction.
select messaging.backfill_conversations(%(limit)s, %(pass_over)s);
