-- What: whether V1 is there, and how much of it a pass still has to look at.
-- Why: the length of the progress bar, and the question before anything is copied.
select messaging.backfill_progress();
