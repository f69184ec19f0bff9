-- name: help_offer_completion_rate
-- help: Share of the V2 conversations begun in the window whose request was completed since.
-- unit: ratio
-- type: gauge
-- labels:
-- window: 30 days
-- target:
select
    completion.conversations,
    completion.share as value
from messaging.completion(
    %(until)s::timestamptz - %(window)s::interval, %(until)s::timestamptz
) as completion;
