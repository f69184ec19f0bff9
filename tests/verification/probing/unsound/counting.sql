-- What: tells everybody how much somebody writes.
-- Finds: stranger_learns, function public.busyness(uuid)

create function public.busyness(
    p_user_id uuid
)
returns bigint
language sql
stable
security definer
set search_path = ''
as $function$
    select pg_catalog.count(*)
    from public.conversations_v2 as conversation
    where conversation.helper_id = p_user_id;
$function$;
