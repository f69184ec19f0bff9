-- What: writes for whoever is named.
-- Finds: impersonation, function public.quick_reply(uuid,uuid,text)

create function public.quick_reply(
    p_conversation_id uuid,
    p_sender_id uuid,
    p_content text
)
returns void
language sql
security definer
set search_path = ''
as $function$
    insert into public.messages_v2 (conversation_id, sender_id, content)
    values (p_conversation_id, p_sender_id, p_content);
$function$;
