-- What: says in an error what others wrote.
-- Finds: stranger_learns, function public.complain(uuid)

create function public.complain(
    p_conversation uuid
)
returns void
language plpgsql
security definer
set search_path = ''
as $function$
declare
    v_message text;
begin
    select conversation.initial_message
    into v_message
    from public.conversations_v2 as conversation
    where conversation.id = p_conversation;
    raise exception 'nothing can be done about "%"', v_message;
end;
$function$;
