-- What: lets everybody turn the flag.
-- Finds: impersonation, function public.try_new_messages()

create function public.try_new_messages()
returns void
language plpgsql
security definer
set search_path = ''
as $function$
begin
    perform messaging.set_rollout('enabled', null, 'everybody', 'me');
end;
$function$;
