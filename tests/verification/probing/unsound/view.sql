-- What: a view with the rights of its owner, which shows and writes.
-- Finds: direct_read, view public.inbox

create view public.inbox as
select
    conversation.id,
    conversation.initial_message
from public.conversations_v2 as conversation;
