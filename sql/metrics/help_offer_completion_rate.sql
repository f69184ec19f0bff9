-- name: help_offer_completion_rate
-- help: Share of the V2 conversations begun in the window whose request was completed since.
-- unit: ratio
-- type: gauge
-- labels:
-- window: 30 days
-- target:
select
    pg_catalog.count(*) as conversations,
    pg_catalog.round(
        1.0 * pg_catalog.count(*) filter (where request.status::text = 'completed')
        / pg_catalog.count(*),
        4
    ) as value
from public.conversations_v2 as conversation
join public.help_requests as request
    on request.id = conversation.help_request_id
where conversation.created_at >= pg_catalog.now() - %(window)s::interval
having pg_catalog.count(*) > 0;
