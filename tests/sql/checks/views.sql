-- case: view
-- finds: error view public.all_messages: shows our tables to anon, authenticated
create view public.all_messages as select * from public.messages_v2;
grant select on public.all_messages to anon, authenticated;

-- case: said to be no security invoker
-- finds: error view public.all_messages: shows our tables to anon, authenticated
create view public.all_messages
    with (security_invoker = off)
    as select * from public.messages_v2;
grant select on public.all_messages to anon, authenticated;

-- case: through another view
-- finds: error view reports.messages: shows our tables to authenticated
create view public.inner_messages
    with (security_invoker = true)
    as select * from public.messages_v2;
create schema reports;
grant usage on schema reports to authenticated;
create view reports.messages as select content from public.inner_messages;
grant select (content) on reports.messages to authenticated;

-- case: materialized
-- finds: error materialized view public.message_cache: shows our tables to anon, authenticated
create materialized view public.message_cache as select * from public.messages_v2;
grant select on public.message_cache to anon, authenticated;

-- case: silent about the rights of the caller
create view public.my_messages
    with (security_invoker = true)
    as select * from public.messages_v2;

-- case: silent about what nobody but the service reads
create view public.all_messages as select * from public.messages_v2;
revoke all on public.all_messages from anon, authenticated;
create schema reports;
create view reports.messages as select * from public.messages_v2;
grant select on reports.messages to authenticated;

-- case: silent about views of other tables
create view public.names as select name from public.profiles;
