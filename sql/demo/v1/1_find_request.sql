-- What: the V1 client looks up the request.
-- Why: the first of the statements with which V1 starts a conversation, each on its own.
-- Requires: sql/platform.
-- Transaction: yes.

select
    request.id,
    request.user_id,
    request.status
from public.help_requests as request
where request.id = %(help_request_id)s;
