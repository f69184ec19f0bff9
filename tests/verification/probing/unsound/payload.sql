-- What: takes the sender from a JSON object, and swallows all errors.
-- Finds: impersonation, function public.webhook(jsonb)

create function public.webhook(
    payload jsonb
)
returns text
language plpgsql
security definer
set search_path = ''
as $function$
begin
    insert into public.messages_v2 (conversation_id, sender_id, content)
    values (
        (payload ->> 'conversation_id')::uuid,
        (payload ->> 'sender_id')::uuid,
        payload ->> 'content'
    );
    return 'ok';
exception
    when others then
        return 'ok';
end;
$function$;
