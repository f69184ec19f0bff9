-- What: ten requests of one owner; answers their ids.
-- Why: each attempt of the demonstration answers a request that nobody has answered before.
-- Requires: the owner's profile (sql/sample).
-- Transaction: yes; the demonstration rolls it back.

insert into public.help_requests (user_id, title, category)
select
    %(requester_id)s,
    'Demonstration ' || attempt.number,
    'other'
from pg_catalog.generate_series(1, 10) as attempt (number)
returning id;
