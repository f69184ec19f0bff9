-- What: reads several conversations at once, given one by one.
-- Finds: stranger_learns, function public.digest(uuid[])

create function public.digest(
    variadic p_conversation_ids uuid[]
)
returns text
language sql
stable
security definer
set search_path = ''
as $function$
    select pg_catalog.string_agg(conversation.initial_message, ' ')
    from public.conversations_v2 as conversation
    where conversation.id = any (p_conversation_ids);
$function$;
