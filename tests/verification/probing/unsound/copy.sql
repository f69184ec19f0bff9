-- What: a copy of the conversations that everybody may read.
-- Finds: direct_read, materialized view public.archive

create materialized view public.archive as
select conversation.initial_message
from public.conversations_v2 as conversation;
