-- What: writes the row that it is given.
-- Finds: impersonation, function public.put(public.conversation_reads_v2)

create function public.put(
    p_read public.conversation_reads_v2
)
returns void
language sql
security definer
set search_path = ''
as $function$
    insert into public.conversation_reads_v2 (conversation_id, user_id, last_read_at)
    values (p_read.conversation_id, p_read.user_id, 'infinity')
    on conflict (conversation_id, user_id) do update
    set last_read_at = excluded.last_read_at;
$function$;
