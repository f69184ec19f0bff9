-- What: reads V1 for whoever asks.
-- Finds: stranger_learns, function public.old_messages(uuid)

create function public.old_messages(
    p_thread uuid
)
returns text[]
language sql
stable
security definer
set search_path = ''
as $function$
    select pg_catalog.array_agg(message.content)
    from public.messages as message
    where message.conversation_id = p_thread;
$function$;
