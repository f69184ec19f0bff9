-- case: writes for anybody
-- finds: error function public.post(uuid,uuid,text): is not of the plan, reaches our tables
create function public.post(p_conversation_id uuid, p_sender_id uuid, p_content text)
returns void
language plpgsql
security definer
set search_path = ''
as $function$
begin
    insert into public.messages_v2 (conversation_id, sender_id, content)
    values (p_conversation_id, p_sender_id, p_content);
end;
$function$;

-- case: asks in a comment alone who calls
-- finds: error function public.all_messages(): is not of the plan, reaches our tables
create function public.all_messages()
returns setof public.messages_v2
language sql
security definer
as $function$
    -- auth.uid() is asked elsewhere
    select * from public.messages_v2;
$function$;

-- case: reads with a body of standard SQL
-- finds: error function public.count_messages(): is not of the plan, reaches our tables
create function public.count_messages()
returns bigint
language sql
security definer
return (select count(*) from public.messages_v2);

-- case: in another schema
-- finds: error function api.post(uuid,uuid): is not of the plan, reaches our tables
create schema api;
grant usage on schema api to authenticated;
create function api.post(uuid, uuid)
returns jsonb
language sql
security definer
as 'select messaging.send_message($1, $2, ''Hello'', ''x'')';

-- case: runs what it is given
-- finds: error function public.run(text): is not of the plan, runs what it is given
create function public.run(p_query text)
returns void
language plpgsql
security definer
as 'begin execute p_query; end';

-- case: runs what it is given in a statement of its own
-- finds: error function public.run(text): is not of the plan, runs what it is given
create function public.run(p_table text)
returns bigint
language plpgsql
security definer
as $function$
declare
    v_count bigint;
begin
    execute 'select count(*) from ' || p_table into v_count;
    return v_count;
end;
$function$;

-- case: formats what it is given
-- finds: error function public.run(text,integer): is not of the plan, runs what it is given
create function public.run(p_condition text, p_limit integer)
returns void
language plpgsql
security definer
as $function$
begin
    execute format('delete from public.help_requests where %s', p_condition);
end;
$function$;

-- case: silent about a function that asks who calls
create function public.my_message_count()
returns bigint
language sql
security definer
return (select count(*) from public.messages_v2 where sender_id = auth.uid());

-- case: silent about what comments say
create function public.nothing()
returns void
language sql
security definer
as $function$
    -- Once this was in messages_v2.
    select /* not messaging.send_message(), which
    is another */;
$function$;

-- case: silent about a function for the service
create function public.count_messages()
returns bigint
language sql
security definer
return (select count(*) from public.messages_v2);
revoke execute on function public.count_messages() from public, anon, authenticated;

-- case: silent about rights of the caller, triggers and other tables
create function public.count_messages()
returns bigint
language sql
return (select count(*) from public.messages_v2);
create function public.announce()
returns trigger
language plpgsql
security definer
as 'begin perform 1 from public.messages_v2; return new; end';
create function public.count_requests(p_category text)
returns bigint
language plpgsql
security definer
as $function$
begin
    execute 'analyze public.help_requests';
    execute 'delete from public.help_requests where category = $1' using p_category;
    execute format('delete from public.help_requests where category = %L', p_category);
    return (select count(*) from public.help_requests where category = p_category);
end;
$function$;
