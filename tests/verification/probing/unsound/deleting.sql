-- What: a procedure that deletes what anybody names.
-- Finds: impersonation, procedure public.forget(uuid)

create procedure public.forget(
    p_conversation_id uuid
)
language sql
security definer
set search_path = ''
as $function$
    delete from public.messages_v2 where messages_v2.conversation_id = p_conversation_id;
$function$;
