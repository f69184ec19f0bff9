-- What: writes for whoever is named, and counts in a table that numbers its rows.
-- Finds: impersonation, function public.counted_reply(uuid,uuid)

create table public.replies (
    id bigint generated always as identity primary key,
    at timestamptz not null default now()
);

create function public.counted_reply(
    p_conversation_id uuid,
    p_sender_id uuid
)
returns void
language plpgsql
security definer
set search_path = ''
as $function$
begin
    insert into public.messages_v2 (conversation_id, sender_id, content)
    values (p_conversation_id, p_sender_id, 'counted');
    insert into public.replies default values;
end;
$function$;
