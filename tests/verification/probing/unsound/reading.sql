-- What: reads for whoever asks, by an argument whose name says nothing.
-- Finds: stranger_learns, function public.history(uuid)

create function public.history(
    p_id uuid
)
returns setof public.messages_v2
language sql
stable
security definer
set search_path = ''
as $function$
    select message.*
    from public.messages_v2 as message
    where message.conversation_id = p_id;
$function$;
