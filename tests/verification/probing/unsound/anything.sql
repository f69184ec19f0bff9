-- What: reads by an argument of any type.
-- Finds: stranger_learns, function public.look_up(anyelement)

create function public.look_up(
    p_thing anyelement
)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $function$
    select pg_catalog.to_jsonb(conversation)
    from public.conversations_v2 as conversation
    where conversation.id::text = p_thing::text;
$function$;
