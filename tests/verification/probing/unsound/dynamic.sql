-- What: writes by a statement that it puts together.
-- Finds: impersonation, function public.write_anywhere(text,uuid,uuid)

create function public.write_anywhere(
    p_version text,
    p_conversation_id uuid,
    p_sender_id uuid
)
returns void
language plpgsql
security definer
set search_path = ''
as $function$
begin
    execute pg_catalog.format(
        'insert into public.%I (conversation_id, sender_id, content) values ($1, $2, $3)',
        case p_version when 'v1' then 'messages' else 'messages_v2' end
    )
    using p_conversation_id, p_sender_id, 'written';
end;
$function$;
