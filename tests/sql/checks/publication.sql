-- case: missing
-- finds: error publication supabase_realtime: has no public.messages_v2
alter publication supabase_realtime drop table public.messages_v2;

-- case: some rows
-- finds: error publication supabase_realtime: has public.messages_v2 not with all rows
alter publication supabase_realtime drop table public.messages_v2;
alter publication supabase_realtime add table public.messages_v2 where (id is not null);

-- case: some columns
-- finds: error publication supabase_realtime: has public.messages_v2 not with all rows
alter publication supabase_realtime drop table public.messages_v2;
alter publication supabase_realtime add table public.messages_v2 (id, content);

-- case: some commands
-- finds: error publication supabase_realtime: does not publish every insert
alter publication supabase_realtime set (publish = 'insert');

-- case: no replica identity
-- finds: error table public.conversations_v2: has no replica identity
alter table public.conversations_v2 replica identity nothing;

-- case: read state
-- finds: error publication supabase_realtime: has public.conversation_reads_v2, which is for no subscriber
alter publication supabase_realtime add table public.conversation_reads_v2;

-- case: internals
-- as: superuser
-- finds: error publication supabase_realtime: has all tables in schema messaging
alter publication supabase_realtime add tables in schema messaging;

-- case: silent where there is none
drop publication supabase_realtime;

-- case: silent about a publication of all tables
-- as: superuser
drop publication supabase_realtime;
create publication supabase_realtime for all tables;

-- case: silent about tables of others
alter publication supabase_realtime add table public.profiles;
