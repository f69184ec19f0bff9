-- What: tells a stranger whether there is such a conversation.
-- Finds: stranger_learns, function public.is_taken(text)

create function public.is_taken(
    p_conversation_id text
)
returns boolean
language sql
stable
security definer
set search_path = ''
as $function$
    select exists (
        select
        from public.conversations_v2 as conversation
        where conversation.id = p_conversation_id::uuid
    );
$function$;
