-- What: runs what it is given.
-- Finds: stranger_learns, function public.run_query(text)

create function public.run_query(
    p_query text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $function$
declare
    v_answer jsonb;
begin
    execute 'select jsonb_agg(to_jsonb(found)) from (' || p_query || ') as found'
    into v_answer;
    return v_answer;
end;
$function$;
