-- What: takes a lock that a rollback does not give back.
-- Finds: not_probed, function public.take_lock(uuid)

create function public.take_lock(
    p_conversation_id uuid
)
returns bigint
language sql
security definer
set search_path = ''
as $function$
    select pg_catalog.count(*)
    from public.messages_v2 as message, pg_catalog.pg_advisory_lock(4711)
    where message.conversation_id = p_conversation_id;
$function$;
