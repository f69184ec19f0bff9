-- What: a view with the rights of its owner, through which rows can be changed.
-- Finds: direct_write, view public.outbox

create view public.outbox as
select
    message.id,
    message.content
from public.messages_v2 as message;
