-- What: checks who calls with <>, which is null for somebody who is not signed in.
-- Finds: impersonation, function public.my_conversations(uuid)

create function public.my_conversations(
    p_user_id uuid
)
returns table (id uuid, initial_message text)
language plpgsql
stable
security definer
set search_path = ''
as $function$
begin
    if p_user_id <> auth.uid() then
        raise exception 'not yours';
    end if;
    return query
    select
        conversation.id,
        conversation.initial_message
    from public.conversations_v2 as conversation
    where p_user_id in (conversation.requester_id, conversation.helper_id);
end;
$function$;
