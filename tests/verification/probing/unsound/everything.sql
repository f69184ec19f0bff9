-- What: shows everything to everybody, by way of a function that nobody may call.
-- Finds: impersonation, function public.latest()

create function public.latest_inner()
returns setof text
language sql
stable
set search_path = ''
as $function$
    select message.content
    from public.messages_v2 as message
    order by message.created_at desc
    limit 20;
$function$;
revoke all
    on function public.latest_inner()
    from public, anon, authenticated;

create function public.latest()
returns setof text
language sql
stable
security definer
set search_path = ''
as $function$
    select latest_inner from public.latest_inner();
$function$;
