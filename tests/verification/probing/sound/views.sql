-- What: views over conversations that show nobody what is not his.

create view public.own_conversations
with (security_invoker = true)
as
select
    conversation.id,
    conversation.initial_message
from public.conversations_v2 as conversation;

create view public.statistics as
select
    pg_catalog.date_trunc('day', conversation.created_at) as day,
    pg_catalog.count(*) as conversations
from public.conversations_v2 as conversation
group by pg_catalog.date_trunc('day', conversation.created_at);

create view public.for_operators as
select message.content
from public.messages_v2 as message;
revoke all
    on table public.for_operators
    from anon, authenticated;

-- The inner view looks with the rights of whoever asks, also through the outer one.
create view public.inner_view
with (security_invoker = true)
as
select
    message.id,
    message.content
from public.messages_v2 as message;

create view public.outer_view
with (security_invoker = true)
as
select
    inner_view.id,
    inner_view.content
from public.inner_view;
