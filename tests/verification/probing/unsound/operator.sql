-- What: lets everybody switch the limits off.
-- Finds: impersonation, function public.relax()

create function public.relax()
returns void
language sql
security definer
set search_path = ''
as $function$
    update messaging.limits set maximum = maximum + 1;
$function$;
