-- What: searches what everybody wrote.
-- Finds: stranger_learns, function public.search_messages(text)

create function public.search_messages(
    p_text text
)
returns setof text
language sql
stable
security definer
set search_path = ''
begin atomic
    select message.content
    from public.messages_v2 as message
    where message.content like '%' || p_text || '%';
end;
