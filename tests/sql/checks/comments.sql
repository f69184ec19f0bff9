-- case: schema
-- finds: warning schema messaging: has no comment
comment on schema messaging is null;
-- mend:
comment on schema messaging is 'Something.';

-- case: table
-- finds: warning table public.messages_v2: has no comment
comment on table public.messages_v2 is null;
-- mend:
comment on table public.messages_v2 is 'Something.';

-- case: view
-- finds: warning view messaging.rpc_event_log: has no comment
comment on view messaging.rpc_event_log is null;
-- mend:
comment on view messaging.rpc_event_log is 'Something.';

-- case: type
-- finds: warning type messaging.message: has no comment
comment on type messaging.message is null;
-- mend:
comment on type messaging.message is 'Something.';

-- case: column
-- finds: warning column public.messages_v2.content: has no comment
comment on column public.messages_v2.content is null;
-- mend:
comment on column public.messages_v2.content is 'Something.';

-- case: function
-- finds: warning function public.send_message_v2(uuid,uuid,text): has no comment
comment on function public.send_message_v2(uuid, uuid, text) is null;
-- mend:
comment on function public.send_message_v2(uuid, uuid, text) is 'Something.';

-- case: policy
-- finds: warning policy messages_v2_insert_sender on public.messages_v2: has no comment
comment on policy messages_v2_insert_sender on public.messages_v2 is null;
-- mend:
comment on policy messages_v2_insert_sender on public.messages_v2 is 'Something.';

-- case: trigger
-- finds: warning trigger messages_v2_set_updated_at on public.messages_v2: has no comment
comment on trigger messages_v2_set_updated_at on public.messages_v2 is null;
-- mend:
comment on trigger messages_v2_set_updated_at on public.messages_v2 is 'Something.';

-- case: silent about partitions, and objects of others
comment on table messaging.rpc_events_default is null;
create table public.moods (mood text);
