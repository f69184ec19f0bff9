-- What: an aggregate, whose functions nobody needs a right to.
-- Finds: stranger_learns, aggregate public.contents(uuid)

create function public.add_content(
    p_sofar text,
    p_message_id uuid
)
returns text
language sql
stable
security definer
set search_path = ''
as $function$
    select pg_catalog.concat(p_sofar, message.content)
    from public.messages_v2 as message
    where message.id = p_message_id;
$function$;
revoke all
    on function public.add_content(text, uuid)
    from public, anon, authenticated;

create aggregate public.contents(uuid) (
    sfunc = public.add_content,
    stype = text
);
